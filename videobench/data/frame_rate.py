"""When the frames of a video are shown, and which of them a video resampled to another rate shows."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from math import floor

from videobench.data.video_set import Video, VideoInfo, VideoSet
from videobench.errors import DataError

_MAX_DEVIATION = 0.25
"""By how much of the time from frame to frame a regular video's frames may be early or late."""


def rate_and_times(times: Sequence[float | None], *, stated_rate: float) -> tuple[float, tuple[float, ...] | None]:
    """Return (frames a second, times from the first frame on), given when a file says that its frames are shown.

    Times are None where frame i is shown at i / rate, and where the file's times are missing or don't rise: then the
    stated rate is all there is.
    """
    known = [time for time in times if time is not None]
    if len(known) < max(2, len(times)) or any(later <= time for time, later in pairwise(known)):
        return stated_rate, None
    since_first = [time - known[0] for time in known]
    mean_rate = (len(known) - 1) / since_first[-1]
    for rate in (stated_rate, mean_rate):
        if all(abs(time * rate - number) <= _MAX_DEVIATION for number, time in enumerate(since_first)):
            return rate, None
    return mean_rate, tuple(round(time, 6) for time in since_first)


def frame_times(info: VideoInfo) -> list[float]:
    """Return when each frame is shown, in seconds from the first; at 25 a second where that is not known."""
    if info.times is not None:
        return list(info.times)
    return [number / (info.fps or 25) for number in range(info.num_frames)]


def resampled_frames(info: VideoInfo, fps: float) -> tuple[int, ...]:
    """Return which frame each frame of the video at ``fps`` is: the one shown nearest in time, of two the later.

    There are round(num_frames / info.fps * fps) of them, at least one.
    """
    count = max(1, floor(info.num_frames * fps / info.fps + 0.5))
    if info.times is None:
        nearest = (floor(number * info.fps / fps + 0.5) for number in range(count))
    else:
        times = info.times
        halfway = [(time + later) / 2 for time, later in pairwise(times)]
        nearest = (bisect_right(halfway, number / fps) for number in range(count))
    return tuple(min(frame, info.num_frames - 1) for frame in nearest)


def resampled(videos: VideoSet, fps: float | None) -> VideoSet:
    """Return indexed videos as they are seen at ``fps`` frames a second (None: at their own rates).

    DataError for a video whose rate isn't known.
    """
    if fps is None:
        return videos
    return replace(videos, videos=tuple(_resampled(video, fps) for video in videos.videos))


def _resampled(video: Video, fps: float) -> Video:
    assert video.info is not None
    if not video.info.fps:
        raise DataError(
            f"its frame rate isn't known, so it can't be seen at {fps:g} frames a second",
            where=str(video.path),
            hint="clip.fps: null takes frames as they are",
        )
    return replace(video, shown=resampled_frames(video.info, fps))
