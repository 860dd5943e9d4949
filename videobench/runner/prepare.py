"""Everything a plan reads, found and opened before anything runs."""

from collections.abc import Callable, Sequence
from concurrent.futures.process import BrokenProcessPool

from videobench.data.video_set import fingerprint
from videobench.errors import DataError, Interrupted, VideobenchError
from videobench.runner.build import build_dataset, dataset_root, find_videos
from videobench.runner.environment import num_cores
from videobench.runner.events import Event, Report
from videobench.runner.inputs import open_input
from videobench.runner.plan import Node, TrainingNode
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
    inputs = _inputs(nodes)
    for data, subset, _ in inputs:
        if not isinstance(data, SyntheticMotion):
            find_videos(data, subset, workspace)  # probing a large set takes long; what is not there shows at once
    for data, subset, clip in inputs:
        key = f"{data.name}, {subset}"

        def progress(done: int, total: int, key: str = key) -> None:
            report(Event("progress", "data", key, key, {"done": done, "total": total}))
            if should_stop():
                raise _stopped()

        def notify(text: str, key: str = key) -> None:
            report(Event("started", "data", key, key, {"text": text}))

        try:
            open_input(data, subset, clip, workspace, num_workers=num_cores(), progress=progress, notify=notify)
        except BrokenProcessPool:
            if should_stop():  # the signal went to all of them
                raise _stopped() from None
            raise VideobenchError(
                "a process that read or made videos was killed from outside (out of memory?)",
                where=key,
                hint="run the same command again: what was done is kept",
            ) from None
        report(Event("finished", "data", key, key))
        if should_stop():
            raise _stopped()
    for training in _finished_trainings(nodes):
        _require_same_videos(training, workspace)


def _stopped() -> Interrupted:
    return Interrupted("stopped while preparing data", hint="Run the same command again to go on.")


def _inputs(nodes: Sequence[Node]) -> list[tuple[Dataset, Subset, Clip]]:
    wanted: dict[tuple[Dataset, Subset, Clip], None] = {}
    for node in nodes:
        if isinstance(node, TrainingNode):
            training = node.training
            wanted[training.data, training.subset, training.clip] = None
            if training.validation.videos:
                wanted[training.data, training.validation.subset, training.clip] = None
        else:
            evaluation = node.evaluation
            wanted[evaluation.data, evaluation.subset, evaluation.clip] = None
    return list(wanted)


def _finished_trainings(nodes: Sequence[Node]) -> list[Training]:
    """Return the trainings that the nodes build upon and that are not among them."""
    running = {node.digest for node in nodes}
    found: dict[str, Training] = {}
    for node in nodes:
        source = node.training.init if isinstance(node, TrainingNode) else node.evaluation.weights
        if isinstance(source, Training) and node.needs and node.needs not in running:
            found[node.needs] = source
    return list(found.values())


def _require_same_videos(training: Training, workspace: Workspace) -> None:
    """DataError when a training of this home was on other videos than those that lie under its data's name now.

    A training from elsewhere, and one whose videos are not here any more, can't be and need not be compared.
    """
    folder = workspace.training(digest(training))
    noted = folder.data_fingerprint()
    if noted is None or isinstance(training.data, SyntheticMotion):  # the latter is known by its version
        return
    try:
        dataset_root(training.data, workspace)
    except DataError:
        return
    videos = build_dataset(training.data, training.subset, workspace, num_workers=num_cores())
    if fingerprint(videos) != noted:
        raise DataError(
            f"the {training.subset} videos of {training.data.name} changed after this training was run on them",
            where=str(folder.path),
            hint="put the old files back, or delete this folder to train on the new ones",
        )
