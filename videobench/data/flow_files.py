"""Optical flow on disk: one file a video, packed without loss, or a folder of JPEG pairs.

A packed file is Matroska with FFV1: each picture shows a field's horizontal part above its vertical one, in 8 bits,
and is decoded on its own. Any player shows it. docs/flow.md has its size and speed beside other formats.
"""

from __future__ import annotations  # PyAV's Packet is generic in its type stubs only

import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import av
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Interpolation, VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from videobench.atomic import replacing
from videobench.data.demux import demuxed
from videobench.data.frame_folder import probe_flow_pairs, stream_flow_pairs
from videobench.data.video_set import VideoInfo
from videobench.errors import DataError

SUFFIX: Final = ".mkv"
_RATE: Final = 25  # fields a second: 40 ticks of Matroska's clock each, so that a time names its field exactly
_NUM_FIELDS: Final = "NUM_FIELDS"
_FPS: Final = "VIDEO_FPS"
_REVERSED_BITS: Final = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_HINT: Final = "`videobench data flow` makes it again once the file is deleted"


def write_flow(path: Path, fields: Iterable[NDArray[np.uint8]], *, num_fields: int, fps: float) -> None:
    """Pack ``num_fields`` fields (uint8 [H, W, 2]) into a file that appears at ``path`` when it is whole.

    ``fps`` is the rate of the video they are of, 0 where it is unknown. ValueError for more fields, or fewer.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with (
        replacing(path, fsync=False) as temporary,  # thousands of them, and each can be made again
        av.open(str(temporary), "w", format="matroska") as container,
    ):
        container.metadata.update({_NUM_FIELDS: str(num_fields), _FPS: str(fps)})
        # Range coder, each picture a key frame: 7 to 10 % of the bytes, half a millisecond a field of 128x171.
        stream = container.add_stream("ffv1", rate=_RATE, options={"level": "3", "coder": "1"})
        context = stream.codec_context
        context.pix_fmt, context.gop_size, context.thread_count = "gray", 1, 1
        written = 0
        for field in fields:
            picture = np.concatenate([field[..., 0], field[..., 1]])  # [2 H, W]
            if written == 0:
                context.height, context.width = picture.shape
            frame = VideoFrame.from_ndarray(picture, format="gray")
            frame.pts = written
            container.mux(stream.encode(frame))
            written += 1
        if written != num_fields:
            raise ValueError(f"{written} fields, not {num_fields}")
        container.mux(stream.encode(None))


def probe_flow(path: Path) -> VideoInfo:
    """Return the number and size of the fields of a packed file or of a folder of pairs.

    The fields of a packed file are counted and their checksums compared, none is decoded. DataError for a file that is
    missing, damaged, cut off or of another kind.
    """
    if path.is_dir():
        return probe_flow_pairs(path)
    with _open(path) as (container, stream):
        expected = int(container.metadata[_NUM_FIELDS])
        found = 0
        with demuxed(container, stream) as packets:
            for packet in packets:
                if packet.size:
                    _require_intact(packet, found, path)
                    found += 1
        if found != expected:
            raise DataError(f"has {found} of its {expected} fields of flow", where=str(path), hint=_HINT)
        return VideoInfo(
            num_frames=found,
            width=stream.width,
            height=stream.height // 2,
            fps=float(container.metadata[_FPS]),
            size_bytes=path.stat().st_size,
        )


def stream_flow(
    path: Path, indices: Sequence[int], *, size: tuple[int, int] | None, interpolation: Interpolation
) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Yield (index, uint8 [H, W, 2]) for these rising fields, horizontal part first.

    ``size`` (height, width px) scales the field as a picture: its values stay as they are (as P2's code does).
    DataError for a field that isn't there or can't be decoded.
    """
    if path.is_dir():
        yield from stream_flow_pairs(path, indices, size=size, interpolation=interpolation)
        return
    remaining = iter(indices)
    wanted = next(remaining)
    reformatter = VideoReformatter()
    with _open(path) as (container, stream):
        assert stream.time_base is not None
        ticks = 1 / (_RATE * stream.time_base)
        container.seek(round(wanted * ticks), stream=stream)
        with demuxed(container, stream) as packets:
            for packet in packets:
                if packet.pts is None or round(packet.pts / ticks) < wanted:
                    continue
                if round(packet.pts / ticks) > wanted:
                    break
                _require_intact(packet, wanted, path)
                try:
                    (frame,) = stream.codec_context.decode(packet)
                except (av.FFmpegError, ValueError) as error:
                    raise DataError(f"field {wanted} can't be decoded", where=str(path), hint=_HINT) from error
                yield wanted, _field(frame, size, interpolation, reformatter)
                try:
                    wanted = next(remaining)
                except StopIteration:
                    return
    raise DataError(f"has no field {wanted} of flow", where=str(path), hint=_HINT)


def _require_intact(packet: Packet[VideoStream], field: int, path: Path) -> None:
    """DataError for a packet whose bytes changed: the decoder notices, but gives a patched-up picture all the same.

    FFV1 ends each slice with bytes that make its CRC-32 zero (RFC 9043, 4.9.3), most significant bits first: zlib's is
    the same with the bits of each byte reversed, and with its start and end inverted.
    """
    if zlib.crc32(bytes(packet).translate(_REVERSED_BITS), 0xFFFFFFFF) != 0xFFFFFFFF:
        raise DataError(f"field {field} is damaged", where=str(path), hint=_HINT)


def _field(
    frame: VideoFrame, size: tuple[int, int] | None, interpolation: Interpolation, reformatter: VideoReformatter
) -> NDArray[np.uint8]:
    """Take the picture apart into a field [H, W, 2]; the parts are scaled one by one, so that they don't mix."""
    parts = np.split(_pixels(frame), 2)
    if size is not None and parts[0].shape != size:
        scaled = (
            reformatter.reformat(
                VideoFrame.from_ndarray(part, format="gray"),
                height=size[0],
                width=size[1],
                interpolation=interpolation,
                src_color_range=ColorRange.JPEG,
                dst_color_range=ColorRange.JPEG,
            )
            for part in parts
        )
        parts = [_pixels(part) for part in scaled]
    return np.stack(parts, axis=-1)


def _pixels(frame: VideoFrame) -> NDArray[np.uint8]:
    return np.asarray(frame.to_ndarray(), np.uint8)


@contextmanager
def _open(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    if not path.is_file():
        raise DataError("no such file", where=str(path), hint="`videobench data flow` makes it")
    try:
        container = av.open(f"file:{path}", format="matroska")
    except (av.FFmpegError, ValueError) as error:
        raise DataError("is not a packed flow file", where=str(path), hint=_HINT) from error
    with container:
        if _NUM_FIELDS not in container.metadata or len(container.streams.video) != 1:
            raise DataError("is not a packed flow file", where=str(path), hint=_HINT)
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        yield container, stream
