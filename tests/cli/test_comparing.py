"""`compare`, `scores report`, `table --against` and `--plot` from the outside."""

import csv
import json
import re
from pathlib import Path

import pytest
from commands import call, write_experiment

ROWS = """\
matrix:
  network.name: [R3D, MC3]
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which a small experiment of two networks is done."""
    folder = tmp_path_factory.mktemp("compared")
    assert call("train", write_experiment(folder, ROWS), "--home", folder).code == 0
    return folder


def run(home: Path, row: str) -> str:
    return f"{home / 'small.yaml'}#{row}"


def test_two_runs_beside_each_other(home: Path, tmp_path: Path) -> None:
    """Differences with p, the settings that differ, and the videos that flip, all of them in the file."""
    flips = tmp_path / "flips.csv"
    shown = call("compare", run(home, "R3D"), run(home, "MC3"), "--home", home, "--flips", flips)
    assert shown.code == 0
    assert "B - A on 4 videos, seed 0" in shown.out
    assert re.search(r"video@1 +all +[\d.]+ ± [\d.]+ .* mcnemar +1.000", shown.out)
    assert re.search(r"network.name +R3D +MC3", shown.out)
    found = re.search(r"of 4 videos, only A has (\d) right, only B (\d)", shown.out)
    assert found
    rows = list(csv.DictReader(flips.read_text().splitlines()))
    assert [sum(row["right"] == which for row in rows) for which in ("first", "second")] == [*map(int, found.groups())]


def test_one_metric_as_json(home: Path) -> None:
    """--json is JSON and nothing else; --metric leaves the others out."""
    shown = call("compare", run(home, "R3D"), run(home, "MC3"), "--home", home, "--metric", "video@1", "--json")
    (found,) = json.loads(shown.out)
    assert [one["metric"] for one in found["metrics"]] == ["video@1"]
    assert {"p", "test", "interval"} <= found["metrics"][0]["difference"].keys()
    assert found["settings"] == [{"name": "network.name", "first": "R3D", "second": "MC3"}]


def test_a_run_with_itself(home: Path) -> None:
    """Nothing differs, and nothing is said to."""
    shown = call("compare", run(home, "R3D"), run(home, "R3D"), "--home", home)
    assert "no setting differs" in shown.out
    assert "only A has 0 right, only B 0" in shown.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["R3D"], "one run can't be compared"),
        (["R3D", "MC4"], "has no row 'MC4'"),
        (["R3D", "MC3", "--metric", "video@5"], "is no metric that all of the runs have"),
    ],
)
def test_mistakes_end_with_2(home: Path, arguments: list[str], message: str) -> None:
    """A message, and the exit code of a mistake in what was asked."""
    names = [argument if argument in ("--metric", "video@5") else run(home, argument) for argument in arguments]
    shown = call("compare", *names, "--home", home)
    assert (shown.code, message in shown.err) == (2, True)


def test_a_report_by_class(home: Path, tmp_path: Path) -> None:
    """Both classes with their interval, and the confusion matrix as a picture."""
    picture = tmp_path / "matrix.png"
    shown = call("scores", "report", run(home, "R3D"), "--home", home, "--confusion", picture)
    assert shown.code == 0
    assert "most often taken for" in shown.out
    assert all(re.search(rf" {name} +2 +[\d.]+ +[\d.]+ to [\d.]+", shown.out) for name in ("dark", "bright"))
    assert picture.read_bytes().startswith(b"\x89PNG")
    found = json.loads(call("scores", "report", run(home, "R3D"), "--home", home, "--json").out)
    assert found["class_names"] == ["bright", "dark"]
    assert sum(map(sum, found["confusion"])) == 4


def test_a_table_against_one_row_with_its_picture(home: Path, tmp_path: Path) -> None:
    """The columns of the comparison, and a picture beside the printed table."""
    picture = tmp_path / "table.svg"
    path = home / "small.yaml"
    shown = call("table", path, "--home", home, "--against", "R3D", "--plot", picture, "--format", "markdown")
    assert shown.code == 0
    assert "against R3D (95 % CI)" in shown.out
    assert picture.read_text().startswith("<?xml")
    assert str(picture) in shown.err


@pytest.mark.parametrize(
    "arguments", [["table", "PATH", "--plot", "x.gif"], ["scores", "report", "PATH#R3D", "--confusion", "x.gif"]]
)
def test_pictures_of_unknown_kind_are_refused(home: Path, arguments: list[str]) -> None:
    """Before anything is done, with the kinds there are."""
    shown = call(*(word.replace("PATH", str(home / "small.yaml")) for word in arguments), "--home", home)
    assert shown.code == 2
    assert "legal: .png, .pdf, .svg" in shown.err
