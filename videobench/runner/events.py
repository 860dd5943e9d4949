"""What a running plan tells whoever watches it: plain values that cross process borders."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

EventKind = Literal["started", "progress", "finished", "failed"]
Unit = Literal["data", "training", "evaluation", "fusion"]


@dataclass(frozen=True)
class Event:
    """One thing that happened to one unit; ``values`` holds its numbers."""

    kind: EventKind
    unit: Unit
    key: str
    """Digest of the unit, or the data set's name and subset."""
    label: str
    values: Mapping[str, Any] = field(default_factory=dict)


Report = Callable[[Event], None]
