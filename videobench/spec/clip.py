"""A clip: which frames the network sees and how they become its input."""

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field

from videobench.spec.base import BrokenRule, Spec

Pixels = Annotated[int, Field(ge=1)]
Spread = Annotated[float, Field(gt=0)]


class Clip(Spec):
    """``frames`` frames, ``stride`` apart, scaled to ``resize`` and cropped to ``crop`` pixels (P1 section 4.1)."""

    frames: int = Field(ge=1)
    stride: int = Field(default=1, ge=1)
    resize: tuple[Pixels, Pixels] = (128, 171)
    """Height and width; the aspect ratio is not kept, as in the paper."""
    crop: Pixels = 112
    filter: Literal["fast_bilinear", "bilinear", "bicubic", "area"] = "fast_bilinear"
    """P1's authors scale with fast bilinear interpolation."""
    mean: tuple[float, float, float] = (0.43216, 0.394666, 0.37645)
    std: tuple[Spread, Spread, Spread] = (0.22803, 0.22145, 0.216989)
    short_video: Literal["loop", "repeat_last"] = "loop"
    """What a video shorter than the clip does; no video is ever dropped."""

    def broken_rules(self) -> Iterable[BrokenRule]:
        if self.crop > min(self.resize):
            yield BrokenRule(f"crop {self.crop} is larger than resize {list(self.resize)}", ("crop", "resize"))

    @property
    def preprocessing(self) -> str:
        """Everything but the choice of frames, as one line: the same line means the same pixels."""
        height, width = self.resize
        values = " ".join(f"{value:g}" for value in (*self.mean, *self.std))
        return f"rgb resize {height}x{width} {self.filter} crop {self.crop} normalise {values} short {self.short_video}"
