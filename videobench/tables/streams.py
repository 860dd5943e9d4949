"""Streams alone beside what they give together: accuracies with intervals, and the paired gain."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from videobench.evaluation.statistics import Difference, Mean
from videobench.records import Record, read_video_columns
from videobench.tables.outcomes import Run, difference_of, mean_of, run_of

METRIC = "video@1"

Accuracies = Mapping[str, Mean]
"""``video@1``, and ``video@1/GROUP`` for each class group, over a run's seeds and splits."""


@dataclass(frozen=True)
class FusionSummary:
    """``gain`` is what the fused result has over the best of the streams, paired by video and seed."""

    streams: Mapping[str, Accuracies]
    fused: Accuracies
    best: str
    gain: Difference


def summarise_fusion(streams: Mapping[str, Sequence[Record]], fused: Sequence[Record], folder: Path) -> FusionSummary:
    """Compare the records of each stream with those of their fusion, replica by replica; all lie in ``folder``."""
    groups = (None, *fused[0].groups)
    together = [_run(record, record, folder) for record in fused]
    alone = {
        name: [_run(*pair, folder) for pair in zip(records, fused, strict=True)] for name, records in streams.items()
    }
    accuracies = {name: _accuracies(runs, groups) for name, runs in alone.items()}
    best = max(alone, key=lambda name: accuracies[name][METRIC].value)
    return FusionSummary(
        streams=accuracies,
        fused=_accuracies(together, groups),
        best=best,
        gain=difference_of(together, alone[best], METRIC, None),
    )


def _accuracies(runs: Sequence[Run], groups: Sequence[str | None]) -> Accuracies:
    return {f"{METRIC}/{group}" if group else METRIC: mean_of(runs, METRIC, group) for group in groups}


def _run(record: Record, fused: Record, folder: Path) -> Run:
    """A record's videos as those of the fused one: they were matched by id, even if a stream's files are others."""
    run = run_of(record, read_video_columns(folder, record.digest))
    return dataclasses.replace(run, fingerprint=fused.data.fingerprint)
