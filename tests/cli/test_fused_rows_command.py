"""Rows that fuse others, as a user meets them."""

import json
import shutil
from pathlib import Path

import pytest
from commands import call, write_experiment

ROWS = """\
rows:
  plain: {}
  other: {network: {name: MC3}}
  both: {fuse: {one: "#plain", two: "#other"}}
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("trained")
    done = call("train", write_experiment(home, ROWS), "--home", home)
    assert done.code == 0, done.err
    assert "2 trainings and 2 evaluations, 1 fusions to do" in done.err
    assert "both: fusing the stored scores of" in done.err
    assert "[5/5] both: video@1 " in done.err
    return home


def test_its_table(trained: Path) -> None:
    """It stands there like any other row, with a note of what it is made of, and can be compared with."""
    shown = call("table", trained / "small.yaml", "--home", trained, "--against", "plain")
    assert shown.code == 0, shown.err
    (line,) = [line for line in shown.out.splitlines() if line.startswith("both ")]
    assert "pending" not in line
    assert "fused from one = " in shown.out
    shown = call("compare", f"{trained}/small.yaml#both", f"{trained}/small.yaml#plain", "--home", trained)
    assert shown.code == 0, shown.err


def test_its_record_is_that_of_the_command(trained: Path) -> None:
    """`eval --fuse` of the same rows makes a record of the same name."""
    runs = f"one={trained}/small.yaml#plain,two={trained}/small.yaml#other"
    fused = json.loads(call("eval", "--fuse", runs, "--home", trained, "--json").out)
    rows = json.loads(call("plan", trained / "small.yaml", "--settings", "--home", trained, "--json").out)
    (both,) = [row for row in rows if row["row"] == "both"]
    assert fused["records"] == both["evaluations"]
    assert both["settings"]["fuse.two"] == f"{trained}/small.yaml#other"


def test_its_plan(trained: Path) -> None:
    """It says what it fuses, and --json what it needs."""
    shown = call("plan", trained / "small.yaml", "--home", trained)
    (line,) = [line for line in shown.out.splitlines() if line.startswith(" both ")]
    assert "fuses one and two" in line
    assert "1 of 1" in line
    found = json.loads(call("plan", trained / "small.yaml", "--home", trained, "--json").out)
    (fusion,) = found["fusions"]
    assert [fusion["streams"]["one"], fusion["streams"]["two"]] == [item["digest"] for item in found["evaluations"]]
    assert fusion["state"] == "done"


def test_what_it_needs_is_named(trained: Path, tmp_path: Path) -> None:
    """`eval` of it alone says which trainings are missing for it; with stored scores alone it can be made again."""
    path = write_experiment(tmp_path, ROWS)
    refused = call("eval", path, "--only", "both", "--home", tmp_path)
    assert refused.code == 4
    assert "2 trainings are not finished: both (one), both (two)" in refused.err
    pending = call("table", path, "--home", tmp_path)
    assert f"videobench train {path} --scale cpu --only both" in " ".join(pending.out.split())
    home = tmp_path / "home"
    shutil.copytree(trained, home)
    shutil.rmtree(home / "videos")
    shutil.rmtree(home / "results")
    again = call("eval", home / "small.yaml", "--only", "both", "--from-scores", "--home", home)
    assert again.code == 0, again.err
    assert "3/3" in again.err
