"""Copying the data set that an experiment reads to the size it trains at."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from videobench.data.failures import unusable
from videobench.data.prepare import Copy, Encoding, claim, copy_lists, copy_videos
from videobench.data.video_set import VideoSet
from videobench.errors import ConfigError, DataError
from videobench.runner.build import dataset_root, find_videos, list_videos, worthwhile_workers
from videobench.runner.data_sets import DataSets, Use
from videobench.runner.events import Event
from videobench.runner.plan import Node
from videobench.runner.prepare import explaining_killed_workers, inputs_of
from videobench.runner.workspace import Workspace
from videobench.spec.clip import Clip
from videobench.spec.dataset import FileDataset, Subset, SyntheticMotion


@dataclass(frozen=True)
class Preparation:
    """A data set to copy: which subsets of which of its splits, from where, and how."""

    subsets: tuple[tuple[FileDataset, Subset], ...]
    root: Path
    encoding: Encoding


@dataclass(frozen=True)
class PreparedSet:
    """What a folder of copies holds, and how many of the listed videos weren't on disk."""

    name: str
    copies: tuple[Copy, ...]
    num_missing: int


def preparation(
    nodes: Sequence[Node], workspace: Workspace, *, size: tuple[int, int] | int | None, gop: int, crf: int
) -> Preparation:
    """Return what there is to copy for the nodes: whole data sets, whichever of their classes are read.

    The ``size`` and filter are the clips' unless given. ConfigError where the nodes read several data sets or only
    synthetic ones, or their clips differ.
    """
    inputs = [(data, subset, clip) for data, subset, clip in inputs_of(nodes) if not isinstance(data, SyntheticMotion)]
    if not inputs:
        raise ConfigError("reads no video files of yours: synthetic-motion is made at the size it is used at")
    subsets = dict.fromkeys((data.model_copy(update={"only_classes": None}), subset) for data, subset, _ in inputs)
    roots = {dataset_root(data, workspace): data.name for data, _ in subsets}
    if len(roots) > 1:
        raise ConfigError(
            f"reads several data sets: {', '.join(sorted(roots.values()))}",
            hint="choose rows that read one of them with --only, and give each its own --out",
        )
    clips = [clip for *_, clip in inputs]
    size = size or _only(clips, "resize", hint="say with --size at which one videos are copied")
    encoding = Encoding(size, _only(clips, "filter", hint="choose rows with --only"), gop=gop, crf=crf)
    return Preparation(tuple(subsets), next(iter(roots)), encoding)


def _only(clips: Sequence[Clip], name: str, *, hint: str) -> Any:
    values = {getattr(clip, name) for clip in clips}
    if len(values) > 1:
        raise ConfigError(f"clips differ in {name}: {', '.join(str(value) for value in sorted(values))}", hint=hint)
    return values.pop()


def prepare_set(wanted: Preparation, folder: Path, data_sets: DataSets) -> PreparedSet:
    """Make what is missing of a copy; ``--set data.root=FOLDER`` then reads it.

    Videos that can't be decoded are an error once all others are done; where the data set says ``on_error: skip`` they
    are copied as they are, and those that aren't on disk stay missing. ConfigError where the folder holds anything
    else, DataError for folders of frames and where the copy doesn't read as the same set.
    """
    workspace = data_sets.workspace
    listed = [find_videos(data, subset, workspace) for data, subset in wanted.subsets]  # what is missing shows at once
    if pictures := next((video.path for each in listed for video in each.videos if video.path.is_dir()), None):
        raise DataError("is a folder of frames: only video files are copied", where=str(pictures))
    claim(folder, root=wanted.root, encoding=wanted.encoding)
    found = [data_sets.index(Use(data, subset, span=1)) for data, subset in wanted.subsets]
    videos = {video.path: video for each in found for video in each.videos.videos}
    broken = {failure.video.path: failure for each in found for failure in each.failures}
    copy_lists(wanted.root, folder, {str(value) for data, _ in wanted.subsets for value in vars(data).values()})
    label = f"{listed[0].name}, copies"
    with explaining_killed_workers(label, data_sets.should_stop):
        copies, failures = copy_videos(
            [*videos.values()], [*broken.values()], root=wanted.root, folder=folder, encoding=wanted.encoding,
            keep_broken=wanted.subsets[0][0].on_error == "skip",
            num_workers=worthwhile_workers(len(videos), data_sets.jobs), progress=data_sets.progress(label),
        )  # fmt: skip
    data_sets.report(Event("finished", "data", label, label))
    if failures:
        raise unusable(_union(listed), failures)
    for (data, subset), original in zip(wanted.subsets, listed, strict=True):
        copied = list_videos(data.model_copy(update={"root": str(folder)}), subset, workspace)
        if _listing(copied) != _listing(original):
            raise DataError(
                f"does not read as the same {subset} videos: {len(copied.videos)} in {len(copied.classes)} classes, "
                f"not {len(original.videos)} in {len(original.classes)}",
                where=str(folder),
                hint="copy the lists of the data set that are missing here, or give --out an empty folder",
            )
    return PreparedSet(listed[0].name, tuple(copies), len({video.path for each in found for video in each.missing}))


def _union(sets: Sequence[VideoSet]) -> VideoSet:
    return replace(sets[0], videos=tuple({video.id: video for each in sets for video in each.videos}.values()))


def _listing(videos: VideoSet) -> object:
    return videos.classes, [(video.id, video.labels, video.source) for video in videos.videos]
