"""Runs beside a first one on the same videos: differences, tests, settings that differ, videos that flip."""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from videobench.errors import ConfigError
from videobench.evaluation.statistics import Difference, Mean, holm
from videobench.records import Record, read_video_columns, write_atomically
from videobench.run_reference import Run
from videobench.spec.units import Evaluation
from videobench.tables.class_names import class_names
from videobench.tables.outcomes import PAIRED_METRICS, Aligned, align, run_of


@dataclass(frozen=True, kw_only=True)
class MetricDifference:
    """One metric of two runs, on all videos or one class group; ``difference`` is the second minus the first."""

    metric: str
    group: str | None
    first: Mean
    second: Mean
    difference: Difference
    p_holm: float


@dataclass(frozen=True, kw_only=True)
class SettingDifference:
    """A setting that differs; None where a run has no such setting."""

    name: str
    first: Any
    second: Any


@dataclass(frozen=True, kw_only=True)
class Flip:
    """A video that only one of two runs has right (``right``: 'first' or 'second'), at one seed."""

    video: str
    seed: int | None
    label: str
    first: str
    second: str
    right: str


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two runs on the videos and seeds that both have.

    ``num_videos`` counts a video once for each split; ``num_left_out`` are those that only one run could read.
    """

    first: str
    second: str
    num_videos: int
    num_left_out: int
    seeds: tuple[int | None, ...]
    metrics: tuple[MetricDifference, ...]
    settings: tuple[SettingDifference, ...]
    flips: tuple[Flip, ...]


def compare_runs(runs: Sequence[Run], folder: Path, *, metrics: Sequence[str] = ()) -> tuple[Comparison, ...]:
    """Compare each later run with the first, in ``metrics`` or in all that they have.

    p values are adjusted over everything that is compared here, by Holm. ConfigError for a metric that not all
    runs have, DataError when they saw different videos.
    """
    if len(runs) < 2:
        raise ConfigError("one run can't be compared", hint="name the run to start from and one or several others")
    chosen = _chosen(runs, metrics)
    found = [_compare(runs[0], other, folder, chosen) for other in runs[1:]]
    adjusted = iter(holm([one.difference.p for comparison in found for one in comparison.metrics]))
    return tuple(
        replace(comparison, metrics=tuple(replace(one, p_holm=next(adjusted)) for one in comparison.metrics))
        for comparison in found
    )


_WITHOUT_EFFECT = ("seed", "split", "validation")
"""Seeds and splits are paired, and how a training was watched changes no weights."""


def differing_settings(first: Record, second: Record) -> tuple[SettingDifference, ...]:
    """Compare how two results were trained and measured; what training and evaluation share stands there once."""
    differing = tuple(_differing(_settings(first), _settings(second)))
    known = {(one.name, str(one.first), str(one.second)) for one in differing}
    return tuple(
        one
        for one in differing
        if not one.name.startswith("training.")
        or (one.name.removeprefix("training."), str(one.first), str(one.second)) not in known
    )


def _settings(record: Record) -> Mapping[str, Any]:
    """Return a record's settings, with defaults for those that didn't exist when it was written."""
    plain = {**record.evaluation, "training": record.training}
    try:
        weights = record.training or record.evaluation.get("weights")
        text = json.dumps({**record.evaluation, "weights": weights})
        filled = Evaluation.model_validate_json(text).model_dump(mode="json")
    except ValidationError:  # a fusion, which has none of its own
        return plain
    return {**filled, "training": filled["weights"], "weights": None} if record.training else filled


def _differing(first: Mapping[str, Any], second: Mapping[str, Any], prefix: str = "") -> Iterator[SettingDifference]:
    for name in dict.fromkeys((*first, *second)):
        one, other = first.get(name), second.get(name)
        if one == other or name in _WITHOUT_EFFECT:
            continue
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            yield from _differing(one, other, f"{prefix}{name}.")
        else:
            yield SettingDifference(name=f"{prefix}{name}", first=one, second=other)


def _chosen(runs: Sequence[Run], wanted: Sequence[str]) -> tuple[tuple[str, str | None], ...]:
    """Return what to compare, metric and class group: all that every record has, or only the wanted metrics."""
    records = [record for run in runs for record in run.records]
    common = [name for name in PAIRED_METRICS if all(name in record.metrics for record in records)]
    if unknown := [name for name in wanted if name not in common]:
        hint = f"legal: {', '.join(common)}"
        raise ConfigError(f"{unknown[0]!r} is no metric that all of the runs have", where="--metric", hint=hint)
    return tuple(
        (metric, group)
        for metric in common
        if not wanted or metric in wanted
        for group in (None, *records[0].groups)
        if group is None or all(metric in record.groups.get(group, {}) for record in records)
    )


def _compare(first: Run, second: Run, folder: Path, chosen: Sequence[tuple[str, str | None]]) -> Comparison:
    rows = [[run_of(one, read_video_columns(folder, one.digest)) for one in run.records] for run in (first, second)]
    aligned = align(rows)
    return Comparison(
        first=first.name,
        second=second.name,
        num_videos=len(aligned.shared(lambda run: run.videos)),
        num_left_out=aligned.num_left_out,
        seeds=aligned.seeds(0),
        metrics=tuple(_differences(aligned, chosen)),
        settings=(*_differing_seeds(aligned), *differing_settings(first.records[0], second.records[0])),
        flips=tuple(_flips(aligned, first.records[0], folder)),
    )


def _differences(aligned: Aligned, chosen: Sequence[tuple[str, str | None]]) -> Iterator[MetricDifference]:
    for metric, group in chosen:
        if measured := aligned.measure(metric, group):
            difference = measured.difference(1, 0)
            yield MetricDifference(
                metric=metric,
                group=group,
                first=measured.mean(0),
                second=measured.mean(1),
                difference=difference,
                p_holm=difference.p,
            )


def _differing_seeds(aligned: Aligned) -> Iterator[SettingDifference]:
    first, second = aligned.seeds(0), aligned.seeds(1)
    if first != second:
        yield SettingDifference(name="seed", first=first, second=second)


def _flips(aligned: Aligned, record: Record, folder: Path) -> Iterator[Flip]:
    """Yield the videos that flip, by name and seed."""
    videos, labels = aligned.shared(lambda run: run.videos), aligned.shared(lambda run: run.first_labels)
    first, second = (aligned.column(row, lambda run: run.values["video@1"]) for row in (0, 1))  # [S, N]
    said = [aligned.column(row, lambda run: run.predicted) for row in (0, 1)]
    names = class_names(folder, record, num_known=int(max(labels.max(), *(each.max() for each in said))) + 1)
    flipped = [(str(videos[place]), seed, place) for seed, place in zip(*np.nonzero(first != second), strict=True)]
    for video, seed, place in sorted(flipped):
        yield Flip(
            video=video,
            seed=aligned.seeds(0)[seed],
            label=names[labels[place]],
            first=names[said[0][seed, place]],
            second=names[said[1][seed, place]],
            right="first" if first[seed, place] else "second",
        )


def write_flips(comparisons: Sequence[Comparison], path: Path) -> None:
    """Write a row for every video that flips, as CSV."""
    buffer = io.StringIO()
    columns = ("first_run", "second_run", *(column.name for column in fields(Flip)))
    writer = csv.DictWriter(buffer, columns, lineterminator="\n")
    writer.writeheader()
    for one in comparisons:
        writer.writerows({"first_run": one.first, "second_run": one.second, **asdict(flip)} for flip in one.flips)
    write_atomically(path, buffer.getvalue())
