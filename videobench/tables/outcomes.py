"""Per-video outcomes of rows, aligned by video: what means over seeds and paired comparisons are made from.

A row is one or several runs: seeds of one training, splits of one data set, or both. S seeds, N places (a video
in a split; overlapping splits list a video twice).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from videobench.errors import DataError
from videobench.evaluation import statistics
from videobench.records import Record

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]

PAIRED_METRICS = ("clip@1", "video@1", "video@5", "class_mean@1", "pair@1")
_BY_CLASS = ("class_mean@1", "pair@1")


@dataclass(frozen=True, eq=False)
class Run:
    """The videos of one record, column by column; ``independent``: no two of one source."""

    digest: str
    data: str
    fingerprint: str
    seed: int | None
    videos: tuple[str, ...]
    sources: npt.NDArray[np.str_]  # [V]
    groups: npt.NDArray[np.str_]  # [V]
    independent: bool
    first_labels: npt.NDArray[np.int64]  # [V]
    predicted: npt.NDArray[np.int64]  # [V], the best class
    values: dict[str, Floats]  # metric -> [V], NaN for a video that the metric isn't about


@dataclass(frozen=True, eq=False)
class Measured:
    """One metric of several rows on the N places that it is about."""

    rows: tuple[Floats, ...]  # each [S, N]
    clusters: list[str] | None
    strata: list[tuple[int, int]] | None

    def mean(self, row: int) -> statistics.Mean:
        return statistics.mean(self.rows[row], clusters=self.clusters, strata=self.strata)

    def difference(self, first: int, second: int) -> statistics.Difference:
        return statistics.difference(self.rows[first], self.rows[second], clusters=self.clusters, strata=self.strata)


@dataclass(frozen=True, eq=False)
class _Split:
    """The runs of one split, ``runs[row][seed]``, and where its common videos stand in each list of videos."""

    runs: tuple[tuple[Run, ...], ...]
    places: Mapping[tuple[str, ...], npt.NDArray[np.int64]]


@dataclass(frozen=True, eq=False)
class Aligned:
    """Several rows on the places that all of them have, their seeds paired."""

    splits: tuple[_Split, ...]

    def seeds(self, row: int) -> tuple[int | None, ...]:
        """The seeds of a row's runs, [S]."""
        return tuple(run.seed for run in self.splits[0].runs[row])

    @property
    def num_left_out(self) -> int:
        """Videos that some run has and another lacks."""
        seen = [set().union(*(run.videos for runs in split.runs for run in runs)) for split in self.splits]
        return sum(map(len, seen)) - len(self.shared(lambda run: run.videos))

    def column(self, row: int, of: Callable[[Run], Sequence[Any] | Array]) -> Array:
        """Stack one column of a row's runs, [S, N]."""
        blocks = [
            np.stack([np.asarray(of(run))[split.places[run.videos]] for run in split.runs[row]])
            for split in self.splits
        ]
        return np.concatenate(blocks, axis=1)

    def shared(self, of: Callable[[Run], Sequence[Any] | Array]) -> Array:
        """One column that is the same in every run, [N]."""
        first: Array = self.column(0, of)[0]
        return first

    def clusters(self, chosen: npt.NDArray[np.bool_]) -> list[str] | None:
        """The sources of the chosen places; None where each is of its own."""
        if len(self.splits) == 1 and self.splits[0].runs[0][0].independent:
            return None
        sources: list[str] = self.shared(lambda run: run.sources)[chosen].tolist()
        return sources

    def measure(self, metric: str, group: str | None) -> Measured | None:
        """One metric on the places that it is about (of one class group); None when there are none."""
        num_rows = len(self.splits[0].runs)
        rows = [self.column(row, lambda run: run.values[metric]) for row in range(num_rows)]
        about: npt.NDArray[np.bool_] = ~np.isnan(np.concatenate(rows)).any(axis=0)  # [N]
        if group is not None:
            about &= self.shared(lambda run: run.groups) == group
        if not about.any():
            return None
        split = np.repeat(np.arange(len(self.splits)), [len(next(iter(s.places.values()))) for s in self.splits])
        label = self.shared(lambda run: run.first_labels) if metric in _BY_CLASS else np.zeros(len(about), np.int64)
        stratified = metric in _BY_CLASS or len(self.splits) > 1
        return Measured(
            rows=tuple(values[:, about] for values in rows),
            clusters=self.clusters(about),
            strata=list(zip(split[about].tolist(), label[about].tolist(), strict=True)) if stratified else None,
        )


