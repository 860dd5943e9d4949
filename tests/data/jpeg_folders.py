"""Folders of JPEG pictures, each of one even value, as frames and flow are extracted from videos."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.reformatter import ColorRange


def write_jpeg(path: Path, value: int, *, height: int = 32, width: int = 48) -> Path:
    """Write a picture that is ``value`` everywhere."""
    context = av.CodecContext.create("mjpeg", "w")
    assert isinstance(context, VideoCodecContext)
    context.width, context.height, context.pix_fmt, context.time_base = width, height, "yuvj420p", Fraction(1, 25)
    context.qmin = context.qmax = 1
    frame = av.VideoFrame.from_ndarray(np.full((height, width), value, np.uint8), format="gray")
    frame = frame.reformat(format="yuvj420p", src_color_range=ColorRange.JPEG, dst_color_range=ColorRange.JPEG)
    packets = [*context.encode(frame), *context.encode(None)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(bytes(packet) for packet in packets))
    return path


def write_frames(folder: Path, values: list[int]) -> Path:
    for number, value in enumerate(values, start=1):
        write_jpeg(folder / f"img_{number:05d}.jpg", value)
    return folder


def write_flow(folder: Path, pairs: list[tuple[int, int]], *, suffix: str = ".jpg") -> Path:
    for number, (x, y) in enumerate(pairs, start=1):
        write_jpeg(folder / f"flow_x_{number:05d}{suffix}", x)
        write_jpeg(folder / f"flow_y_{number:05d}{suffix}", y)
    return folder
