"""A rate that follows a measured loss: what is measured, through kills and resumes, and what is said about it."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from small_experiment import BASE, Run, load, records_by_digest, run, weights_of, write_experiment

from videobench.errors import ConfigError, Interrupted
from videobench.evaluation.loss import cross_entropy
from videobench.runner import watch as watch_module
from videobench.runner.environment import Machine
from videobench.runner.plan import make_plan
from videobench.runner.stored import stored_run
from videobench.runner.train_unit import run_training
from videobench.runner.workspace import Workspace
from videobench.training.checkpoint import CheckpointFile

NUM_STEPS = 12
RATE = 0.05
SCHEDULE = "type: plateau, subset: test, every_epochs: 0.5, patience: 0, factor: 0.7, protocol: video_10"
RECIPE = f"""\
  recipe:
    optimiser: {{nesterov: false, dampening: 0.9, weight_decay: 0.001, decay_biases: true}}
    batch: 4
    micro_batch: 2
    reference_batch: 4
    learning_rate: {RATE}
    running_statistics: all
    batch_norm_momentum: 0.9
    epoch_clips: 8
    epochs: {NUM_STEPS // 2}
    warmup_epochs: 0
    schedule: {{{SCHEDULE}}}
    crop: multi_scale
"""
LEARNING = re.sub(r"  recipe:\n.*\n", RECIPE, BASE)
SELECT = "  select: {type: best, subset: test, protocol: video_10, every_epochs: 0.5}\n"


@pytest.fixture(scope="module")
def experiment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_experiment(tmp_path_factory.mktemp("experiment"), base=LEARNING)


@pytest.fixture(scope="module")
def straight(experiment: Path) -> Run:
    """The experiment, run in one go."""
    return run(experiment, experiment.parent)


def steps_of(done: Run) -> list[tuple[float, float]]:
    """Return the rate of every step and the loss measured after it."""
    progress = [event.values for event in done.events if event.kind == "progress" and event.unit == "training"]
    return [(values["learning_rate"], values["validation"]["test[10 views] loss"]) for values in progress]


def test_the_rate_is_what_the_losses_make_of_it(straight: Run) -> None:
    """Every step has the rate that PyTorch's schedule has after the losses of the steps before."""
    steps = steps_of(straight)
    assert len(steps) == NUM_STEPS
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=RATE)
    reference = torch.optim.lr_scheduler.ReduceLROnPlateau(optimiser, patience=0, factor=0.7)
    for rate, loss in steps:
        assert rate == optimiser.param_groups[0]["lr"]
        reference.step(loss)
    assert 2 < len({rate for rate, _ in steps}) < NUM_STEPS, "the losses only fall or only rise: nothing is tested"


def test_the_loss_is_that_of_the_evaluation(straight: Run, experiment: Path) -> None:
    """What is measured after the last step is the cross-entropy of the scores that the evaluation stores."""
    (record,) = records_by_digest(experiment.parent).values()
    stored = stored_run(record, Workspace(experiment.parent))
    labels = {video.id: video.labels for video in stored.videos.videos}
    assert steps_of(straight)[-1][1] == cross_entropy(stored.scores, labels)


@pytest.mark.usefixtures("straight")
def test_what_departs_from_good_practice_is_said(experiment: Path) -> None:
    """The record says what the rate followed, and that the running statistics hardly average."""
    (record,) = records_by_digest(experiment.parent).values()
    assert record.notes == (
        "the learning rate followed the loss on the test videos themselves: optimistic",
        "BatchNorm's running statistics are mostly those of one micro-batch (momentum 0.9)",
    )


@pytest.mark.parametrize(
    "setting",
    [
        "schedule.patience=1",
        "schedule.every_epochs=1",
        "running_statistics=first",
        "batch_norm_momentum=null",
        "crop=random",
        "crop=multi_scale_late_temporal",
        "optimiser.dampening=0",
        "optimiser={type: adamw}",
    ],
)
def test_every_field_reaches_the_weights(experiment: Path, setting: str) -> None:
    """Another value trains other weights, under another digest."""
    # Frames that are larger than the crop, or there would be nothing to cut; a crop that is no scale of theirs.
    larger = ("clip.crop=12", "evaluate.clip.crop=12")
    runs = [run(experiment, experiment.parent / "other", *larger, *more) for more in ((), (f"recipe.{setting}",))]
    digests = {done.plan.trainings[0].digest for done in runs}
    weights = {weights_of(done.plan, experiment.parent / "other")[done.plan.trainings[0].rows[0]] for done in runs}
    assert len(digests) == len(weights) == 2


