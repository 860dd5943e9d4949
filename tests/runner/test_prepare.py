"""Data is made ready before anything runs: what is missing shows at once, what takes long can be stopped."""

import shutil
from pathlib import Path

import pytest
from small_experiment import BASE, load, run, write_experiment

from videobench.errors import DataError, Interrupted
from videobench.runner import build, prepare
from videobench.runner.events import Event
from videobench.runner.plan import Node, make_plan
from videobench.runner.workspace import Workspace


def nodes(path: Path, home: Path) -> list[Node]:
    plan = make_plan(load(path), Workspace(home))
    return [*plan.needed_trainings(), *plan.missing_evaluations()]


def test_what_is_missing_shows_before_anything_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test set that isn't there stops the run before the first training video is probed."""
    path = write_experiment(tmp_path)
    shutil.rmtree(tmp_path / "videos" / "test")

    def index_videos(*_: object, **__: object) -> None:
        raise AssertionError("a video was read")

    monkeypatch.setattr(build, "index_videos", index_videos)
    with pytest.raises(DataError, match="no folder for subset 'test'"):
        prepare.prepare(nodes(path, tmp_path), Workspace(tmp_path), lambda _: None, lambda: False)


def test_stopped_while_preparing(tmp_path: Path) -> None:
    """A signal stops after the file in hand; the next run goes on with what is left, and says how far it is."""
    path = write_experiment(tmp_path)
    events: list[Event] = []
    with pytest.raises(Interrupted, match="stopped while preparing data") as stopped:
        prepare.prepare(nodes(path, tmp_path), Workspace(tmp_path), events.append, lambda: True)
    assert stopped.value.exit_code == 75
    assert [event.values for event in events] == [{"done": 1, "total": 6}]
    again = run(path, tmp_path)
    progress = [event.values for event in again.events if event.unit == "data" and event.kind == "progress"]
    assert progress[0] == {"done": 1, "total": 5}


def test_making_videos_can_be_stopped_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The embedded data set is made with progress; stopped, it keeps the files that are whole."""
    monkeypatch.delenv("VIDEOBENCH_DATA", raising=False)
    data = "{type: synthetic_motion, train_videos_per_class: 1, test_videos_per_class: 1}"
    base = BASE.replace("{type: class_folders, name: small, root: videos}", data)
    path = write_experiment(tmp_path, base=base)
    events: list[Event] = []
    with pytest.raises(Interrupted):
        prepare.prepare(nodes(path, tmp_path), Workspace(tmp_path), events.append, lambda: len(events) == 3)
    assert events[-1].values == {"done": 3, "total": 13}
    assert len(list((tmp_path / "runs" / "data").rglob("*.mp4"))) == 3


def test_a_set_is_prepared_once(tmp_path: Path) -> None:
    """Two rows on one data set open it once a subset."""
    path = write_experiment(tmp_path, "matrix:\n  network.name: [R3D, MC3, R2D]\n")
    events: list[Event] = []
    prepare.prepare(nodes(path, tmp_path), Workspace(tmp_path), events.append, lambda: False)
    assert [event.key for event in events if event.kind == "finished"] == ["small, train", "small, test"]
