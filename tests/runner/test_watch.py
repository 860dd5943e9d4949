"""Watching a training: the same views and the same numbers as the final evaluation."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from small_experiment import BASE, Run, load, records_by_digest, run, write_experiment

from videobench.evaluation.scores_in_memory import ScoresInMemory
from videobench.evaluation.views import View
from videobench.models.classifier import Classifier
from videobench.runner import watch as watch_module
from videobench.runner.inputs import Input
from videobench.runner.plan import make_plan
from videobench.runner.watch import Measured, Watch, look, open_watches
from videobench.runner.workspace import Workspace
from videobench.spec.recipe import PlateauSchedule
from videobench.spec.units import SelectBest, Validation

NO_NETWORK = Classifier(torch.nn.Identity(), torch.nn.Identity())
SELECT_TEN = "select: {type: best, subset: test, protocol: video_10}"


def write(folder: Path, validation: str, *further: str) -> Path:
    lines = "".join(f"  {line}\n" for line in further)
    return write_experiment(folder, lines, base=BASE.replace("{videos: 0}", validation))


def shown(done: Run) -> list[tuple[int, dict[str, float]]]:
    """Return what was measured while training, by step."""
    progress = [event.values for event in done.events if event.kind == "progress" and event.unit == "training"]
    return [(values["step"], dict(values["validation"])) for values in progress if values["validation"]]


def test_the_last_validation_is_the_evaluation(tmp_path: Path) -> None:
    """By the same protocol on all videos, validation after the last step says what the record will say, to the bit."""
    done = run(write(tmp_path, "{protocol: video_10, every_epochs: 2}"), tmp_path)
    (record,) = records_by_digest(tmp_path).values()
    expected = {f"test[10 views] {name}": 100 * record.metrics[name].value for name in ("clip@1", "video@1")}
    assert shown(done) == [(4, expected)]
    lines = Workspace(tmp_path).training(done.plan.trainings[0].digest).log.read_text().splitlines()
    assert json.loads(lines[-1])["validation"] == expected


def test_short_videos_count_as_in_the_evaluation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of ten clips of 12 frames out of 14, five start at 0: if only those are right, half of the views are."""

    def predict(
        _: object, wanted: dict[str, list[View]], data: Input, scores: ScoresInMemory, *__: object, **___: object
    ) -> None:
        for video, views in wanted.items():
            label = data.by_id[video].labels[0]
            for view in views:
                answer = label if view.start == 0 else label - 1
                scores.write([(video, view)], np.eye(3, dtype=np.float32)[[answer]])

    monkeypatch.setattr(watch_module, "predict_views", predict)
    path = write(tmp_path, "{protocol: video_10}")
    training = make_plan(load(path, "clip.frames=12"), Workspace(tmp_path)).trainings[0].training
    (watch,) = open_watches(training, Workspace(tmp_path))
    assert watch.measure(NO_NETWORK, torch.device("cpu")).accuracies["clip@1"] == 0.5


@pytest.mark.parametrize(
    ("protocol", "names"),
    [
        ("clip", ["train[1 view] clip@1"]),
        ("{flip: true}", ["train[2 views] clip@1", "train[2 views] video@1"]),
        ("dense", ["train[all views] clip@1", "train[all views] video@1"]),
    ],
)
def test_what_is_shown_is_named(tmp_path: Path, protocol: str, names: list[str]) -> None:
    """Subset, number of views and metric; of a single view there is no second number."""
    done = run(write(tmp_path, f"{{subset: train, videos: 2, protocol: {protocol}}}"), tmp_path)
    assert [(step, list(found)) for step, found in shown(done)] == [(2, names), (4, names)]


def test_on_time_and_after_the_last_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each watch has its own rhythm; the same views are measured once, by what decides about the weights."""
    path = write(
        tmp_path,
        "{every_epochs: 1, protocol: video_10}",
        f"{SELECT_TEN[:-1]}, every_epochs: 2}}",
        "recipe.schedule: {type: plateau, subset: test, every_epochs: 3, protocol: video_10}",
    )
    training = make_plan(load(path, "recipe.epochs=4.5"), Workspace(tmp_path)).trainings[0].training
    watches = open_watches(training, Workspace(tmp_path))
    measured: list[type] = []

    def measure(self: Watch, *_: object) -> Measured:
        measured.append(type(self.purpose))
        return Measured({"clip@1": 0.0, "video@1": 0.0}, loss=0.0)

    monkeypatch.setattr(Watch, "measure", measure)
    looks: dict[int, tuple[list[type], list[type]]] = {}
    for step in range(1, 10):
        measured.clear()
        if found := look(watches, step, NO_NETWORK, torch.device("cpu")):
            looks[step] = list(measured), [type(watch.purpose) for watch, _ in found]
    assert looks == {
        2: ([Validation], [Validation]),
        4: ([SelectBest], [SelectBest, Validation]),
        6: ([PlateauSchedule], [PlateauSchedule, Validation]),
        8: ([SelectBest], [SelectBest, Validation]),
        9: ([SelectBest], [SelectBest, PlateauSchedule, Validation]),
    }


def test_the_same_views_are_measured_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Choosing and validating by the same protocol costs one measurement, by two protocols two."""
    measured: list[int] = []
    original = watch_module.predict_views

    def counted(*arguments: object, **options: object) -> None:
        measured.append(1)
        original(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(watch_module, "predict_views", counted)
    run(write(tmp_path, "{protocol: video_10}", SELECT_TEN), tmp_path / "once")
    assert len(measured) == 2
    measured.clear()
    done = run(write(tmp_path, "{protocol: clip}", SELECT_TEN), tmp_path / "twice")
    assert len(measured) == 4
    assert list(shown(done)[0][1]) == ["test[10 views] clip@1", "test[10 views] video@1", "test[1 view] clip@1"]