@pytest.mark.parametrize(
    ("setting", "name"),
    [("subset=train", "train[10 views] loss"), ("protocol=clip", "test[1 view] loss")],
)
def test_other_videos_and_views_have_another_loss(straight: Run, experiment: Path, setting: str, name: str) -> None:
    """After the first step, when the weights are still the same, it is another number under another name."""
    done = run(experiment, experiment.parent / "other", f"recipe.schedule.{setting}")
    progress = (event.values for event in done.events if event.kind == "progress" and event.unit == "training")
    loss = next(progress)["validation"][name]
    assert 0 < loss != steps_of(straight)[0][1]
    assert done.plan.trainings[0].digest != straight.plan.trainings[0].digest


def test_choosing_and_following_measure_once(experiment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the same views of the same videos both take one measurement; by others each takes its own."""
    measured: list[int] = []
    original = watch_module.predict_views

    def counted(*arguments: object, **options: object) -> None:
        measured.append(1)
        original(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(watch_module, "predict_views", counted)
    home = experiment.parent
    path = write_experiment(home, SELECT, base=LEARNING, name="chosen.yaml")
    run(path, home / "once")
    assert len(measured) == NUM_STEPS
    (record,) = records_by_digest(home / "once").values()
    assert [note.partition(" was ")[0].partition(" followed ")[0] for note in record.notes[:2]] == [
        "the epoch", "the learning rate",
    ]  # fmt: skip
    measured.clear()
    run(path, home / "twice", "select.protocol=clip")
    assert len(measured) == 2 * NUM_STEPS


def test_a_subset_that_is_not_there(experiment: Path) -> None:
    """It is found before anything runs."""
    with pytest.raises(ConfigError, match=r"synthetic_motion has no subset 'validation'; legal: train, test"):
        load(experiment, "data={type: synthetic_motion}", "recipe.schedule.subset=validation")


def test_stopped_after_every_step(straight: Run, experiment: Path, tmp_path: Path) -> None:
    """Stopped and begun again after each step, it ends with the very weights of a run in one go."""
    node, workspace = make_plan(load(experiment), Workspace(tmp_path)).trainings[0], Workspace(tmp_path)
    for _ in range(NUM_STEPS - 1):
        with pytest.raises(Interrupted):
            run_training(node, workspace, Machine(), lambda _: None, lambda: True)
    run_training(node, workspace, Machine(), lambda _: None, lambda: True)
    assert weights_of(straight.plan, tmp_path) == weights_of(straight.plan, experiment.parent)
    lines = map(json.loads, workspace.training(node.digest).log.read_text().splitlines())
    rates = [line["learning_rate"] for line in lines if "learning_rate" in line]
    assert rates == [rate for rate, _ in steps_of(straight)]


class _Killed(BaseException):
    """Nothing can catch a kill."""


@pytest.fixture
def killing(monkeypatch: pytest.MonkeyPatch) -> Iterator[set[int]]:
    """Steps at which the process dies after measuring, before the checkpoint is written; each once."""
    steps: set[int] = set()
    save = CheckpointFile.save

    def killed(self: CheckpointFile, reached: object, **state: object) -> None:
        step = reached.step  # type: ignore[attr-defined]
        if step in steps:
            steps.remove(step)
            raise _Killed
        save(self, reached, **state)  # type: ignore[arg-type]

    monkeypatch.setattr(CheckpointFile, "save", killed)
    yield steps
    assert not steps


def test_killed_between_measuring_and_saving(
    straight: Run, experiment: Path, tmp_path: Path, killing: set[int]
) -> None:
    """A loss that was measured before a kill counts once, when it is measured again."""
    node, workspace = make_plan(load(experiment), Workspace(tmp_path)).trainings[0], Workspace(tmp_path)
    killing |= {1, 5, 6, NUM_STEPS}
    while killing:
        with pytest.raises(_Killed):
            run_training(node, workspace, Machine(save_every_seconds=0.0), lambda _: None, lambda: False)
    run_training(node, workspace, Machine(save_every_seconds=0.0), lambda _: None, lambda: False)
    assert weights_of(straight.plan, tmp_path) == weights_of(straight.plan, experiment.parent)
