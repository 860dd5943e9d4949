"""Per-video outcomes of rows, aligned by video: what means over seeds and paired comparisons are made from.

A row is one or several runs: seeds of one training, splits of one data set, or both. S seeds, N places (a video
in a split; overlapping splits list a video twice).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from videobench.errors import DataError
from videobench.evaluation import statistics
from videobench.records import Record

Floats = npt.NDArray[np.float64]

PAIRED_METRICS = ("clip@1", "video@1", "video@5", "class_mean@1", "pair@1")
_BY_CLASS = ("class_mean@1", "pair@1")


@dataclass(frozen=True, eq=False)
class Run:
    """The videos of one record, column by column; ``independent``: no two of one source."""

    digest: str
    fingerprint: str
    videos: tuple[str, ...]
    sources: npt.NDArray[np.str_]  # [V]
    groups: npt.NDArray[np.str_]  # [V]
    independent: bool
    first_labels: npt.NDArray[np.int64]  # [V]
    values: dict[str, Floats]  # metric -> [V], NaN for a video that the metric isn't about


@dataclass(frozen=True, eq=False)
class Aligned:
    """One metric of several rows on the videos that all of them have."""

    rows: tuple[Floats, ...]  # each [S, N]
    clusters: list[str] | None
    strata: list[tuple[int, int]] | None


def run_of(record: Record, columns: Mapping[str, Sequence[str]]) -> Run:
    """Take a record's videos, as columns of text, for comparison."""

    def fractions(name: str) -> Floats:
        return np.array([value or "nan" for value in columns[name]], np.float64)

    video_hits = fractions("video_hit")
    return Run(
        digest=record.digest,
        fingerprint=record.data.fingerprint,
        videos=tuple(columns["video"]),
        sources=np.array(columns["source"], np.str_),
        groups=np.array(columns["group"], np.str_),
        independent=len(set(columns["source"])) == len(columns["source"]),
        first_labels=np.array([labels.partition(" ")[0] for labels in columns["labels"]], np.int64),
        values={
            "clip@1": fractions("clip_hits"),
            "video@1": video_hits,
            "video@5": fractions("video_hit_5"),
            "class_mean@1": video_hits,
            "pair@1": fractions("pair_hit"),
        },
    )


def align(rows: Sequence[Sequence[Run]], metric: str, group: str | None) -> Aligned:
    """Align rows of runs on their common videos (of one class group); seeds are paired in the order given.

    DataError when the rows were evaluated on different sets, or have no common video that the metric is about.
    """
    splits = list(dict.fromkeys(run.fingerprint for run in rows[0]))
    for runs in rows:
        if {run.fingerprint for run in runs} != set(splits):
            raise DataError(
                f"evaluations {rows[0][0].digest} and {runs[0].digest} saw different videos",
                hint="Only rows on the same data can be compared: evaluate them on the same version and splits.",
            )
    by_split = [[[run for run in runs if run.fingerprint == split] for runs in rows] for split in splits]
    num_seeds = min(len(seeds) for runs_of_rows in by_split for seeds in runs_of_rows)
    independent = len(splits) == 1 and rows[0][0].independent
    num_places = 0
    blocks: list[list[Floats]] = []  # split, row -> [S, V]
    sources: list[str] = []
    strata: list[tuple[int, int]] = []
    for number, runs_of_rows in enumerate(by_split):
        chosen = [seeds[:num_seeds] for seeds in runs_of_rows]
        first = chosen[0][0]
        index = _common(first, [run for seeds in chosen for run in seeds])
        values = [np.stack([run.values[metric][index[run.videos]] for run in seeds]) for seeds in chosen]
        about = ~np.isnan(values).any(axis=(0, 1))  # [V]
        place = index[first.videos]
        if group is not None:
            about &= first.groups[place] == group
        blocks.append([row[:, about] for row in values])
        num_places += int(about.sum())
        if not independent:
            sources += first.sources[place][about].tolist()
        if metric in _BY_CLASS:
            strata += [(number, label) for label in first.first_labels[place][about].tolist()]
        elif len(splits) > 1:
            strata += [(number, 0)] * int(about.sum())
    if not num_places:
        raise DataError(
            f"evaluations {' and '.join(runs[0].digest for runs in rows)} have no common video for {metric}"
            + (f" in group {group}" if group else "")
        )
    return Aligned(
        rows=tuple(np.concatenate(row, axis=1) for row in zip(*blocks, strict=True)),
        clusters=None if independent else sources,
        strata=strata or None,
    )


def mean_of(runs: Sequence[Run], metric: str, group: str | None) -> statistics.Mean:
    """One row's mean over seeds and splits."""
    aligned = align([runs], metric, group)
    return statistics.mean(aligned.rows[0], clusters=aligned.clusters, strata=aligned.strata)


def difference_of(first: Sequence[Run], second: Sequence[Run], metric: str, group: str | None) -> statistics.Difference:
    """``first`` - ``second`` on the same videos, over their seeds jointly."""
    aligned = align([first, second], metric, group)
    return statistics.difference(aligned.rows[0], aligned.rows[1], clusters=aligned.clusters, strata=aligned.strata)


def _common(first: Run, runs: Sequence[Run]) -> dict[tuple[str, ...], npt.NDArray[np.int64]]:
    """For each list of videos among the runs, where the videos that all of them have stand, in one order."""
    if all(run.videos == first.videos for run in runs):
        return {first.videos: np.arange(len(first.videos))}
    lists = {run.videos for run in runs}
    everywhere = set.intersection(*map(set, lists))
    found = {}
    for videos in lists:
        position = {video: number for number, video in enumerate(videos)}
        found[videos] = np.array([position[video] for video in first.videos if video in everywhere], np.int64)
    return found
