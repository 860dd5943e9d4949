"""Videos given as a folder of pictures: ``img_00001.jpg``; optical flow as ``flow_x_00001.jpg``, ``flow_y_00001.jpg``.

The names are those of mmaction2, TSN and the authors of P2, whose flow of HMDB51 lacks the suffix.
"""

from __future__ import annotations  # PyAV's Packet is generic in its type stubs only

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, Literal

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Interpolation, VideoReformatter
from numpy.typing import NDArray

from videobench.data.video_set import VideoInfo
from videobench.errors import DataError

Kind = Literal["img", "flow_x", "flow_y"]

_HINT: Final = "pictures are img_00001.jpg, ... and flow_x_00001.jpg, flow_y_00001.jpg, ..., without gaps"


def is_frame_folder(path: Path) -> bool:
    """Tell whether this is a folder with a first picture or a first pair of flow."""
    return any(_picture(path, kind, 1) for kind in ("img", "flow_x"))


def probe_frame_folder(path: Path) -> VideoInfo:
    """Return the number and size of the pictures, or of the pairs of flow where there are no others.

    They are counted and the first is decoded. DataError for a gap.
    """
    return _probe(path, ("img",)) if _picture(path, "img", 1) else probe_flow_pairs(path)


def probe_flow_pairs(path: Path) -> VideoInfo:
    """Return the number and size of the pairs of flow, whatever else is there; DataError for half a pair, too."""
    return _probe(path, ("flow_x", "flow_y"))


def _probe(path: Path, kinds: tuple[Kind, ...]) -> VideoInfo:
    with os.scandir(path) as entries:
        sizes = {entry.name: entry.stat().st_size for entry in entries if entry.name.startswith(kinds)}
    num_frames = max(1, -(-len(sizes) // len(kinds)))  # half a pair is one that lacks the other half
    for kind in kinds:
        for number in range(1, num_frames + 1):
            if sizes.keys().isdisjoint(_names(kind, number)):
                lacks = _names(kind, number)[0]
                raise DataError(f"has {len(sizes)} pictures but no {lacks}", where=str(path), hint=_HINT)
    first = _decode(_required_picture(path, kinds[0], 1), _decoder())
    return VideoInfo(num_frames, first.width, first.height, fps=0.0, size_bytes=sum(sizes.values()))


def stream_pictures(
    path: Path, indices: Sequence[int], *, size: tuple[int, int] | None, interpolation: Interpolation
) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Yield (index, uint8 RGB [H, W, 3]) for these frames (from 0), scaled to ``size`` (height, width px)."""
    read = _Reader(path, size, interpolation)
    for index in indices:
        yield index, read.pixels("img", index, "rgb24")


def stream_flow_pairs(
    path: Path, indices: Sequence[int], *, size: tuple[int, int] | None, interpolation: Interpolation
) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Yield (index, uint8 [H, W, 2]) for these pairs of flow (from 0), horizontal then vertical, values as stored."""
    read = _Reader(path, size, interpolation)
    for index in indices:
        yield index, np.concatenate([read.pixels(kind, index, "gray") for kind in ("flow_x", "flow_y")], axis=2)


class _Reader:
    """Reads pictures of one folder by one decoder."""

    def __init__(self, path: Path, size: tuple[int, int] | None, interpolation: Interpolation) -> None:
        self._path = path
        self._size = size
        self._interpolation = interpolation
        self._decoder = _decoder()
        self._reformatter = VideoReformatter()

    def pixels(self, kind: Kind, index: int, pixel_format: Literal["rgb24", "gray"]) -> NDArray[np.uint8]:
        frame = _decode(_required_picture(self._path, kind, index + 1), self._decoder)
        height, width = self._size or (frame.height, frame.width)
        # Flow is a number for each pixel: told nothing, the converter would squeeze it into television's range.
        scaled = self._reformatter.reformat(
            frame,
            width=width,
            height=height,
            format=pixel_format,
            interpolation=self._interpolation,
            src_color_range=ColorRange.JPEG,
            dst_color_range=ColorRange.JPEG,
        )
        return np.asarray(scaled.to_ndarray(), np.uint8).reshape(height, width, -1)


def _names(kind: Kind, number: int) -> tuple[str, str]:
    return f"{kind}_{number:05d}.jpg", f"{kind}_{number:05d}"


def _picture(path: Path, kind: Kind, number: int) -> Path | None:
    return next((path / name for name in _names(kind, number) if (path / name).is_file()), None)


def _required_picture(path: Path, kind: Kind, number: int) -> Path:
    if found := _picture(path, kind, number):
        return found
    raise DataError(f"has no {_names(kind, number)[0]}", where=str(path), hint=_HINT)


def _decoder() -> VideoCodecContext:
    context = av.CodecContext.create("mjpeg", "r")
    assert isinstance(context, VideoCodecContext)
    context.thread_count = 1  # more would hold pictures back
    return context


def _decode(file: Path, decoder: VideoCodecContext) -> VideoFrame:
    try:
        (frame,) = decoder.decode(av.Packet(file.read_bytes()))
    except (av.FFmpegError, ValueError) as error:
        raise DataError("can't be decoded as a JPEG", where=str(file), hint="extract the frames again") from error
    return frame
