"""Everything a plan reads, found and opened before anything runs."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any

from videobench.data.failures import ledger_path
from videobench.data.video_set import VideoSet, fingerprint
from videobench.errors import DataError, Interrupted, VideobenchError
from videobench.runner.build import dataset_root
from videobench.runner.environment import num_cores
from videobench.runner.events import Event, Report
from videobench.runner.flow import build_input, find_input
from videobench.runner.inputs import open_input
from videobench.runner.plan import EvaluationNode, FusionNode, Node, TrainingNode
from videobench.runner.workspace import Workspace
from videobench.spec.base import digest
from videobench.spec.clip import Clip
from videobench.spec.dataset import Dataset, Subset, SyntheticMotion
from videobench.spec.units import Training


def prepare(nodes: Sequence[Node], workspace: Workspace, report: Report, should_stop: Callable[[], bool]) -> None:
    """Find, make, probe and (where small) decode all data the nodes need, so that nothing is missing halfway.

    Raises DataError for what is missing or broken, and where the videos that a finished training was trained on
    have changed since; Interrupted when ``should_stop`` says so: what was made is kept.
    """
    inputs = inputs_of(nodes)
    for data, subset, clip in inputs:
        find_input(data, subset, clip, workspace)  # probing a large set takes long; what is not there shows at once
    for data, subset, clip in inputs:
        key = f"{data.name}, {subset}"

        def progress(done: int, total: int, key: str = key) -> None:
            report(Event("progress", "data", key, key, {"done": done, "total": total}))
            if should_stop():
                raise _stopped()

        def notify(text: str, key: str = key) -> None:
            report(Event("started", "data", key, key, {"text": text}))

        with explaining_killed_workers(key, should_stop):
            found = open_input(data, subset, clip, workspace, num_workers=num_cores(), progress=progress, notify=notify)
        report(ready(data, subset, found.videos, workspace))
        if should_stop():
            raise _stopped()
    for training in _finished_trainings(nodes):
        _require_same_videos(training, workspace)


def ready(data: Dataset, subset: Subset, videos: VideoSet, workspace: Workspace) -> Event:
    """Return the event that says that a subset can be read, and how many of its videos can't."""
    key = f"{data.name}, {subset}"
    values: dict[str, Any] = {}
    if videos.skipped:
        total = len(videos.videos) + len(videos.skipped)
        ledger = ledger_path(workspace.index, videos.name)
        values = {"skipped": len(videos.skipped), "total": total, "ledger": str(ledger)}
    return Event("finished", "data", key, key, values)


@contextmanager
def explaining_killed_workers(where: str, should_stop: Callable[[], bool]) -> Iterator[None]:
    """Turn the end of a process that reads videos into an error for users; a signal may have gone to all of them."""
    try:
        yield
    except BrokenProcessPool:
        if should_stop():
            raise _stopped() from None
        raise VideobenchError(
            "a process that read or made videos was killed from outside (out of memory?)",
            where=where,
            hint="run the same command again: what was done is kept",
        ) from None


def _stopped() -> Interrupted:
    return Interrupted("stopped while preparing data", hint="Run the same command again to go on.")


def inputs_of(nodes: Sequence[Node]) -> list[tuple[Dataset, Subset, Clip]]:
    """Return the subsets that the nodes read and how their frames are read, each once."""
    wanted: dict[tuple[Dataset, Subset, Clip], None] = {}
    for node in nodes:
        if isinstance(node, TrainingNode):
            training = node.training
            wanted[training.data, training.subset, training.clip] = None
            for watch in training.watches:
                wanted[training.data, watch.subset, training.clip] = None
        elif isinstance(node, EvaluationNode):
            evaluation = node.evaluation
            wanted[evaluation.data, evaluation.subset, evaluation.clip] = None
    return list(wanted)


def _finished_trainings(nodes: Sequence[Node]) -> list[Training]:
    """Return the trainings that the nodes build upon and that are not among them."""
    running = {node.digest for node in nodes}
    found: dict[str, Training] = {}
    for node in nodes:
        if isinstance(node, FusionNode):
            continue
        source = node.training.init if isinstance(node, TrainingNode) else node.evaluation.weights
        if isinstance(source, Training) and running.isdisjoint(node.needs):
            found[digest(source)] = source
    return list(found.values())


def _require_same_videos(training: Training, workspace: Workspace) -> None:
    """DataError when a training of this home was on other videos than those that lie under its data's name now.

    A training from elsewhere, and one whose videos are not here any more, can't be and need not be compared.
    """
    folder = workspace.training(digest(training))
    noted = folder.data_fingerprint()
    is_made = isinstance(training.data, SyntheticMotion) and training.clip.modality == "rgb"  # known by its version
    if noted is None or is_made:
        return
    try:
        dataset_root(training.data, workspace)
    except DataError:
        return
    videos = build_input(training.data, training.subset, training.clip, workspace, num_workers=num_cores())
    if fingerprint(videos) != noted:
        raise DataError(
            f"the {training.subset} videos of {training.data.name} changed after this training was run on them",
            where=str(folder.path),
            hint="put the old files back, or delete this folder to train on the new ones",
        )
