"""Writes a video file: H.264 in mp4, one thread, so that the same frames give the same bytes."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from videobench.atomic import replacing
from videobench.errors import DataError


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
        _encode(temporary, frames, fps=fps, crf=crf, gop=gop)


def _encode(path: Path, frames: npt.NDArray[np.uint8], *, fps: int, crf: int, gop: int) -> None:
    height, width = frames.shape[1:3]
    with av.open(str(path), mode="w", format="mp4") as container:
        # mbtree=0: with it x264 gives other bytes now and then, even on one thread
        options = {"preset": "veryfast", "crf": str(crf), "x264-params": "threads=1:mbtree=0:chroma-qp-offset=-6"}
        stream = container.add_stream("libx264", rate=Fraction(fps), options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.gop_size = gop
        stream.codec_context.thread_count = 1
        for image in frames:  # [H, W, 3]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
