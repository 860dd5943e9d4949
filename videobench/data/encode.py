"""Writes video files: H.264 in mp4, one thread, so that the same frames give the same bytes."""

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from itertools import accumulate
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from videobench.atomic import replacing
from videobench.errors import DataError

_TICKS_PER_SECOND = 90_000


def write_video(path: Path, frames: npt.NDArray[np.uint8], *, fps: int, crf: int = 23, gop: int = 12) -> None:
    """Encodes ``frames`` (uint8 [T, H, W, 3], even H and W) as H.264, 4:2:0, and puts the file at ``path``.

    The file is written under a temporary name beside ``path`` and renamed when it is whole: a file that
    exists under its own name is complete. ``crf`` is x264's constant quality (lower is better), ``gop`` the
    largest number of frames from one key frame to the next. The same frames give the same bytes with the same
    x264. Raises DataError for frames that H.264 cannot hold.
    """
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[3] != 3 or len(frames) == 0:
        raise DataError(
            f"frames are {frames.dtype} {list(frames.shape)}",
            where=str(path),
            hint="Frames must be uint8 [T, H, W, 3] with at least one frame.",
        )
    height, width = frames.shape[1:3]
    if height % 2 or width % 2:
        raise DataError(
            f"frames are {width}x{height} pixels",
            where=str(path),
            hint="Width and height must be even: 4:2:0 halves the colour planes.",
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path, fsync=False) as temporary:  # thousands of them, and each can be made again
        options = {"preset": "veryfast", "crf": str(crf), "x264-params": f"{_REPEATABLE}:chroma-qp-offset=-6"}
        _encode(temporary, frames, rate=Fraction(fps), gop=gop, options=options)


def write_for_clips(
    path: Path, frames: Iterable[npt.NDArray[np.uint8]], *, times_seconds: Sequence[float], crf: int, gop: int
) -> None:
    """Encode frames (uint8 [H, W, 3], all of one size), shown at these rising times, so that a clip is cheap to read.

    A key frame every ``gop`` frames, no B-frames and neither deblocking nor arithmetic coding, which take most of the
    time of decoding a small picture. 4:2:0, or 4:4:4 where a side is odd. The file appears at ``path`` when it is
    whole. OSError where the disk doesn't take it.
    """
    rate = (len(times_seconds) - 1) / (times_seconds[-1] - times_seconds[0]) if len(times_seconds) > 1 else 25.0
    nearest = (round(time * _TICKS_PER_SECOND) for time in times_seconds)
    ticks = list(accumulate(nearest, lambda before, tick: max(before + 1, tick)))  # no two at once
    options = {"preset": "veryfast", "tune": "fastdecode", "crf": str(crf), "x264-params": f"{_REPEATABLE}:bframes=0"}
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path, fsync=False) as temporary:
        try:
            _encode(
                temporary, frames, rate=Fraction(rate).limit_denominator(1001), gop=gop, options=options, ticks=ticks
            )
        except av.FFmpegError as error:  # reading fails otherwise: this is the disk
            raise OSError(error.errno, error.strerror, str(path)) from error


_REPEATABLE = "threads=1:mbtree=0"  # with mbtree x264 gives other bytes now and then, even on one thread


def _encode(
    path: Path,
    frames: Iterable[npt.NDArray[np.uint8]],
    *,
    rate: Fraction,
    gop: int,
    options: Mapping[str, str],
    ticks: Sequence[int] | None = None,
) -> None:
    with av.open(str(path), mode="w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=rate, options=dict(options))
        stream.codec_context.gop_size = gop
        if ticks is not None:
            stream.time_base = stream.codec_context.time_base = Fraction(1, _TICKS_PER_SECOND)
        stream.codec_context.thread_count = 1
        for number, image in enumerate(frames):  # [H, W, 3]
            if number == 0:
                height, width = image.shape[:2]
                is_even = height % 2 == 0 and width % 2 == 0
                stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p" if is_even else "yuv444p"
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            if ticks is not None:
                frame.pts, frame.time_base = ticks[number], Fraction(1, _TICKS_PER_SECOND)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
