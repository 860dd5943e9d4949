"""A video from its first frame to its last, and the clips that a protocol looks at."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from videobench.data.sampling import frame_indices
from videobench.evaluation.views import Clip, View, clip_span
from videobench.spec.clip import Clip as Cut
from videobench.spec.protocol import Protocol

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LANE, LANES, STRIP, AXIS = 0.15, 1.5, 0.13, 0.2  # inches; LANES is the most that all lanes take
MIN_COUNT = 0.22  # inches that a bar needs for a number

SHOWN, COUNTED = "tab:orange", "tab:blue"


class TimeLine:
    """The clips of a video's views, packed into as few lanes as they need; ``shown`` is one more clip, above them."""

    def __init__(self, num_frames: int, views: Sequence[View], shown: Clip, cut: Cut, protocol: Protocol) -> None:
        self._num_frames = num_frames
        self._cut = cut
        self._views = views
        self._shown = shown
        self._clips = {
            clip: count // protocol.views_per_clip
            for clip, count in sorted(Counter(view.clip for view in views).items())
        }
        self._lanes = lanes_of(self._clips)
        self._num_lanes = max(self._lanes.values()) + 2  # one for what is shown

    @property
    def height(self) -> float:
        """In inches, the numbers below the axis included."""
        return min(LANES, LANE * self._num_lanes) + STRIP + AXIS

    @property
    def times_seen(self) -> NDArray[np.int64]:
        """How many of the views see each frame, a looped or repeated frame once a view."""
        seen = np.zeros(self._num_frames, np.int64)
        for clip, count in Counter(view.clip for view in self._views).items():
            seen[list(set(frame_indices(*clip, self._num_frames, self._cut.short_video)))] += count
        return seen

    @property
    def words(self) -> str:
        """Say how many views there are, how many of them differ, and how much of the video they see."""
        distinct, seen = len(set(self._views)), self.times_seen
        repeated = f", {distinct} of them distinct" if distinct < len(self._views) else ""
        text = f"{len(self._views)} views{repeated}" if len(self._views) > 1 else "1 view"
        unseen = int((seen == 0).sum())
        text += f"; {unseen} of {self._num_frames} frames in none" if unseen else f"; each frame in {_range(seen)}"
        beyond = clip_span(self._cut.frames, self._cut.stride) - self._num_frames
        if beyond > 0:
            goes_on = "goes on at frame 0" if self._cut.short_video == "loop" else "stays on the last frame"
            text += f"; the video ends {beyond} frames before the clip and {goes_on}"
        return text

    def draw(self, axes: "Axes", width: float) -> None:
        """Draw on ``axes``, ``width`` inches wide, the clips and how often each frame is seen."""
        end = max(self._num_frames, *(_end(clip) for clip in (*self._clips, self._shown)))
        self._draw_bars(axes, {self._shown: 0}, SHOWN)
        self._draw_bars(axes, {clip: lane + 1 for clip, lane in self._lanes.items()}, COUNTED)
        for clip, count in self._clips.items():
            length = clip_span(clip.frames, clip.stride)
            if count > 1 and length * width / end >= MIN_COUNT:
                place = (clip.start + length / 2, self._lanes[clip] + 1)
                axes.annotate(
                    f"×{count}", place, size=6, color="white", weight="bold", ha="center", va="center_baseline"
                )
        seen = self.times_seen[None]  # [1, T]
        strip = (self._num_lanes - 0.4, self._num_lanes - 0.4 + STRIP / (self.height - STRIP - AXIS) * self._num_lanes)
        axes.imshow(
            seen, extent=(0, self._num_frames, strip[1], strip[0]), aspect="auto", cmap="Blues", vmin=0,
            vmax=max(1, 1.2 * seen.max()), interpolation="nearest",
        )  # fmt: skip
        axes.axvline(self._num_frames, color="black", linewidth=1)
        axes.set_xlim(0, end)
        axes.set_ylim(strip[1], -0.6)
        names = {0: "this clip", self._num_lanes / 2: "views", sum(strip) / 2: "times seen"}
        axes.set_yticks([*names], [*names.values()])
        axes.locator_params(axis="x", integer=True)
        axes.tick_params(axis="x", labelsize=6, length=2)
        axes.tick_params(axis="y", labelsize=7, length=0)
        axes.spines[["top", "right", "left"]].set_visible(False)

    def _draw_bars(self, axes: "Axes", lanes: dict[Clip, int], colour: str) -> None:
        """Draw a bar for each clip in its lane, hatched where the video is over."""
        starts = np.array([clip.start for clip in lanes])
        ends = np.array([_end(clip) for clip in lanes])
        inside = np.minimum(ends, self._num_frames)
        heights = list(lanes.values())
        axes.barh(heights, inside - starts, left=starts, height=0.8, color=colour, edgecolor="white", linewidth=0.5)
        if (ends > inside).any():
            axes.barh(
                heights, ends - inside, left=inside, height=0.8, color="white", edgecolor=colour, hatch="////",
                linewidth=0.5,
            )  # fmt: skip


def lanes_of(clips: Iterable[Clip]) -> dict[Clip, int]:
    """Put each clip, in order, into the first lane in which the one before it has ended."""
    ends: list[int] = []
    lanes: dict[Clip, int] = {}
    for clip in clips:
        lane = next((number for number, end in enumerate(ends) if end <= clip.start), len(ends))
        ends[lane : lane + 1] = [_end(clip)]
        lanes[clip] = lane
    return lanes


def _end(clip: Clip) -> int:
    return clip.start + clip_span(clip.frames, clip.stride)


def _range(counts: NDArray[np.int64]) -> str:
    least, most = int(counts.min()), int(counts.max())
    return f"{least} of them" if least == most else f"{least} to {most} of them"
