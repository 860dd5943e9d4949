"""Evaluating where there are neither videos nor weights, and what is asked for instead."""

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from small_experiment import Run, load, records_by_digest, run, write_experiment

from videobench.errors import DataError, IncompleteError, WeightsError
from videobench.evaluation.score_store import stores_under
from videobench.models.classifier import Classifier
from videobench.records import Record, read_videos
from videobench.runner import inputs
from videobench.runner.events import Event
from videobench.runner.from_scores import execute_from_scores
from videobench.runner.plan import make_plan
from videobench.runner.workspace import Workspace


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which the small experiment is done with ten clips a video; the experiment lies in it."""
    home = tmp_path_factory.mktemp("trained")
    run(write_experiment(home), home)
    return home


@pytest.fixture
def away(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Another machine: it has the scores and the experiment's file, no videos, and no network may run."""
    home = tmp_path / "away"
    shutil.copytree(trained / "runs" / "scores", home / "runs" / "scores")
    shutil.copy(trained / "small.yaml", home)

    forward = Classifier.forward

    def count_only(model: Classifier, clips: torch.Tensor) -> torch.Tensor:
        assert clips.is_meta, "the network ran"  # on the meta device its multiply-accumulates are counted
        return forward(model, clips)

    monkeypatch.setattr(Classifier, "forward", count_only)
    return home


def from_scores(home: Path, *settings: str, keep_going: bool = False, name: str = "small.yaml") -> Run:
    plan = make_plan(load(home / name, *settings), Workspace(home))
    events: list[Event] = []
    outcome = execute_from_scores(plan, Workspace(home), keep_going=keep_going, report=events.append)
    return Run(plan, outcome, events)


def failures(done: Run) -> Sequence[Exception]:
    return [failure.error for failure in done.outcome.failures]


def only_record(home: Path) -> Record:
    (record,) = records_by_digest(home).values()
    return record


def test_the_record_is_that_of_the_direct_evaluation(trained: Path, away: Path) -> None:
    """Every number, every video and the training's cost are the same; no clip was computed."""
    done = from_scores(away)
    assert not done.outcome.failures
    direct, stored = only_record(trained), only_record(away)
    where_and_when = {name: getattr(direct, name) for name in ("training", "evaluation", "cost", "created")}
    assert replace(stored, **where_and_when) == direct
    assert stored.cost.clips == 0
    assert stored.cost.training_seconds == direct.cost.training_seconds is not None
    folders = [Workspace(home).records for home in (trained, away)]
    assert read_videos(folders[0], direct.digest) == read_videos(folders[1], direct.digest)
    assert [(event.kind, event.values["stored"]) for event in done.events] == [("started", 60), ("finished", 60)]
    assert from_scores(away).events == [], "what has a record is done"


def test_a_smaller_protocol_is_contained(away: Path) -> None:
    """One clip a video needs nothing but what ten clips have stored."""
    assert not from_scores(away, "evaluate.protocol=clip").outcome.failures
    assert only_record(away).metrics.keys() >= {"clip@1", "video@1"}


def test_missing_views_are_counted_and_no_record_is_written(away: Path) -> None:
    """Exit code 5 with the number of views that would have to be computed."""
    (error,) = failures(from_scores(away, "evaluate.protocol=video_20"))
    assert isinstance(error, IncompleteError)
    assert "6 of 6 videos lack views, 18 views in all" in str(error)
    assert "`videobench eval`, where the videos and the weights are" in str(error)
    assert records_by_digest(away) == {}


@pytest.mark.parametrize("setting", ["seed=7", "evaluate.clip.crop=8", "network.name=R2D"])
def test_scores_of_something_else_do_not_count(away: Path, setting: str) -> None:
    """Other weights or another preprocessing: all views are missing, and their number is said."""
    (error,) = failures(from_scores(away, setting))
    assert isinstance(error, IncompleteError)
    assert "none of the 60 views of small, test, is stored for these weights and this preprocessing" in str(error)
    assert records_by_digest(away) == {}


def test_the_list_of_videos_has_to_be_there(away: Path) -> None:
    """Scores without their list of videos can't be judged: DataError with what to bring."""
    shutil.rmtree(away / "runs" / "scores" / "sets")
    (error,) = failures(from_scores(away))
    assert isinstance(error, DataError)
    assert "list of the videos of small, test, is not here\nbring the folder runs/scores/sets along" in str(error)


