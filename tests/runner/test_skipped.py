"""Videos that can't be used are an error that names them, or left out of everything and accounted for."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from broken_videos import cut, rot
from small_experiment import load, records_by_digest, run, write_experiment

from videobench.errors import DataError
from videobench.evaluation.score_store import existing_store
from videobench.models.weights.native import load_weights
from videobench.records import Record, read_videos
from videobench.runner import inputs
from videobench.runner.plan import make_plan
from videobench.runner.stored import stored_run
from videobench.runner.workspace import Workspace
from videobench.spec.base import digest

SKIP = "data.on_error=skip"
BROKEN = ("dark/0", "red/1")


def videos_of(home: Path, subset: str, names: Sequence[str] = BROKEN) -> list[Path]:
    return [home / "videos" / subset / f"{name}.mp4" for name in names]


def only_record(home: Path) -> Record:
    (record,) = records_by_digest(home).values()
    return record


def ledger(home: Path) -> list[dict[str, object]]:
    lines = (home / "runs" / "index" / "small.failures.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


@pytest.fixture
def half_broken(tmp_path: Path) -> Path:
    """The small experiment with files in both subsets that are cut, or no videos at all."""
    path = write_experiment(tmp_path)
    for subset in ("train", "test"):
        truncated, text = videos_of(tmp_path, subset)
        cut(truncated)
        text.write_text("not a video\n")
    return path


def test_by_default_broken_videos_are_an_error(half_broken: Path, tmp_path: Path) -> None:
    """It names the files and offers to leave them out; nothing is begun."""
    with pytest.raises(DataError, match="2 of 6 videos can't be used") as caught:
        run(half_broken, tmp_path)
    assert all(str(path) in str(caught.value) for path in videos_of(tmp_path, "train"))
    assert "--set data.on_error=skip" in str(caught.value)
    assert not records_by_digest(tmp_path)


def test_skipped_videos_are_accounted_for(half_broken: Path, tmp_path: Path) -> None:
    """The others are trained on and measured; record, card, log, ledger and output say which are missing, and why."""
    done = run(half_broken, tmp_path, SKIP)
    assert not done.outcome.failures
    data = only_record(tmp_path).data
    assert (data.num_expected, data.num_evaluated) == (6, 4)
    assert [skipped.video for skipped in data.skipped] == ["test/dark/0.mp4", "test/red/1.mp4"]
    assert "can't be opened as a video" in data.skipped[1].reason
    assert str(tmp_path) not in data.skipped[1].reason
    outcomes = read_videos(tmp_path / "results" / "records", done.plan.evaluations[0].digest)
    assert sorted(outcome.video for outcome in outcomes) == sorted(
        f"test/{name}.mp4" for name in ("dark/1", "bright/0", "bright/1", "red/0")
    )
    folder = Workspace(tmp_path).training(done.plan.trainings[0].digest)
    assert set(load_weights(folder.weights)[1]["skipped_videos"]) == {"train/dark/0.mp4", "train/red/1.mp4"}
    assert '"skipped_videos": {"train/dark/0.mp4"' in folder.log.read_text().splitlines()[0]
    assert [line["file"] for line in ledger(tmp_path)] == [
        str(path) for subset in ("train", "test") for path in videos_of(tmp_path, subset)
    ]
    (ready,) = (event for event in done.events if event.kind == "finished" and event.key == "small, test")
    assert ready.values == {"skipped": 2, "total": 6, "ledger": str(tmp_path / "runs/index/small.failures.jsonl")}


def test_the_policy_decides_what_is_measured(half_broken: Path, tmp_path: Path) -> None:
    """Leaving videos out is another experiment than failing; saying what is the default anyway is none."""
    plain, skipping, failing = (
        make_plan(load(half_broken, *settings), Workspace(tmp_path)).evaluations[0].evaluation
        for settings in ([], [SKIP], ["data.on_error=fail"])
    )
    assert digest(plain) == digest(failing) != digest(skipping)


def test_later_runs_leave_out_the_same(half_broken: Path, tmp_path: Path) -> None:
    """Another protocol, in a process that opens the set anew, finds all its scores and has no file to read."""
    run(half_broken, tmp_path, SKIP)
    inputs._opened.clear()
    again = run(half_broken, tmp_path, SKIP, "evaluate.protocol=clip")
    assert again.started("evaluation")[0].values["num_views"] == 0
    one, other = records_by_digest(tmp_path).values()
    assert one.data == other.data
    assert len(ledger(tmp_path)) == 4


def rotten(home: Path) -> Path:
    """Train and measure a clip of each video in ``home``, then damage test videos that are known to be whole."""
    path = write_experiment(home)
    run(path, home, SKIP, "evaluate.protocol=clip")
    for record in (home / "results" / "records").iterdir():
        if record.is_file():
            record.unlink()
    for video in videos_of(home, "test"):
        rot(video)
    inputs._opened.clear()
    return path


def test_what_cannot_be_decoded_is_left_out_of_the_cache(tmp_path: Path) -> None:
    """Videos that broke after they were indexed are found when all are decoded, and skipped like the others."""
    path = rotten(tmp_path)
    for cache in (tmp_path / "runs" / "frames").iterdir():
        cache.unlink()
    done = run(path, tmp_path, SKIP)
    assert not done.outcome.failures
    data = only_record(tmp_path).data
    assert [skipped.video for skipped in data.skipped] == ["test/dark/0.mp4", "test/red/1.mp4"]
    assert (data.num_expected, data.num_evaluated) == (6, 4)
    assert len(list((tmp_path / "runs" / "frames").glob("*.frames"))) == 1


def test_what_cannot_be_read_half_way_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A video that fails while it is measured loses all its views, stored ones too; the others keep theirs."""
    monkeypatch.setattr(inputs, "MAX_CACHE_BYTES", 0)
    path = rotten(tmp_path)
    done = run(path, tmp_path, SKIP)
    assert not done.outcome.failures
    record = only_record(tmp_path)
    assert [skipped.video for skipped in record.data.skipped] == ["test/dark/0.mp4", "test/red/1.mp4"]
    assert record.cost.clips == 4 * 9, "the first clip of each was stored"
    assert {line["video"] for line in ledger(tmp_path)} == {"test/dark/0.mp4", "test/red/1.mp4"}
    stored = stored_run(record, Workspace(tmp_path))
    assert sorted(stored.scores.videos) == sorted(video.id for video in stored.videos.videos)
    assert len(stored.scores.videos) == 4
    whole, smaller = sorted(len(existing_store(key.parent).frame()) for key in tmp_path.glob("runs/scores/*/key.json"))
    assert (whole, smaller) == (40, 42)
    inputs._opened.clear()
    again = run(path, tmp_path, SKIP, "evaluate.protocol=clip")
    assert again.started("evaluation")[0].values["num_views"] == 0
    assert {record.data.fingerprint for record in records_by_digest(tmp_path).values()} == {record.data.fingerprint}


