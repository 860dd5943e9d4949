"""Find the records of a table's rows, and what may not stand in one table."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from videobench.errors import DataError
from videobench.records import Record, Scale, flatten, has_record, read_record, read_video_columns
from videobench.tables.outcomes import PAIRED_METRICS, Run, mean_of, run_of
from videobench.tables.request import TableRow
from videobench.tables.result import Ours, Provenance


@dataclass(frozen=True, eq=False)
class FoundRow:
    """A row's records; ``notes`` say why there are fewer than it asks for."""

    row: TableRow
    records: tuple[Record, ...]
    notes: tuple[str, ...]
    folder: Path

    @property
    def complete(self) -> bool:
        return 0 < len(self.row.digests) == len(self.records)

    @property
    def fingerprints(self) -> frozenset[str]:
        """What identifies the videos it was measured on: one a split."""
        return frozenset(record.data.videos_fingerprint for record in self.records)

    @cached_property
    def runs(self) -> tuple[Run, ...]:
        """The records' videos, read on first use: a row of one record is shown without them."""
        return tuple(run_of(record, read_video_columns(self.folder, record.digest)) for record in self.records)

    @cached_property
    def groups(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(group for record in self.records for group in record.groups))

    def measured(self, metric: str, group: str | None = None) -> Ours | None:
        """The mean over the row's records; None without any, or when the metric doesn't exist in this group."""
        numbers = [record.groups.get(group, {}) if group else record.metrics for record in self.records]
        if not numbers or (group and any(metric not in found for found in numbers)):
            return None
        for record, found in zip(self.records, numbers, strict=True):
            if metric not in found:
                raise DataError(
                    f"record {record.digest} has no {metric!r}",
                    where=f"row {self.row.name}",
                    hint=f"It has {', '.join(found)}.",
                )
        if len(numbers) == 1:
            one = numbers[0][metric]
            return Ours(
                value=one.value,
                low=-math.inf if one.low is None else one.low,
                high=math.inf if one.high is None else one.high,
                covers=one.covers,
                method=one.method,
                num_videos=one.n,
                num_seeds=1,
                sd=None,
            )
        if metric not in PAIRED_METRICS:
            raise DataError(
                f"no mean over runs for {metric!r}",
                where=f"row {self.row.name}",
                hint=f"The videos of a record hold {', '.join(PAIRED_METRICS)}.",
            )
        mean = mean_of(self.runs, metric, group)
        return Ours(
            value=mean.value,
            low=mean.interval.low,
            high=mean.interval.high,
            covers=mean.interval.covers,
            method=mean.interval.method,
            num_videos=mean.num_videos,
            num_seeds=mean.num_seeds,
            sd=mean.sd,
        )


def find_row(row: TableRow, scale: Scale, folder: Path) -> FoundRow:
    """Read a row's records; those of another scale are left out with a note."""
    records, notes = [], []
    for digest in row.digests:
        if not has_record(folder, digest):
            continue
        record = read_record(folder, digest)
        if record.scale == scale:
            records.append(record)
        else:
            notes.append(f"record {digest} is of {record.scale} scale and left out: a table never mixes scales")
    if 0 < len(records) < len(row.digests):
        notes.append(f"{len(records)} of {len(row.digests)} runs done")
    return FoundRow(row, tuple(records), tuple(notes), folder)


def refuse_mixed_data(records: Iterable[Record]) -> None:
    """The same subset and split of a data set must be the same videos in every row, or DataError."""
    first: dict[tuple[object, ...], Record] = {}
    for record in records:
        evaluation = flatten(record.evaluation)
        fields = (evaluation.get(name) for name in ("subset", "data.split", "data.version"))
        other = first.setdefault((record.data.name, *fields), record)
        one, another = (each.data.videos_fingerprint for each in (other, record))
        if one != another:
            raise DataError(
                f"records {other.digest} and {record.digest} both say {record.data.name}, but their videos"
                f" differ (fingerprints {one[:12]} and {another[:12]})",
                hint="A table never mixes data sets: evaluate again what was evaluated on the other copy.",
            )


def provenance_of(records: Sequence[Record], measured: Sequence[Ours]) -> Provenance:
    """Collect where the numbers come from, each distinct value once."""
    environments = [record.environment for record in records]
    shas = [
        f"{(env.git_sha or 'unknown')[:12]}{' with uncommitted changes' if env.dirty else ''}" for env in environments
    ]
    versions = [f"torch {env.torch}, PyAV {env.av}, FFmpeg {env.ffmpeg}" for env in environments]
    created = sorted(record.created for record in records)
    return Provenance(
        git_shas=tuple(dict.fromkeys(shas)),
        versions=tuple(dict.fromkeys(versions)),
        devices=tuple(dict.fromkeys(record.cost.device for record in records)),
        first_created=created[0] if created else None,
        last_created=created[-1] if created else None,
        num_videos=tuple(sorted({ours.num_videos for ours in measured})),
        num_seeds=tuple(sorted({ours.num_seeds for ours in measured})),
        covers=tuple(sorted({ours.covers for ours in measured})),
    )
