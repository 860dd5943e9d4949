"""How many views stand behind a result: what its protocol counts, and how many of them are different clips."""

import json
from dataclasses import dataclass
from pathlib import Path

from videobench.records import Record, read_video_columns


@dataclass(frozen=True)
class ViewCount:
    """Views of a video, mean over the videos; ``distinct`` are fewer where a short video's views coincide."""

    counted: float
    distinct: float


class ViewCounts:
    """The view counts of records, read from their videos once for each protocol and data."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[str, ViewCount | None] = {}

    def of(self, record: Record) -> ViewCount | None:
        """Return the counts of a record; None without videos."""
        ways = {name: record.evaluation.get(name) for name in ("clip", "protocol", "fusion")}
        key = json.dumps([record.data.fingerprint, ways], sort_keys=True, default=str)
        if key not in self._known:
            self._known[key] = self._read(record.digest)
        return self._known[key]

    def _read(self, digest: str) -> ViewCount | None:
        columns = read_video_columns(self._folder, digest)
        counted, distinct = (list(map(int, columns[name])) for name in ("num_views", "num_distinct_views"))
        return ViewCount(sum(counted) / len(counted), sum(distinct) / len(distinct)) if counted else None
