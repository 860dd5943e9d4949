"""`videobench scores` and `eval --from-scores` from the outside, and the page about them."""

import contextlib
import io
import json
import os
import re
import shutil
import time
from pathlib import Path

import pandas as pd
import pytest
from commands import Result, call, write_experiment

from videobench.records import all_records

PAGE = (Path(__file__).parents[2] / "docs" / "scores.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which the small experiment is done with ten clips a video, without its videos."""
    home = tmp_path_factory.mktemp("trained")
    path = write_experiment(home)
    assert call("train", path, "--home", home).code == 0
    assert call("eval", path, "--home", home, "--set", "evaluate.protocol=video_10").code == 0
    shutil.rmtree(home / "videos")
    return home


@pytest.fixture
def home(trained: Path, tmp_path: Path) -> Path:
    """A copy of that home of one's own."""
    shutil.copytree(trained, tmp_path / "home")
    return tmp_path / "home"


@pytest.fixture
def away(home: Path) -> Path:
    """The home with nothing but the scores and the experiment's file."""
    shutil.rmtree(home / "results")
    for folder in (home / "runs").iterdir():
        if folder.name != "scores":
            shutil.rmtree(folder)
    return home


def scores(home: Path, command: str, *arguments: str | Path) -> Result:
    return call("scores", command, *arguments, "--home", home)


def grow_old(home: Path) -> None:
    """Make all that is stored look as if it had been written two hours ago."""
    for path in (home / "runs" / "scores").rglob("*"):
        os.utime(path, (time.time() - 7200,) * 2)


def test_the_group_lists_its_commands() -> None:
    """Its help has an example of each."""
    shown = call("scores", "--help").out
    for command in ("ls", "export", "report", "gc"):
        assert f"videobench scores {command}" in shown


def test_list(home: Path) -> None:
    """A line a store for people, with what is damaged below; everything for programs."""
    shown = scores(home, "ls")
    assert shown.code == 0
    (line,) = [line for line in shown.out.splitlines() if "R3D-18" in line]
    assert "small test" in line
    assert "rgb resize 16x16 fast_bilinear crop 16 " in line
    assert "damaged and left out" not in shown.out
    (key,) = (home / "runs" / "scores").glob("*/key.json")
    (key.parent / "shard-9.parquet").write_bytes(b"no shard")
    assert f"damaged and left out: {key.parent}/shard-9.parquet: " in scores(home, "ls").out
    (store,) = json.loads(scores(home, "ls", "--json").out)
    assert store["folder"] == str(key.parent)
    assert (store["num_videos"], store["num_views"]) == (4, 4 * 5)  # six frames have five clips of two
    assert list(store["unreadable"]) == ["shard-9.parquet"]


def test_a_home_without_scores(tmp_path: Path) -> None:
    """There is nothing to list or to clear up, which is no error."""
    assert scores(tmp_path, "ls").out == "no scores are stored here\n"
    assert json.loads(scores(tmp_path, "ls", "--json").out) == []
    assert scores(tmp_path, "gc").out == "there is nothing to clear up\n"


def test_export(home: Path, tmp_path: Path) -> None:
    """A row of an experiment or a record's digest becomes a table; --per chooses its rows, the suffix its kind."""
    shown = scores(home, "export", f"{home / 'small.yaml'}#small", tmp_path / "videos.csv")
    assert shown.out == f"wrote 4 videos of 1 evaluations to {tmp_path / 'videos.csv'}\n"
    assert pd.read_csv(tmp_path / "videos.csv")["num_views"].tolist() == [1] * 4
    ten_clips = next(record for record in all_records(home / "results" / "records") if record.cost.clips > 4)
    assert scores(home, "export", ten_clips.digest[:8], tmp_path / "views.parquet", "--per", "view").code == 0
    assert pd.read_parquet(tmp_path / "views.parquet")["count"].sum() == 40


@pytest.mark.parametrize(
    ("run", "file", "code", "text"),
    [
        ("small.yaml#large", "t.csv", 2, "has no row 'large'"),
        ("0123abcd", "t.csv", 2, "no record begins with it"),
        ("small.yaml#small", "t.xlsx", 2, "legal endings: .csv, .parquet"),
        ("small.yaml#small", "nowhere/t.csv", 3, "can't write"),
    ],
)
def test_export_of_what_is_not_there(
    home: Path, monkeypatch: pytest.MonkeyPatch, run: str, file: str, code: int, text: str
) -> None:
    """Runs, kinds of files and folders that don't exist are one message."""
    monkeypatch.chdir(home)
    result = scores(home, "export", run, file)
    assert result.code == code
    assert text in result.err


def test_clearing_up_needs_a_yes(away: Path) -> None:
    """What nothing refers to is listed with its size; only --yes deletes it, and then nothing is left to clear up."""
    grow_old(away)
    (key,) = (away / "runs" / "scores").glob("*/key.json")
    listed = scores(away, "gc")
    assert listed.code == 0
    assert str(key.parent) in listed.out
    assert "its weights belong to no training and no record here" in listed.out
    assert re.search(r"^[\d.]+ kB in all; nothing is deleted without --yes$", listed.out, flags=re.MULTILINE)
    assert key.exists()
    deleted = scores(away, "gc", "--yes")
    assert re.search(r"^deleted [\d.]+ kB$", deleted.out, flags=re.MULTILINE)
    assert not key.parent.exists()
    assert scores(away, "gc").out == "there is nothing to clear up\n"


def test_eval_from_scores(trained: Path, away: Path) -> None:
    """With nothing but scores it prints the table that the direct evaluation printed; after it, gc keeps the scores."""
    path = away / "small.yaml"
    ten = ("--set", "evaluate.protocol=video_10")
    assert call("eval", path, "--home", away, *ten).code == 4, "without the option it needs the weights"
    shown = call("eval", path, "--home", away, "--from-scores", *ten)
    assert shown.code == 0, shown.err
    assert "0 trainings and 1 evaluations to do" in shown.err
    assert "small: 0 of 20 views to compute, 20 stored" in shown.err
    assert "0 views computed, 20 from the store" in shown.err
    direct = call("table", trained / "small.yaml", "--home", trained, *ten).out
    assert shown.out.splitlines()[-1] == direct.splitlines()[-1]
    assert "everything is done" in call("eval", path, "--home", away, "--from-scores", *ten).err
    grow_old(away)
    assert scores(away, "gc").out == "there is nothing to clear up\n"


def test_eval_from_scores_that_are_missing(away: Path) -> None:
    """Exit code 5 with the number of views, and no record; options that could change nothing are refused."""
    path = away / "small.yaml"
    missing = call("eval", path, "--home", away, "--from-scores", "--set", "evaluate.clip.frames=3")
    assert missing.code == 5
    assert "4 of 4 videos lack views, 4 views in all" in missing.err
    assert not list((away / "results").rglob("*.json"))
    for option in (["--jobs", "2"], ["--device", "cpu"]):
        refused = call("eval", path, "--home", away, "--from-scores", *option)
        assert refused.code == 2
        assert f"{option[0]}: not with --from-scores" in refused.err


def test_the_examples_of_the_page_run(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """pandas reads the store and an exported table as the page says."""
    monkeypatch.chdir(home)
    assert call("scores", "export", f"{home / 'small.yaml'}#small", "r3d.csv").code == 0
    reading, exported = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    names: dict[str, object] = {}
    exec(reading, names)
    assert names["logits"].shape == (20, 2)
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown):
        exec(exported, {})
    assert "video_hit" in shown.getvalue()


def test_the_page_names_the_commands_that_are() -> None:
    """Every command of the group has its row, and the lines of a run are worded as the program words them."""
    from videobench_cli.wording import describe

    from videobench.runner.events import Event

    assert re.findall(r"^\| `videobench scores (\w+)", PAGE, flags=re.MULTILINE) == ["ls", "export", "report", "gc"]
    values = {"num_views": 54, "stored": 66, "unreadable": 0}
    assert f"R3D: {describe(Event('started', 'evaluation', 'k', 'R3D', values))}\n" in PAGE
    values = {"computed": 54, "stored": 66, "unreadable": 0, "seconds": 1.0, "video@1": 66.7}
    assert f"[1/1] R3D: {describe(Event('finished', 'evaluation', 'k', 'R3D', values))}\n" in PAGE
