"""Which views of a video are evaluated and how their scores become one prediction."""

from typing import Any, Literal

from pydantic import Field

from videobench.spec.base import Spec

Crop = Literal["centre", "left", "right", "top_left", "top_right", "bottom_left", "bottom_right"]


class Protocol(Spec):
    """An evaluation protocol. The defaults are P1's single clip."""

    clips: int = Field(default=1, ge=1)
    grid: Literal["authors", "centres"] = "authors"
    """``authors``: clip i of N starts at floor(i (T - L) / (N - 1)) and a single clip at 0, as in P1's code."""
    crops: tuple[Crop, ...] = Field(default=("centre",), min_length=1)
    flip: bool = False
    """Also evaluate every crop mirrored."""
    average: Literal["softmax_mean", "logit_mean"] = "softmax_mean"

    @property
    def num_views(self) -> int:
        return self.clips * len(self.crops) * (2 if self.flip else 1)


PRESETS: dict[str, dict[str, Any]] = {
    "clip": {"clips": 1},
    "video_10": {"clips": 10},
    "video_20": {"clips": 20},
    "video_100": {"clips": 100},
}
"""Protocols that an experiment file may call by name (P1 section 4)."""