def test_what_cannot_be_read_half_way_is_an_error_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the policy the run fails and names the file."""
    monkeypatch.setattr(inputs, "MAX_CACHE_BYTES", 0)
    path = write_experiment(tmp_path)
    run(path, tmp_path, "evaluate.protocol=clip")
    for video in videos_of(tmp_path, "test"):
        rot(video)
    (failure,) = run(path, tmp_path).outcome.failures
    assert isinstance(failure.error, DataError)
    assert any(str(video) in str(failure.error) for video in videos_of(tmp_path, "test"))
    assert len(records_by_digest(tmp_path)) == 1


@pytest.fixture
def rotting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The small experiment, whose videos of both subsets are known to be whole and then damaged."""
    monkeypatch.setattr(inputs, "MAX_CACHE_BYTES", 0)
    path = write_experiment(tmp_path)
    run(path, tmp_path, SKIP, "recipe.epochs=1")
    for subset in ("train", "test"):
        for video in videos_of(tmp_path, subset):
            rot(video)
    inputs._opened.clear()
    return path


def test_a_training_begins_again_without_what_it_cannot_read(rotting: Path, tmp_path: Path) -> None:
    """Its weights are those of a training that never had these videos; its log, its card and the output tell."""
    done = run(rotting, tmp_path, SKIP)
    assert not done.outcome.failures
    (node,) = done.plan.trainings
    folder = Workspace(tmp_path).training(node.digest)
    weights, card = load_weights(folder.weights)
    assert set(card["skipped_videos"]) == {"train/dark/0.mp4", "train/red/1.mp4"}
    assert {line["video"] for line in ledger(tmp_path)} >= set(card["skipped_videos"])
    assert {event.values["start"] for event in done.started("training")} == {"from scratch"}
    told = [event.values for event in done.events if event.key == "small, train" and "skipped" in event.values]
    assert (told[-1]["skipped"], told[-1]["total"]) == (2, 6)
    shutil.rmtree(folder.path)
    shutil.rmtree(tmp_path / "results")
    inputs._opened.clear()
    again = run(rotting, tmp_path, SKIP)
    assert len(again.started("training")) == 1
    never = load_weights(folder.weights)[0]
    assert all(torch.equal(weights[name], never[name]) for name in weights)


def test_a_training_does_not_go_on_without_what_it_cannot_read_by_default(rotting: Path, tmp_path: Path) -> None:
    """It fails, names the file and says how to leave it out."""
    (failure,) = run(rotting, tmp_path).outcome.failures
    assert isinstance(failure.error, DataError)
    assert any(str(video) in str(failure.error) for video in videos_of(tmp_path, "train"))
    assert "--set data.on_error=skip" in str(failure.error)


def test_a_training_is_watched_on_what_can_be_read(rotting: Path, tmp_path: Path) -> None:
    """A video that fails while the network is measured has the training begin again as well."""
    watched = ("validation.videos=6", "validation.every_epochs=1")
    done = run(rotting, tmp_path, SKIP, *watched)
    assert not done.outcome.failures
    told = {event.key: event.values for event in done.events if "skipped" in event.values}
    assert (told["small, test"]["skipped"], told["small, test"]["total"]) == (2, 6)


def test_nothing_left(tmp_path: Path) -> None:
    """Where all videos are broken, leaving them out is no way out."""
    path = write_experiment(tmp_path)
    for video in (tmp_path / "videos" / "test").rglob("*.mp4"):
        cut(video)
    with pytest.raises(DataError, match="6 of 6 videos can't be used"):
        run(path, tmp_path, SKIP)
