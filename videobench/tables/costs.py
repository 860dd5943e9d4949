"""The cost columns of a table: fields of the records' cost, and what a video's views cost."""

from collections.abc import Sequence

from videobench.errors import ConfigError
from videobench.records import Cost, Record
from videobench.tables.views import ViewCounts

_FIELDS = tuple(name for name, kind in Cost.__annotations__.items() if kind is not str)
COSTS = (*_FIELDS, "views", "gmacs_per_video")
"""``views``: what the protocol counts for a video. ``gmacs_per_video``: 10⁹ multiply-adds for those that differ."""


def cost_of(records: Sequence[Record], name: str, views: ViewCounts) -> float | None:
    """Mean of one cost over the records; None where none of them has it."""
    if name not in COSTS:
        raise ConfigError(f"no cost {name!r}", where="show", hint=f"legal: {', '.join(COSTS)}")
    values = [value for record in records if (value := _value(record, name, views)) is not None]
    return sum(values) / len(values) if values else None


def _value(record: Record, name: str, views: ViewCounts) -> float | None:
    if name in _FIELDS:
        value: float | None = getattr(record.cost, name)
        return value
    count = views.of(record)
    if count is None:
        return None
    return count.counted if name == "views" else record.network.macs * count.distinct / 1e9
