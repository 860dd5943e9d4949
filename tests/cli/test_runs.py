"""What train, eval and finetune do from the outside."""

import json
from pathlib import Path

import pytest
from commands import BASE, call, write_experiment, write_videos

from videobench.records import all_records

TWO_ROWS = "matrix:\n  network.name: [R3D, MC3]\n"


def test_train_then_nothing_then_eval(tmp_path: Path) -> None:
    """train fills the table and says what it does; a second one does nothing; eval measures in another way."""
    path = write_experiment(tmp_path, TWO_ROWS)
    first = call("train", path, "--home", tmp_path)
    assert first.code == 0
    assert "2 trainings and 2 evaluations to do" in first.err
    assert "[1/4] R3D: trained in" in first.err
    assert "training 2 steps from scratch" in first.err
    assert "R3D" in first.out
    assert "pending" not in first.out
    second = call("train", path, "--home", tmp_path)
    assert "everything is done" in second.err
    assert second.out == first.out
    assert call("table", path, "--home", tmp_path).out == first.out
    measured = call("eval", path, "--home", tmp_path, "--set", "evaluate.protocol=video_10", "--only", "MC3")
    assert measured.code == 0
    assert "0 trainings and 1 evaluations to do" in measured.err
    assert "R3D" not in measured.out
    assert len(list(all_records(tmp_path / "results" / "records"))) == 3


def test_settings_are_recorded(tmp_path: Path) -> None:
    """What --set changes is in the record, and a changed setting is another training."""
    path = write_experiment(tmp_path)
    assert call("train", path, "--home", tmp_path).code == 0
    assert call("train", path, "--home", tmp_path, "--set", "recipe.epochs=2").code == 0
    records = list(all_records(tmp_path / "results" / "records"))
    assert sorted(record.training["recipe"]["epochs"] for record in records if record.training) == [1.0, 2.0]
    assert len({record.training_digest for record in records}) == 2


def test_finetune_from_a_row_and_from_a_file(tmp_path: Path) -> None:
    """Both ways start from the same weights; for other classes a new classifier is announced."""
    path = write_experiment(tmp_path)
    assert call("train", path, "--home", tmp_path).code == 0
    (weights,) = (tmp_path / "runs" / "trainings").glob("*/weights.safetensors")
    write_videos(tmp_path / "three", classes=("a", "b", "c"))
    other = tmp_path / "other.yaml"
    other.write_text(BASE.replace("name: small, root: videos", "name: three, root: three"))
    by_row = call("finetune", other, "--from", f"{path}#small", "--home", tmp_path)
    assert by_row.code == 0, by_row.err
    assert "classifier replaced by a new one for 3 classes" in by_row.err
    by_file = call("finetune", other, "--from", weights, "--home", tmp_path)
    assert by_file.code == 0, by_file.err
    assert f"from {weights}: " in by_file.err
    assert "2 start anew, classifier replaced" in by_file.err
    same_classes = call("finetune", path, "--from", weights, "--home", tmp_path, "--set", "recipe.epochs=2")
    assert same_classes.code == 0, same_classes.err
    assert "classifier" not in same_classes.err
    tuned = [file.read_bytes() for file in (tmp_path / "runs" / "trainings").glob("*/weights.safetensors")]
    assert len(tuned) == 4
    assert len(set(tuned)) == 3, "the same start, data and recipe give the same weights"


def test_classes_of_other_names_get_a_new_classifier(tmp_path: Path) -> None:
    """As many classes under other names are other classes: the classifier isn't carried over."""
    path = write_experiment(tmp_path)
    assert call("train", path, "--home", tmp_path).code == 0
    write_videos(tmp_path / "renamed", classes=("one", "two"))
    other = tmp_path / "other.yaml"
    other.write_text(BASE.replace("name: small, root: videos", "name: renamed, root: renamed"))
    tuned = call("finetune", other, "--from", f"{path}#small", "--home", tmp_path)
    assert "classifier replaced by a new one for 2 classes" in tuned.err


def test_keep_going_and_failed(tmp_path: Path) -> None:
    """The summary counts failures and what was not run; --failed then takes up only what failed."""
    (tmp_path / "broken.safetensors").write_bytes(b"not weights")
    rows = "rows:\n  bad: {init: {file: broken.safetensors}}\n  good: {network: {name: MC3}}\n"
    path = write_experiment(tmp_path, rows)
    assert "nothing failed last time" in call("train", path, "--home", tmp_path, "--failed").out
    stopped = call("train", path, "--home", tmp_path)
    assert stopped.code == 4
    assert "1 failed, 3 not run; first: bad:" in stopped.err
    assert "--keep-going" in stopped.err
    gone_on = call("train", path, "--home", tmp_path, "--keep-going")
    assert gone_on.code == 4
    assert "1 failed, 1 not run" in gone_on.err
    assert "good" in gone_on.out, "what went well is shown"
    again = call("train", path, "--home", tmp_path, "--failed")
    assert "1 trainings and 1 evaluations to do" in again.err
    assert "good" not in again.err


def test_plan_counts_and_measures(tmp_path: Path) -> None:
    """Before a run the plan has no times; after it, rows are done and times come from the records."""
    path = write_experiment(tmp_path, TWO_ROWS)
    before = json.loads(call("plan", path, "--home", tmp_path, "--json").out)
    assert [row["seconds"] for row in before["rows"]] == [None, None]
    assert [item["state"] for item in before["trainings"]] == ["missing", "missing"]
    assert "2 of 2 trainings to do" in call("plan", path, "--home", tmp_path).out
    assert call("train", path, "--home", tmp_path, "--only", "R3D").code == 0
    after = json.loads(call("plan", path, "--home", tmp_path, "--json").out)
    assert [row["trained"] for row in after["rows"]] == [1, 0]
    assert after["rows"][0]["seconds"] > 0
    assert after["rows"][1]["seconds"] is None


def test_plan_names_what_is_missing(tmp_path: Path) -> None:
    """Data and weights that aren't here stand in the plan, each with the way to get it."""
    path = write_experiment(tmp_path, base=BASE.replace("root: videos", "root: elsewhere"))
    shown = call("plan", path, "--home", tmp_path)
    assert shown.code == 0
    assert "missing data:" in shown.out
    assert "elsewhere" in shown.out


def test_plan_of_a_big_table_fits_a_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Table 2's 24 rows with three seeds each are 24 lines of at most 120 columns."""
    monkeypatch.setenv("COLUMNS", "120")
    shown = call("plan", "closer_look/table2", "--scale", "cpu", "--home", tmp_path)
    lines = shown.out.splitlines()
    assert max(map(len, lines)) <= 120
    assert len([line for line in lines if " of 3" in line]) == 24
