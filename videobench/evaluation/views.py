"""Which views of a video an evaluation protocol looks at: numbers only, no frames.

A *clip* is a run of frames (start, number of frames, stride); a *view* is a crop of a clip, mirrored or not.
Frames outside a video shorter than the clip are the business of whoever reads frames: its views start at 0.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, assert_never, get_args

from videobench.errors import ConfigError

Crop = Literal["centre", "top_left", "top_right", "bottom_left", "bottom_right", "left", "right"]
Grid = Literal["authors", "centres", "pyslowfast", "mmaction2", "consecutive", "steps"]

CROPS: tuple[Crop, ...] = get_args(Crop)
FIVE_CROPS: tuple[Crop, ...] = ("centre", "top_left", "top_right", "bottom_left", "bottom_right")
THREE_CROPS: tuple[Crop, ...] = ("left", "centre", "right")  # along the longer side


class Clip(NamedTuple):
    """The part of a view that decides which frames are read."""

    start: int
    frames: int
    stride: int


@dataclass(frozen=True, order=True, slots=True)
class View:
    """One input of the network: a clip's frames, cropped and maybe mirrored."""

    start: int
    frames: int
    stride: int
    crop: Crop
    flip: bool

    @property
    def clip(self) -> Clip:
        return Clip(self.start, self.frames, self.stride)


def clip_span(frames: int, stride: int) -> int:
    """Number of video frames from a clip's first to its last frame, both included."""
    return (frames - 1) * stride + 1


def clip_starts(
    num_frames: int, *, frames: int, stride: int, num_clips: int | None, grid: Grid, step: int | None = None
) -> list[int]:
    """First frame of every clip, ascending, with multiplicity.

    With T frames in the video, a clip of L frames spanning S of them and N clips:

    - ``authors``: floor(i (T - S) / (N - 1)), and 0 for a single clip (R(2+1)D's own decoder);
    - ``centres``: the middle of each of N equal parts of the T - S + 1 possible starts;
    - ``pyslowfast``: floor(i (T - L stride) / N);
    - ``mmaction2``: round(i (T - S) / (N - 1)), and floor((T - S) / 2) for a single clip;
    - ``consecutive``: as many clips as fit side by side, centred (late temporal modelling's test);
    - ``steps``: every ``step`` frames from 0 on, as long as the clip fits (VMZ's dense prediction).

    The last two need ``num_clips`` None, and ``steps`` alone takes ``step``.
    """
    if (num_clips is None) != (grid in ("consecutive", "steps")) or (step is None) == (grid == "steps"):
        raise ValueError(f"grid {grid!r} with num_clips={num_clips}, step={step}")
    span = clip_span(frames, stride)
    last = max(num_frames - span, 0)
    if grid == "consecutive":
        num_fitting = max(num_frames // span, 1)
        first = max(num_frames - num_fitting * span, 0) // 2
        return [first + i * span for i in range(num_fitting)]
    if grid == "steps":
        assert step is not None
        return list(range(0, last + 1, step))
    assert num_clips is not None
    if grid == "authors":
        return [i * last // (num_clips - 1) for i in range(num_clips)] if num_clips > 1 else [0]
    if grid == "centres":
        # The middle of part i, rounded half down, so that one clip starts at (T - S) // 2.
        return [((2 * i + 1) * (last + 1) - 1) // (2 * num_clips) for i in range(num_clips)]
    if grid == "pyslowfast":
        return [i * max(num_frames - frames * stride, 0) // num_clips for i in range(num_clips)]
    if grid == "mmaction2":
        # In floating point, as there, so that halves are rounded to the same side.
        return [round(i * (last / (num_clips - 1))) for i in range(num_clips)] if num_clips > 1 else [last // 2]
    assert_never(grid)


def views_of(
    num_frames: int,
    *,
    frames: int,
    stride: int = 1,
    num_clips: int | None,
    grid: Grid,
    step: int | None = None,
    crops: Sequence[Crop] = ("centre",),
    flip: bool = False,
) -> list[View]:
    """All views of a video of ``num_frames`` frames; equal views are counted as often as they are listed.

    Every clip is seen through every crop, and with ``flip`` once more mirrored (ten crops = FIVE_CROPS +
    flip).
    """
    starts = clip_starts(num_frames, frames=frames, stride=stride, num_clips=num_clips, grid=grid, step=step)
    mirrored = (False, True) if flip else (False,)
    return [View(start, frames, stride, crop, mirror) for start in starts for mirror in mirrored for crop in crops]


def merge_crops(crops: Sequence[Crop], *, frame: tuple[int, int], size: tuple[int, int]) -> list[Crop]:
    """Give crops that cut out the same pixels one name, so that their views are equal; as many as are given.

    ``frame`` and ``size`` are height and width of a frame and of a crop. The name is the first of ``CROPS`` in that
    place, whatever else is in ``crops``: all protocols know a place by the same name.
    """
    offset_of = {crop: crop_offset(crop, *frame, size) for crop in CROPS}
    return [next(name for name in CROPS if offset_of[name] == offset_of[crop]) for crop in crops]


def crop_offset(crop: Crop, height: int, width: int, size: tuple[int, int]) -> tuple[int, int]:
    """Top left corner (y, x) of a crop of ``size`` (height, width) in a frame of ``height`` x ``width``.

    ``left`` and ``right`` lie at the ends of the longer side (top and bottom of an upright frame), centred
    along the other.
    """
    free_y, free_x = height - size[0], width - size[1]
    if free_y < 0 or free_x < 0:
        raise ConfigError(
            f"a crop of {size[0]}x{size[1]} does not fit into frames of {height}x{width} (height x width)",
            hint="make the crop smaller or resize the frames to a larger size",
        )
    match crop:
        case "centre":
            return free_y // 2, free_x // 2
        case "top_left":
            return 0, 0
        case "top_right":
            return 0, free_x
        case "bottom_left":
            return free_y, 0
        case "bottom_right":
            return free_y, free_x
        case "left":
            return (free_y // 2, 0) if width >= height else (0, free_x // 2)
        case "right":
            return (free_y // 2, free_x) if width >= height else (free_y, free_x // 2)
        case _:
            assert_never(crop)
