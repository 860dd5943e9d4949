"""Which views of a video are evaluated and how their scores become one prediction."""

import json
from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from videobench.spec.base import BrokenRule, Spec

Crop = Literal["centre", "left", "right", "top_left", "top_right", "bottom_left", "bottom_right"]

Number = Annotated[int, Field(ge=1)]
NumberOrAll = Annotated[
    Annotated[Number, Tag("number")] | Annotated[Literal["all"], Tag("word")],
    Discriminator(lambda value: "word" if isinstance(value, str) else "number"),
]
"""Told apart by a discriminator, so that a wrong value is one mistake and not one of each kind."""

COUNTED_GRIDS = {
    "authors": "on the authors' grid",
    "centres": "at the centres of equal parts",
    "pyslowfast": "on PySlowFast's grid",
    "mmaction2": "on MMAction2's grid",
}
FILLING_GRIDS = ("consecutive", "steps")
"""These take as many clips as fit into a video."""


class Protocol(Spec):
    """An evaluation protocol. The defaults are P1's single clip."""

    clips: NumberOrAll = 1
    grid: Literal["authors", "centres", "pyslowfast", "mmaction2", "consecutive", "steps"] = "authors"
    """Where the clips start; ``evaluation.views.clip_starts`` has the formulas."""
    step: Number | None = None
    """Frames from one clip's start to the next, on the grid ``steps``."""
    crops: tuple[Crop, ...] = Field(default=("centre",), min_length=1)
    flip: bool = False
    """Also evaluate every crop mirrored."""
    average: Literal["softmax_mean", "logit_mean"] = "softmax_mean"

    def broken_rules(self) -> Iterable[BrokenRule]:
        fills = self.grid in FILLING_GRIDS
        if fills and self.clips != "all":
            message = f"grid {self.grid} takes all clips that fit: write clips: all, not {self.clips}"
            yield BrokenRule(message, ("clips", "grid"))
        if not fills and self.clips == "all":
            message = f"clips: all needs a grid that fills the video ({' or '.join(FILLING_GRIDS)}), not {self.grid}"
            yield BrokenRule(message, ("clips", "grid"))
        if self.grid == "steps" and self.step is None:
            yield BrokenRule("grid steps needs step, the frames from one clip's start to the next", ("step", "grid"))
        if self.grid != "steps" and self.step is not None:
            yield BrokenRule(f"step belongs to grid steps, not to {self.grid}", ("step", "grid"))

    @property
    def views_per_clip(self) -> int:
        return len(self.crops) * (2 if self.flip else 1)

    @property
    def num_views(self) -> int | None:
        """Views of a video; None where their number depends on its length."""
        return None if self.clips == "all" else self.clips * self.views_per_clip

    @property
    def description(self) -> str:
        """What is looked at, what is averaged, and how many views that makes, in one line."""
        crops = _list_words([crop.replace("_", " ") for crop in self.crops])
        crops += " crop" if len(self.crops) == 1 else " crops"
        flip = ", plain and mirrored" if self.flip else ""
        average = "mean of softmax" if self.average == "softmax_mean" else "mean of logits"
        views = f"{_count(self.views_per_clip, 'view')} a clip"
        if self.num_views is not None:
            views = _count(self.num_views, "view")
        return f"{self._clips_described}, {crops}{flip}, {average}: {views}"

    @property
    def _clips_described(self) -> str:
        if self.clips == "all":
            every = "frame" if self.step == 1 else f"{self.step} frames"
            return "consecutive clips" if self.step is None else f"a clip every {every}"
        return f"{_count(self.clips, 'clip')} {COUNTED_GRIDS[self.grid]}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _list_words(words: list[str]) -> str:
    return " and ".join(", ".join(words).rsplit(", ", 1))


PRESETS: dict[str, dict[str, Any]] = {
    "clip": {"clips": 1},
    "video_10": {"clips": 10},
    "video_20": {"clips": 20},
    "video_100": {"clips": 100},
    "ten_crop": {
        "clips": "all",
        "grid": "consecutive",
        "crops": ["centre", "top_left", "top_right", "bottom_left", "bottom_right"],
        "flip": True,
        "average": "logit_mean",
    },
    "dense": {"clips": "all", "grid": "steps", "step": 8},
    "three_crop": {"clips": 10, "grid": "pyslowfast", "crops": ["left", "centre", "right"]},
    "three_crop_mmaction2": {"clips": 10, "grid": "mmaction2", "crops": ["left", "centre", "right"]},
}
"""Protocols that an experiment file may call by name (docs/protocols.md says whose they are)."""


def preset(name: str) -> Protocol:
    """Return the protocol of this name."""
    return Protocol.model_validate_json(json.dumps(PRESETS[name]))
