"""What a plan's run does and, above all, what it doesn't do again."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from small_experiment import (
    BASE,
    TWO_ROWS,
    load,
    records_by_digest,
    run,
    weights_of,
    write_experiment,
    write_videos,
)

from videobench.errors import DataError, Interrupted, WeightsError
from videobench.evaluation.score_store import existing_store
from videobench.models.classifier import Classifier
from videobench.runner import inputs, measure
from videobench.runner.environment import Machine
from videobench.runner.evaluate_unit import run_evaluation
from videobench.runner.plan import make_plan
from videobench.runner.workspace import Workspace

# Table 3's shape: the second row measures the first one's training, the fourth starts from it.
FOUR_ROWS = """\
rows:
  train 2: {}
  train 2, test 4: {evaluate: {clip: {frames: 4}}}
  train 4: {clip: {frames: 4}}
  train 2, then 4: {clip: {frames: 4}, init: {run: "#train 2"}}
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which the small experiment with one row is done; the experiment lies in it."""
    home = tmp_path_factory.mktemp("trained")
    run(write_experiment(home), home)
    return home


@pytest.fixture
def home(trained: Path, tmp_path: Path) -> Path:
    """A copy of that home of one's own."""
    shutil.copytree(trained, tmp_path / "home")
    return tmp_path / "home"


def test_rows_that_share_a_training_cost_one(tmp_path: Path) -> None:
    """Four rows like Table 3's need three trainings and four evaluations; a second run does nothing."""
    path = write_experiment(tmp_path, FOUR_ROWS)
    first = run(path, tmp_path)
    assert [event.label for event in first.started("training")] == [
        "train 2, train 2, test 4, train 2, then 4",
        "train 4",
        "train 2, then 4",
    ]
    assert sorted(event.label for event in first.started("evaluation")) == sorted(
        ["train 2", "train 2, test 4", "train 4", "train 2, then 4"]
    )
    assert not first.outcome.failures
    assert first.started("training")[2].values["start"].startswith("from ")
    second = run(path, tmp_path)
    assert second.events == []
    assert second.plan.is_done


def test_a_smaller_protocol_computes_nothing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After ten clips a video, one clip is an average of stored scores: no view goes through the network."""

    def forward(_: Classifier, clips: torch.Tensor) -> torch.Tensor:
        assert clips.is_meta, "the network ran"  # on the meta device its multiply-accumulates are counted
        return clips

    monkeypatch.setattr(Classifier, "forward", forward)
    done = run(home / "small.yaml", home, "evaluate.protocol=clip")
    assert not done.outcome.failures
    (started,) = done.started("evaluation")
    assert started.values == {"num_views": 0, "stored": 6, "unreadable": 0, "processes": 1}
    assert len(records_by_digest(home)) == 2


def test_scores_do_not_depend_on_the_batch(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One view at a time and all at once give the same logits within 1e-5 and the same accuracies."""
    other = tmp_path / "other"
    shutil.copytree(home / "runs" / "trainings", other / "runs" / "trainings")
    monkeypatch.setattr(measure, "_batch_views", lambda *_: 1)
    done = run(home / "small.yaml", other)
    assert not done.started("training")
    (first,), (second,) = records_by_digest(home).values(), records_by_digest(other).values()
    assert first.metrics == second.metrics
    keys = [next((where / "runs" / "scores").glob("*/key.json")) for where in (home, other)]
    stores = [existing_store(key.parent).frame() for key in keys]
    logits = [np.stack(frame.sort_values(["video", "start"])["logits"].to_list()) for frame in stores]
    assert len(logits[0]) == 60
    np.testing.assert_allclose(logits[0], logits[1], atol=1e-5, rtol=0)


def test_jobs_do_not_change_the_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With as many threads, two at a time end with the same bits as one after the other."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    path = write_experiment(tmp_path, TWO_ROWS)
    alone = run(path, tmp_path / "one", jobs=1)
    together = run(path, tmp_path / "two", jobs=2)
    assert not together.outcome.failures
    assert len(together.outcome.finished) == 4
    assert weights_of(alone.plan, tmp_path / "one") == weights_of(together.plan, tmp_path / "two")
    one, two = records_by_digest(tmp_path / "one"), records_by_digest(tmp_path / "two")
    assert {key: record.metrics for key, record in one.items()} == {key: two[key].metrics for key in two}
    assert {record.cost.threads for record in two.values()} == {1}


def test_without_keep_going_the_first_failure_ends_the_run(tmp_path: Path) -> None:
    """The row after the broken one isn't begun; with keep_going it is, and only what needs the broken one is left."""
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"not weights")
    rows = "rows:\n  bad: {init: {file: broken.safetensors}}\n  good: {network: {name: MC3}}\n"
    path = write_experiment(tmp_path, rows)
    stopped = run(path, tmp_path)
    assert [failure.node.label for failure in stopped.outcome.failures] == ["bad"]
    assert isinstance(stopped.outcome.failures[0].error, WeightsError)
    assert sorted(node.label for node in stopped.outcome.skipped) == ["bad", "good", "good"]
    assert [event.label for event in stopped.events if event.kind == "failed"] == ["bad"]
    gone_on = run(path, tmp_path, keep_going=True)
    assert len(gone_on.outcome.finished) == 2
    assert [node.label for node in gone_on.outcome.skipped] == ["bad"]
    failed = make_plan(load(path), Workspace(tmp_path), failed=True)
    assert [node.label for node in failed.trainings] == ["bad"]


