"""What a user sees of numbers that are not what they seem: refused with a way out, or printed with a footnote."""

import shutil
from pathlib import Path

import pytest
from commands import BASE, call, write_experiment, write_videos

FOLDED = BASE.replace("name: small", "name: small, folds: 2")
ROWS = "rows:\n  plain: {}\n  chosen: {select: {type: best, subset: test}}\n"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which a network is trained on fold 1, and another whose epoch was chosen on its test videos."""
    home = tmp_path_factory.mktemp("home")
    shutil.move(write_videos(home / "all") / "train", home / "videos")
    assert call("train", write_experiment(home, ROWS, base=FOLDED), "--home", home).code == 0
    return home


def test_a_choice_on_the_test_videos_is_a_footnote(home: Path) -> None:
    """Only the row whose epoch was chosen has it, and every format prints it."""
    note = "the epoch was chosen by video@1 on the test videos themselves: optimistic"
    printed = call("table", home / "small.yaml", "--home", home).out
    assert f"[1] {note}" in " ".join(printed.split())
    rows = {line.split()[0]: line for line in printed.splitlines() if line.startswith(("plain", "chosen"))}
    assert "[1]" in rows["chosen"]
    assert "[1]" not in rows["plain"]
    assert note in call("table", home / "small.yaml", "--home", home, "--format", "markdown").out


def test_weights_from_another_fold(home: Path, tmp_path: Path) -> None:
    """A file that has seen the videos ends the run with 4 and the way to force it; forced, the table says so."""
    (folder, *_) = (home / "runs" / "trainings").iterdir()
    arguments = ("eval", home / "small.yaml", "--home", tmp_path, "--only", "plain", "--set", "data.split=2",
                 "--set", f"weights.file={folder / 'weights.safetensors'}")  # fmt: skip
    refused = call(*arguments)
    assert refused.code == 4
    assert "trained on the train videos of small, split 1 of 2; the test videos of split 2 of 2 may be" in refused.err
    assert not list((tmp_path / "results" / "records").glob("*.json"))
    assert "evaluate.allow_seen_videos: true forces it" in refused.err
    forced = call(*arguments, "--set", "evaluate.allow_seen_videos=true")
    assert forced.code == 0
    assert "the test videos of split 2 of 2 may be among them; forced" in " ".join(forced.out.split())


def test_an_experiment_that_leaks(home: Path, tmp_path: Path) -> None:
    """One that measures on another split than it trains on is refused by its line before anything runs."""
    path = home / "leak.yaml"
    path.write_text(f"{FOLDED}rows:\n  a:\n    evaluate:\n      data: {{split: 2}}\n")
    result = call("train", path, "--home", tmp_path)
    assert result.code == 2
    assert "leak.yaml:14: evaluate.data: the network was trained on the train videos of small" in result.err
    assert not (tmp_path / "runs").exists()
