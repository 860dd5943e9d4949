"""A clip: which frames the network sees and how they become its input."""

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field

from videobench.spec.base import BrokenRule, Spec

Pixels = Annotated[int, Field(ge=1)]
Spread = Annotated[float, Field(gt=0)]

MEAN = {"rgb": (0.43216, 0.394666, 0.37645), "flow": (0.500117, 0.500116)}
STD = {"rgb": (0.22803, 0.22145, 0.216989), "flow": (0.0243087, 0.0188787)}
"""Of each channel, for values in 0..1. Flow has P1's: a mean of 0.0047 and 0.0046 px, a spread of 0.97 and 0.76 px, at
a bound of 20 px."""


class Clip(Spec):
    """``frames`` frames, ``stride`` apart, scaled to ``resize`` and cropped to ``crop`` pixels (P1 section 4.1)."""

    frames: int = Field(ge=1)
    stride: int = Field(default=1, ge=1)
    fps: Annotated[float, Field(gt=0)] | None = None
    """See every video at this rate: of its frames, those nearest in time. None: its own frames, as in the papers."""
    resize: tuple[Pixels, Pixels] = (128, 171)
    """Height and width; the aspect ratio is not kept, as in the paper."""
    crop: Pixels = 112
    filter: Literal["fast_bilinear", "bilinear", "bicubic", "area"] = "fast_bilinear"
    """P1's authors scale with fast bilinear interpolation."""
    modality: Literal["rgb", "flow"] = "rgb"
    """Colour frames, or fields of optical flow: N frames have N - 1, and a clip of T frames is then one of T fields."""
    mean: tuple[float, ...] = Field(default_factory=lambda given: MEAN[given["modality"]])
    std: tuple[Spread, ...] = Field(default_factory=lambda given: STD[given["modality"]])
    flow_algorithm: Literal["tvl1", "farneback"] = "tvl1"
    """Whose flow is read: P2's, or P1's."""
    flip_flow: Literal["negate", "keep"] = "negate"
    """What mirroring does to horizontal flow: it runs the other way (P1), or stays as it is (P2)."""
    short_video: Literal["loop", "repeat_last"] = "loop"
    """What a video shorter than the clip does; no video is ever dropped."""

    def broken_rules(self) -> Iterable[BrokenRule]:
        if self.crop > min(self.resize):
            yield BrokenRule(f"crop {self.crop} is larger than resize {list(self.resize)}", ("crop", "resize"))
        for name, values in (("mean", self.mean), ("std", self.std)):
            if len(values) != (due := len(MEAN[self.modality])):
                given = ", ".join(f"{value:g}" for value in values)
                message = f"must have {due} values, one a channel of {self.modality}, not [{given}]"
                yield BrokenRule(message, (name, "modality"))
        if self.modality == "flow" and self.fps is not None:
            yield BrokenRule("flow lies between a video's own frames and isn't resampled", ("fps", "modality"))
        if self.modality != "flow":
            for name, default in (("flow_algorithm", "tvl1"), ("flip_flow", "negate")):
                if getattr(self, name) != default:
                    yield BrokenRule(f"{name} belongs to modality flow, not to {self.modality}", (name, "modality"))

    @property
    def channels(self) -> int:
        return len(self.mean)

    @property
    def flip_negates_x(self) -> bool:
        """Whether mirroring a clip turns the sign of its first channel, horizontal flow."""
        return self.modality == "flow" and self.flip_flow == "negate"

    @property
    def preprocessing(self) -> str:
        """Everything but the choice of frames, as one line: the same line means that a frame has the same pixels."""
        height, width = self.resize
        values = " ".join(f"{value:g}" for value in (*self.mean, *self.std))
        source = "rgb" if self.modality == "rgb" else f"flow {self.flow_algorithm} flip {self.flip_flow}"
        size = f"resize {height}x{width} {self.filter} crop {self.crop}"
        rate = "" if self.fps is None else f" fps {self.fps!r}"
        return f"{source} {size} normalise {values} short {self.short_video}{rate}"
