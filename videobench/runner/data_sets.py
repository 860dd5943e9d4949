"""The data sets that an experiment reads: probed ahead of any run, and checked against what they should be."""

import dataclasses
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

from videobench.data import check
from videobench.data.check import Finding
from videobench.data.datasets import hmdb51, kinetics, ucf101
from videobench.data.datasets.on_disk import missing_files
from videobench.data.failures import Failure, UnusableVideosError
from videobench.data.index import index_videos
from videobench.data.video_set import Video, VideoSet
from videobench.errors import DataError, Interrupted
from videobench.runner.build import Count, build_dataset, list_videos, worthwhile_workers
from videobench.runner.events import Event, Report
from videobench.runner.plan import Node
from videobench.runner.prepare import explaining_killed_workers, inputs_of
from videobench.runner.workspace import Workspace
from videobench.spec.dataset import HMDB51, UCF101, Dataset, Kinetics, Subset, SyntheticMotion

NUM_EXAMPLES = 3


@dataclass(frozen=True)
class Use:
    """A subset that is read, and over how many frames its longest clip reaches."""

    data: Dataset
    subset: Subset
    span: int

    @property
    def set_label(self) -> str:
        """Name the data set and, where there are several, the split."""
        split = getattr(self.data, "split", None)
        several = split is not None and self.data.partition != "the only split"
        return f"{self.data.name}, split {split}" if several else self.data.name

    @property
    def label(self) -> str:
        return f"{self.set_label}, {self.subset}"


@dataclass(frozen=True)
class Indexed:
    """A subset as it lies on disk; ``videos`` are those that can be used."""

    use: Use
    listed: VideoSet
    videos: VideoSet
    missing: tuple[Video, ...] = ()
    failures: tuple[Failure, ...] = ()


@dataclass(frozen=True)
class Checked:
    """What was found in one subset, or between two of a data set."""

    label: str
    findings: tuple[Finding, ...]
    facts: dict[str, Any] = field(default_factory=dict)
    """Of a subset: counts, the usual rate and size, and how its first videos were read."""


def uses_of(nodes: Sequence[Node]) -> list[Use]:
    """Return every subset that the nodes read, each once."""
    spans: dict[tuple[Dataset, Subset], int] = {}
    for data, subset, clip in inputs_of(nodes):
        span = (clip.frames - 1) * clip.stride + 1
        spans[data, subset] = max(span, spans.get((data, subset), 0))
    return [Use(data, subset, span) for (data, subset), span in spans.items()]


@dataclass(frozen=True)
class DataSets:
    """Does the work on an experiment's data sets, ``jobs`` processes side by side.

    Every method tells ``report`` how far it is, and raises Interrupted when ``should_stop`` says so: what was done
    is kept.
    """

    workspace: Workspace
    jobs: int
    report: Report
    should_stop: Callable[[], bool]

    def index(self, use: Use) -> Indexed:
        """Probe the videos of a subset that were not probed before; DataError where it can't be listed."""
        with explaining_killed_workers(use.label, self.should_stop):
            found = self._index(use, self.progress(use.label))
        self.report(Event("finished", "data", use.label, use.label))
        return found

    def _index(self, use: Use, progress: Count) -> Indexed:
        if isinstance(use.data, SyntheticMotion):
            made = build_dataset(use.data, use.subset, self.workspace, num_workers=self.jobs, progress=progress)
            return Indexed(use, made, made)
        listed = list_videos(use.data, use.subset, self.workspace)
        missing = missing_files(listed)
        present = _without(listed, missing)
        failures: Sequence[Failure] = ()
        try:
            videos = self._probe(present, progress)
        except UnusableVideosError as error:
            failures = error.failures
            videos = self._probe(_without(present, [failure.video for failure in failures]), progress)
        return Indexed(use, listed, videos, tuple(missing), tuple(failures))

    def check(self, uses: Sequence[Use], *, deep: bool) -> Iterator[Checked]:
        """Yield what is found in every subset, then between the subsets of each data set.

        ``deep`` decodes every frame of every video, whatever is known of it.
        """
        indexed: dict[Dataset, list[Indexed]] = {}
        decoded: dict[Path, Finding | None] = {}
        for use in uses:
            try:
                found = self.index(use)
            except DataError as error:
                yield Checked(use.label, (Finding("list", str(error)),))
                continue
            indexed.setdefault(use.data, []).append(found)
            if deep:
                self._decode(found, decoded)
            damaged = (decoded.get(video.path) for video in found.videos.videos)
            yield Checked(use.label, (*_findings(found), *filter(None, damaged)), _facts(found))
        for subsets in indexed.values():
            for one, other in combinations(subsets, 2):
                label = f"{one.use.label} and {other.use.subset}"
                yield Checked(label, tuple(check.shared(one.videos, other.videos)))

    def _decode(self, found: Indexed, decoded: dict[Path, Finding | None]) -> None:
        """Decode what is not among ``decoded`` yet (splits share videos) and add what was found."""
        label = f"{found.use.label}, every frame"
        videos = {video.id: video for video in found.videos.videos if video.path not in decoded}
        workers = worthwhile_workers(len(videos), self.jobs)
        with explaining_killed_workers(label, self.should_stop):
            damaged = check.damaged([*videos.values()], num_workers=workers, progress=self.progress(label))
            findings = {finding.videos[0]: finding for finding in damaged}
        decoded.update((video.path, findings.get(video_id)) for video_id, video in videos.items())
        self.report(Event("finished", "data", label, label))

    def _probe(self, videos: VideoSet, progress: Count) -> VideoSet:
        return index_videos(
            videos,
            cache=self.workspace.index,
            num_workers=worthwhile_workers(len(videos.videos), self.jobs),
            progress=progress,
        )

    def progress(self, label: str) -> Count:
        """Return what reports how far the work called ``label`` is, and stops it when it should."""
        began = time.monotonic()

        def tell(done: int, total: int) -> None:
            left = (time.monotonic() - began) / done * (total - done)
            self.report(Event("progress", "data", label, label, {"done": done, "total": total, "eta_seconds": left}))
            if self.should_stop():
                raise Interrupted("stopped; what was done is kept", hint="Run the same command again to go on.")

        return tell


