"""How a picture is turned and mirrored to be shown."""

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import numpy as np
from av.buffer import Buffer
from av.sidedata.sidedata import Type
from av.video.frame import VideoFrame
from numpy.typing import NDArray


@dataclass(frozen=True)
class Orientation:
    """What shows a frame upright: mirroring it, left to right, and then counterclockwise quarter turns."""

    is_mirrored: bool
    quarter_turns: int

    @classmethod
    def of(cls, frame: VideoFrame) -> "Orientation":
        """Read it from the file's metadata, any angle rounded to a quarter turn."""
        side_data = cast(Mapping[Type, Buffer], frame.side_data)
        matrix = side_data.get(Type.DISPLAYMATRIX)
        if matrix is None:
            return cls(False, 0)
        a, b, _, c, d = struct.unpack_from("=5i", bytes(matrix))  # (x, y) is shown at (ax + cy, bx + dy)
        is_mirrored = a * d < b * c
        turned = math.atan2(b, -a) if is_mirrored else math.atan2(-b, a)
        return cls(is_mirrored, round(turned / (math.pi / 2)) % 4)

    @property
    def swaps_sides(self) -> bool:
        return self.quarter_turns % 2 == 1

    def upright(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return an image [H, W, C] as it is shown."""
        if not (self.is_mirrored or self.quarter_turns):
            return pixels  # almost all are, and even a view takes its time
        return np.rot90(pixels[:, ::-1] if self.is_mirrored else pixels, self.quarter_turns)
