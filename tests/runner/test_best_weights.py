"""Keeping the epoch that measures best: which one, through kills and resumes, and what is said about it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from small_experiment import BASE, Run, load, records_by_digest, run, weights_of, write_experiment
from torch import nn

from videobench.errors import Interrupted, WeightsError
from videobench.models.weights.native import load_weights
from videobench.runner.best_weights import BestWeights
from videobench.runner.environment import Machine
from videobench.runner.plan import make_plan
from videobench.runner.train_unit import run_training
from videobench.runner.workspace import TrainingFolder, Workspace
from videobench.training.checkpoint import CheckpointFile

SELECT = "  select: {type: best, subset: test, protocol: video_10, every_epochs: 0.5}\n"
LEARNING = BASE.replace("learning_rate: 0.001", "learning_rate: 0.05").replace("epochs: 2", "epochs: 6")


def network(value: float) -> nn.Linear:
    model = nn.Linear(1, 1, bias=False)
    nn.init.constant_(model.weight, value)
    return model


def kept(best: BestWeights) -> tuple[float, int, float]:
    tensors, step, value = best.read()
    return float(tensors["weight"]), step, value


def test_only_better_weights_replace_the_best(tmp_path: Path) -> None:
    """Of equal values the first stays, also over a restart; what another beginning left is forgotten."""
    path = tmp_path / "best.safetensors"
    best = BestWeights(path, resume=False)
    for step, value in ((1, 0.1), (2, 1 / 3), (3, 1 / 3), (4, 0.2)):
        best.offer(network(step), step=step, value=value)
    assert kept(best) == (2.0, 2, 1 / 3)
    again = BestWeights(path, resume=True)
    again.offer(network(2.5), step=2, value=1 / 3)
    assert kept(again) == (2.0, 2, 1 / 3)
    anew = BestWeights(path, resume=False)
    anew.offer(network(1), step=1, value=0.1)
    assert kept(anew) == (1.0, 1, 0.1)


def test_damaged_best_weights_are_an_error(tmp_path: Path) -> None:
    """A file cut short is not taken for no file."""
    path = tmp_path / "best.safetensors"
    path.write_bytes(b"half")
    with pytest.raises(WeightsError, match="the best weights so far are damaged"):
        BestWeights(path, resume=True)


@pytest.fixture(scope="module")
def experiment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_experiment(tmp_path_factory.mktemp("experiment"), SELECT, base=LEARNING)


@pytest.fixture(scope="module")
def chosen(experiment: Path) -> Run:
    """The experiment, run in one go."""
    return run(experiment, experiment.parent)


def folder_of(done: Run, home: Path) -> TrainingFolder:
    return Workspace(home).training(done.plan.trainings[0].digest)


def measured(folder: TrainingFolder) -> dict[int, float]:
    """Return video@1 in percent by step, from the log."""
    lines = map(json.loads, folder.log.read_text().splitlines())
    return {line["step"]: line["validation"]["test[10 views] video@1"] for line in lines if line.get("validation")}


def test_the_best_step_is_kept_and_named(chosen: Run, experiment: Path) -> None:
    """The weights are those of the first best step, as the evaluation confirms; the card says which and why."""
    folder = folder_of(chosen, experiment.parent)
    values = measured(folder)
    assert list(values) == list(range(1, 13))
    best = max(values.values())
    step = next(step for step, value in values.items() if value == best)
    assert step < 12, "the last step is the best one; the test shows nothing"
    _, card = load_weights(folder.weights)
    select = chosen.plan.trainings[0].training.select
    assert card["selected"] == {**select.model_dump(mode="json"), "step": step, "value": best / 100}
    assert card["selected"]["metric"] == "video@1"
    assert card["training"]["select"]["type"] == "best"
    (record,) = records_by_digest(experiment.parent).values()
    assert record.metrics["video@1"].value == best / 100
    assert record.notes == ("the epoch was chosen by video@1 on the test videos themselves: optimistic",)
    assert not folder.best.exists()
    (finished,) = (event for event in chosen.events if event.unit == "training" and event.kind == "finished")
    assert finished.values["selected"]["step"] == step


def test_another_policy_is_another_training(chosen: Run, experiment: Path) -> None:
    """The last step's weights have a digest and bytes of their own, with or without the policy written out."""
    home = experiment.parent
    last = run(experiment, home / "last", "select={type: last}")
    assert weights_of(last.plan, home / "last") != weights_of(chosen.plan, home)
    plain = write_experiment(home, base=LEARNING, name="plain.yaml")
    assert last.plan.trainings[0].digest == make_plan(load(plain), Workspace(home)).trainings[0].digest
    assert last.plan.trainings[0].digest != chosen.plan.trainings[0].digest
    _, card = load_weights(folder_of(last, home / "last").weights)
    assert "selected" not in card
    assert [record.notes for record in records_by_digest(home / "last").values()] == [()]


def test_stopped_after_every_step(chosen: Run, experiment: Path, tmp_path: Path) -> None:
    """Stopped and begun again eleven times, it ends with the very weights of a run in one go."""
    node, workspace = make_plan(load(experiment), Workspace(tmp_path)).trainings[0], Workspace(tmp_path)
    for _ in range(11):
        with pytest.raises(Interrupted):
            run_training(node, workspace, Machine(), lambda _: None, lambda: True)
    run_training(node, workspace, Machine(), lambda _: None, lambda: True)
    assert weights_of(chosen.plan, tmp_path) == weights_of(chosen.plan, experiment.parent)


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


@pytest.mark.parametrize("save_every_seconds", [0.0, 3600.0])
def test_killed_between_measuring_and_saving(
    chosen: Run, experiment: Path, tmp_path: Path, killing: set[int], save_every_seconds: float
) -> None:
    """What was measured before a kill is measured again, with or without a checkpoint, and nothing changes."""
    node, workspace = make_plan(load(experiment), Workspace(tmp_path)).trainings[0], Workspace(tmp_path)
    machine = Machine(save_every_seconds=save_every_seconds)
    killing |= {12} if save_every_seconds else {1, 4, 9, 12}
    while killing:
        with pytest.raises(_Killed):
            run_training(node, workspace, machine, lambda _: None, lambda: False)
    run_training(node, workspace, machine, lambda _: None, lambda: False)
    assert weights_of(chosen.plan, tmp_path) == weights_of(chosen.plan, experiment.parent)