def run_of(record: Record, columns: Mapping[str, Sequence[str]]) -> Run:
    """Take a record's videos, as columns of text, for comparison."""

    def fractions(name: str) -> Floats:
        return np.array([value or "nan" for value in columns[name]], np.float64)

    def first_of(name: str) -> npt.NDArray[np.int64]:
        return np.array([text.partition(" ")[0] for text in columns[name]], np.int64)

    video_hits = fractions("video_hit")
    return Run(
        digest=record.digest,
        data=record.data.name,
        fingerprint=record.data.videos_fingerprint,
        seed=record.seed,
        videos=tuple(columns["video"]),
        sources=np.array(columns["source"], np.str_),
        groups=np.array(columns["group"], np.str_),
        independent=len(set(columns["source"])) == len(columns["source"]),
        first_labels=first_of("labels"),
        predicted=first_of("predicted"),
        values={
            "clip@1": fractions("clip_hits"),
            "video@1": video_hits,
            "video@5": fractions("video_hit_5"),
            "class_mean@1": video_hits,
            "pair@1": fractions("pair_hit"),
        },
    )


def align(rows: Sequence[Sequence[Run]]) -> Aligned:
    """Align rows of runs on their common videos; runs of the same seed are paired, others in the order given.

    DataError when the rows were evaluated on different sets, or have no video in common.
    """
    first = rows[0][0]
    fingerprints = list(dict.fromkeys(run.fingerprint for run in rows[0]))
    for runs in rows:
        if {run.fingerprint for run in runs} != set(fingerprints):
            both = f"evaluations {first.digest} and {runs[0].digest}"
            raise DataError(
                f"{both} saw different videos: {_seen(rows[0])}; {_seen(runs)}",
                hint="Only runs on the same data can be compared: evaluate them on the same version and splits.",
            )
    by_split = [[[run for run in runs if run.fingerprint == split] for runs in rows] for split in fingerprints]
    everywhere = set.intersection(*({run.seed for run in runs} for split in by_split for runs in split))
    if everywhere:
        by_split = [[[run for run in runs if run.seed in everywhere] for runs in split] for split in by_split]
        order = [run.seed for run in by_split[0][0]]
        by_split = [[sorted(runs, key=lambda run: order.index(run.seed)) for runs in split] for split in by_split]
    num_seeds = min(len(runs) for split in by_split for runs in split)
    splits = tuple(_split(tuple(tuple(runs[:num_seeds]) for runs in split)) for split in by_split)
    if not any(place.size for split in splits for place in split.places.values()):
        raise DataError(f"evaluations {' and '.join(runs[0].digest for runs in rows)} have no video in common")
    return Aligned(splits)


def mean_of(runs: Sequence[Run], metric: str, group: str | None) -> statistics.Mean:
    """One row's mean over seeds and splits."""
    return _measured([runs], metric, group).mean(0)


def difference_of(first: Sequence[Run], second: Sequence[Run], metric: str, group: str | None) -> statistics.Difference:
    """``first`` - ``second`` on the same videos, over their seeds jointly."""
    return _measured([first, second], metric, group).difference(0, 1)


def _measured(rows: Sequence[Sequence[Run]], metric: str, group: str | None) -> Measured:
    measured = align(rows).measure(metric, group)
    if measured is None:
        raise DataError(
            f"evaluations {' and '.join(runs[0].digest for runs in rows)} have no common video for {metric}"
            + (f" in group {group}" if group else "")
        )
    return measured


def _seen(runs: Sequence[Run]) -> str:
    first, *others = dict.fromkeys(f"{run.data} {run.fingerprint[:8]} with {len(run.videos):,} videos" for run in runs)
    return f"{first} and {len(others)} other splits" if others else first


def _split(runs: tuple[tuple[Run, ...], ...]) -> _Split:
    """Find the videos that all runs have, in the first one's order."""
    first = runs[0][0].videos
    lists = {run.videos for row in runs for run in row}
    if len(lists) == 1:
        return _Split(runs, {first: np.arange(len(first))})
    everywhere = set.intersection(*map(set, lists))
    places = {}
    for videos in lists:
        position = {video: number for number, video in enumerate(videos)}
        places[videos] = np.array([position[video] for video in first if video in everywhere], np.int64)
    return _Split(runs, places)