def test_an_evaluation_that_is_stopped_keeps_its_scores(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped half-way it writes no record; run again it computes only the views that are missing."""
    shutil.rmtree(home / "results")
    shutil.rmtree(home / "runs" / "scores")
    monkeypatch.setattr(measure, "_batch_views", lambda *_: 8)
    workspace = Workspace(home)
    node = make_plan(load(home / "small.yaml"), workspace).evaluations[0]
    with pytest.raises(Interrupted, match="stopped after 8 of 60 views"):
        run_evaluation(node, "cpu", workspace, Machine(), lambda _: None, lambda: True)
    assert records_by_digest(home) == {}
    again = run(home / "small.yaml", home)
    values = again.started("evaluation")[0].values
    assert (values["num_views"], values["stored"]) == (52, 8)
    assert len(records_by_digest(home)) == 1


def test_a_training_on_other_videos_of_the_same_name_is_refused(home: Path) -> None:
    """Evaluating a training after its training videos were replaced is an error that names its folder."""
    (home / "videos" / "train" / "red" / "1.mp4").unlink()
    with pytest.raises(DataError, match="train videos of small changed after this training"):
        run(home / "small.yaml", home, "evaluate.protocol=video_20")


def test_a_training_that_was_begun_on_other_videos_is_not_gone_on_with(home: Path) -> None:
    """A checkpoint of other videos than those there now is refused, with the ways out; it stays as it is."""
    plan = make_plan(load(home / "small.yaml"), Workspace(home))
    folder = Workspace(home).training(plan.trainings[0].digest)
    folder.weights.unlink()
    folder.checkpoint.write_bytes(b"a checkpoint of half the training")
    write_videos(home / "videos", per_class=3)
    shutil.rmtree(home / "results")
    inputs._opened.clear()
    done = run(home / "small.yaml", home)
    (failure,) = done.outcome.failures
    assert isinstance(failure.error, DataError)
    assert "not those this training was begun on" in str(failure.error)
    assert "delete this folder" in str(failure.error)
    assert folder.checkpoint.read_bytes() == b"a checkpoint of half the training"


def test_a_damaged_checkpoint_is_a_weights_error(home: Path) -> None:
    """A checkpoint cut short isn't silently trained over."""
    folder = Workspace(home).training(make_plan(load(home / "small.yaml"), Workspace(home)).trainings[0].digest)
    folder.weights.unlink()
    folder.checkpoint.write_bytes(b"half a checkpoint")
    shutil.rmtree(home / "results")
    (failure,) = run(home / "small.yaml", home).outcome.failures
    assert isinstance(failure.error, WeightsError)
    assert "the checkpoint is damaged" in str(failure.error)


def test_damaged_weights_are_a_weights_error(home: Path) -> None:
    """One flipped byte in finished weights is noticed before anything is measured."""
    folder = Workspace(home).training(make_plan(load(home / "small.yaml"), Workspace(home)).trainings[0].digest)
    content = bytearray(folder.weights.read_bytes())
    content[-1] ^= 1
    folder.weights.write_bytes(content)
    shutil.rmtree(home / "results")
    (failure,) = run(home / "small.yaml", home).outcome.failures
    assert isinstance(failure.error, WeightsError)
    assert "sha256" in str(failure.error)


def test_the_card_says_what_the_weights_are(home: Path) -> None:
    """Beside the weights stand their classes, preprocessing, network, training and cost."""
    from videobench.models.weights.native import load_weights

    folder = Workspace(home).training(make_plan(load(home / "small.yaml"), Workspace(home)).trainings[0].digest)
    tensors, card = load_weights(folder.weights)
    assert card["class_names"] == ["bright", "dark", "red"]
    assert card["network"]["name"] == "R3D"
    assert card["training_clips"] == 16
    assert card["data_fingerprint"] == folder.data_fingerprint()
    assert all(tensors[name].shape[0] == 3 for name in tensors if name.startswith("head."))
    assert not folder.checkpoint.exists()
    lines = folder.log.read_text().splitlines()
    assert len(lines) >= 2
    assert '"step": 4' in lines[-1]


def test_watching_a_training_changes_nothing(home: Path, tmp_path: Path) -> None:
    """Validation in between leaves the weights bit-equal, and its accuracy reaches the log."""
    watched = write_experiment(home, base=BASE.replace("{videos: 0}", "{videos: 3}"), name="watched.yaml")
    done = run(watched, tmp_path / "watched")
    plain = make_plan(load(home / "small.yaml"), Workspace(home))
    assert list(weights_of(done.plan, tmp_path / "watched").values()) == list(weights_of(plain, home).values())
    progress = [event for event in done.events if event.kind == "progress" and event.unit == "training"]
    assert any("test[1 view] clip@1" in event.values["validation"] for event in progress)


def test_tf32_is_as_before_after_measuring(home: Path) -> None:
    """Evaluating leaves torch's switches alone, so that a training doesn't depend on being watched."""
    before = torch.backends.cudnn.allow_tf32
    run(home / "small.yaml", home, "evaluate.protocol=video_20")
    assert torch.backends.cudnn.allow_tf32 == before
