"""What an evaluation says about one video, and the flat row that it is kept as."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self


@dataclass(frozen=True)
class VideoOutcome:
    """What happened to one video; the field order is the column order of a record's CSV file.

    ``labels`` are all right answers, ``predicted`` the best classes, best first; ``clip_hits`` is the fraction
    of single views that were right (None after fusion), ``pair_hit`` 1 when the label beat its partner class
    (None without one). ``source`` is the video itself where no common recording is known.
    """

    video: str
    source: str
    labels: tuple[int, ...]
    predicted: tuple[int, ...]
    group: str
    clip_hits: float | None
    video_hit: bool
    video_hit_5: bool
    pair_hit: float | None
    num_views: int
    num_distinct_views: int

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """Build from one flat row, of text as in the CSV file or of numbers; NaN and empty text mean None."""
        return cls(
            video=str(row["video"]),
            source=str(row["source"]),
            labels=tuple(map(int, row["labels"].split())),
            predicted=tuple(map(int, row["predicted"].split())),
            group=str(row["group"]),
            clip_hits=_fraction(row["clip_hits"]),
            video_hit=bool(int(row["video_hit"])),
            video_hit_5=bool(int(row["video_hit_5"])),
            pair_hit=_fraction(row["pair_hit"]),
            num_views=int(row["num_views"]),
            num_distinct_views=int(row["num_distinct_views"]),
        )

    def to_row(self) -> dict[str, Any]:
        """The flat row of text and numbers that ``from_row`` reads."""
        return {
            "video": self.video,
            "source": self.source,
            "labels": " ".join(map(str, self.labels)),
            "predicted": " ".join(map(str, self.predicted)),
            "group": self.group,
            "clip_hits": "" if self.clip_hits is None else self.clip_hits,
            "video_hit": int(self.video_hit),
            "video_hit_5": int(self.video_hit_5),
            "pair_hit": "" if self.pair_hit is None else self.pair_hit,
            "num_views": self.num_views,
            "num_distinct_views": self.num_distinct_views,
        }


VIDEO_COLUMNS = tuple(column.name for column in fields(VideoOutcome))


def _fraction(value: str | float) -> float | None:
    number = float("nan") if value == "" else float(value)
    return None if math.isnan(number) else number