def official_count(data: Dataset, subset: Subset) -> int | None:
    """Return how many videos a subset officially has, where that is known."""
    match data:
        case UCF101(only_classes=None):
            return ucf101.OFFICIAL_COUNTS[data.split, "train" if subset == "train" else "test"]
        case HMDB51(only_classes=None):
            return hmdb51.OFFICIAL_COUNTS["train" if subset == "train" else "test"]
        case Kinetics(type="kinetics400", only_classes=None):
            return kinetics.OFFICIAL_COUNTS[subset]
    return None


def _findings(found: Indexed) -> Iterator[Finding]:
    yield from _wrong_count(found)
    yield from check.missing(found.missing)
    yield from check.broken(found.failures)
    yield from check.short(found.videos, span=found.use.span)


def _wrong_count(found: Indexed) -> Iterator[Finding]:
    official, listed = official_count(found.use.data, found.use.subset), len(found.listed.videos)
    if official is not None and listed != official:
        # Lists of Kinetics went round in many versions, since its videos vanish from YouTube.
        is_problem = not isinstance(found.use.data, Kinetics)
        yield Finding("count", f"{listed} videos are listed, officially there are {official}", is_problem=is_problem)


def _without(videos: VideoSet, left_out: Iterable[Video]) -> VideoSet:
    ids = {video.id for video in left_out}
    return dataclasses.replace(videos, videos=tuple(video for video in videos.videos if video.id not in ids))


def _facts(found: Indexed) -> dict[str, Any]:
    infos = [video.info for video in found.videos.videos if video.info]
    lengths = sorted(info.num_frames for info in infos)
    return {
        "data": found.use.set_label,
        "subset": found.use.subset,
        "classes": len(found.listed.classes),
        "listed": len(found.listed.videos),
        "official": official_count(found.use.data, found.use.subset),
        "usable": len(infos),
        "frames": {"min": lengths[0], "median": lengths[len(lengths) // 2], "max": lengths[-1]} if lengths else None,
        "fps": _most_common(round(info.fps, 2) for info in infos if info.fps),
        "size": _most_common(f"{info.width}x{info.height}" for info in infos),
        "examples": [
            {"id": video.id, "classes": [found.listed.classes[label] for label in video.labels],
             "source": video.source, "file": str(video.path)}
            for video in found.listed.videos[:NUM_EXAMPLES]
        ],
    }  # fmt: skip


def _most_common(values: Iterable[Any]) -> dict[str, Any] | None:
    """Return the most frequent value with its share."""
    counted = Counter(values)
    if not counted:
        return None
    value, count = counted.most_common(1)[0]
    return {"value": value, "share": count / counted.total()}