def test_a_damaged_list_of_videos_is_named(away: Path) -> None:
    """A list that can't be read is a data error with its path."""
    (path,) = (away / "runs" / "scores" / "sets").glob("*.json")
    path.write_text(path.read_text()[:200])
    (error,) = failures(from_scores(away))
    assert isinstance(error, DataError)
    assert f"{path}: not a list of videos" in str(error)


def test_without_keep_going_the_first_failure_is_the_last(away: Path) -> None:
    """With it, the rows whose scores are there get their records."""
    (away / "two.yaml").write_text((away / "small.yaml").read_text() + "matrix:\n  evaluate.protocol.clips: [20, 10]\n")
    stopped = from_scores(away, name="two.yaml")
    assert (len(failures(stopped)), len(stopped.outcome.skipped)) == (1, 1)
    assert [event.kind for event in stopped.events] == ["failed"]
    gone_on = from_scores(away, name="two.yaml", keep_going=True)
    assert (len(failures(gone_on)), len(gone_on.outcome.finished)) == (1, 1)
    assert len(records_by_digest(away)) == 1


def test_weights_from_a_file_are_known_by_their_sha256(trained: Path, away: Path) -> None:
    """A file that is stated with its sha256 need not be here; what its card said is in the record all the same."""
    (store,) = stores_under(Workspace(away).scores)
    weights = f"  weights: {{file: nowhere.safetensors, sha256: {store.key.weights_sha256}}}\n"
    (away / "file.yaml").write_text((away / "small.yaml").read_text() + weights)
    assert not from_scores(away, name="file.yaml").outcome.failures
    assert only_record(away).metrics == only_record(trained).metrics
    assert only_record(away).training is None


def forget_origin(home: Path) -> None:
    """Make the store one of an earlier version, which doesn't say where its weights came from."""
    (path,) = (home / "runs" / "scores").glob("*/key.json")
    content = json.loads(path.read_text())
    del content["origin"]
    path.write_text(json.dumps(content))


def test_a_store_of_an_earlier_version_needs_the_card_of_the_weights(trained: Path, away: Path) -> None:
    """The card alone, without the weights, says whose scores these are."""
    forget_origin(away)
    (error,) = failures(from_scores(away))
    assert "none of the 60 views" in str(error)
    (card,) = (trained / "runs" / "trainings").glob("*/weights.json")
    (away / "runs" / "trainings" / card.parent.name).mkdir(parents=True)
    shutil.copy(card, away / "runs" / "trainings" / card.parent.name)
    assert not from_scores(away).outcome.failures
    assert only_record(away).metrics == only_record(trained).metrics


def test_two_sets_of_weights_of_one_training_are_not_mixed_up(away: Path) -> None:
    """Trained on two machines, a training has two sets of weights: which is meant must be said, by its card."""
    (store,) = stores_under(Workspace(away).scores)
    key = replace(store.key, weights_sha256="f" * 64)
    other = store.folder.parent / key.hash16
    shutil.copytree(store.folder, other)
    content = json.loads((other / "key.json").read_text())
    (other / "key.json").write_text(json.dumps({**content, "weights_sha256": key.weights_sha256}))
    (error,) = failures(from_scores(away))
    assert isinstance(error, DataError)
    assert "scores of 2 trainings with the digest" in str(error)
    assert store.origin is not None
    assert f"bring along runs/trainings/{store.origin.training}/weights.json" in str(error)


def test_of_two_versions_of_the_videos_the_one_met_last_counts(trained: Path, tmp_path: Path) -> None:
    """After a video was removed, results are of the smaller set; after it came back, of the whole again."""
    home = tmp_path / "home"
    shutil.copytree(trained, home)
    gone = home / "videos" / "test" / "red" / "1.mp4"
    content, times = gone.read_bytes(), gone.stat()
    for num_videos in (5, 6):
        if num_videos == 5:
            gone.unlink()
        else:
            gone.write_bytes(content)
            os.utime(gone, ns=(times.st_atime_ns, times.st_mtime_ns))
        shutil.rmtree(home / "results")
        inputs._opened.clear()
        run(home / "small.yaml", home)
        shutil.rmtree(home / "results")
        assert not from_scores(home).outcome.failures
        assert only_record(home).data.num_evaluated == num_videos


def test_weights_that_saw_the_videos_are_refused_here_too(away: Path) -> None:
    """What a direct evaluation refuses, stored scores don't let through."""
    (path,) = (away / "runs" / "scores").glob("*/key.json")
    content = json.loads(path.read_text())
    content["origin"]["card"]["training"]["data"]["folds"] = 2
    path.write_text(json.dumps(content))
    (error,) = failures(from_scores(away))
    assert isinstance(error, WeightsError)
