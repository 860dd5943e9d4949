"""Decodes videos: the only module that opens one for reading.

Frame ``i`` is everywhere the i-th frame that decoding the whole file yields, in the order of display. Neither
headers nor timestamps define it: headers count frames that never come out, timestamps repeat or are missing.
"""

from __future__ import annotations  # PyAV's Packet is generic in its type stubs only

import contextlib
from bisect import insort
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NoReturn

import av
import av.logging
import numpy as np
from av.container import InputContainer
from av.index import IndexEntry
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from videobench.data.access_units import is_instantaneous_refresh
from videobench.data.video_set import VideoInfo
from videobench.errors import DataError

# FFmpeg's messages reach Python through a callback that takes the interpreter lock, from any thread: switched
# off, it can neither deadlock nor slow a worker down. What goes wrong still arrives as an exception.
av.logging.set_level(None)

# What decided the pixels: part of every key under which decoded frames are kept.
DECODER: Final = f"PyAV {av.__version__}, FFmpeg {av.ffmpeg_version_info}"

FILTERS: Final = {
    "fast_bilinear": Interpolation.FAST_BILINEAR,  # P1's authors: SWS_FAST_BILINEAR
    "bilinear": Interpolation.BILINEAR,
    "bicubic": Interpolation.BICUBIC,
    "area": Interpolation.AREA,
}
_HINT = "copy or download the file again; FFmpeg can't use what is there"


class _SeekNotExactError(Exception):
    """Something contradicts what exact seeking rests on: the file has to be decoded from its start."""


@contextlib.contextmanager
def _open(path: Path, *, guess: bool = True) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Open the first video stream of a file, for one thread.

    Opening, FFmpeg decodes frames (up to seven) to guess what headers leave open, above all how far frames
    are reordered. ``guess=False`` leaves that out, several times faster: only for a caller that knows the
    order and checks it.
    """
    if not path.is_file():
        raise DataError("no such file", where=str(path), hint="check the data set's root folder")
    try:
        # "file:" keeps FFmpeg from reading a protocol into a name with a colon.
        options = {} if guess else {"probesize": "32", "skip_frame": "all"}
        container = av.open(f"file:{path}", metadata_errors="replace", options=options)
    except (av.FFmpegError, ValueError) as error:
        raise DataError(f"can't be opened as a video ({_reason(error)})", where=str(path), hint=_HINT) from error
    with container:
        streams = [s for s in container.streams.video if not s.disposition & s.disposition.attached_pic]
        if not streams:
            raise DataError("holds no video stream", where=str(path), hint=_HINT)
        stream = streams[0]
        for other in container.streams:
            if other is not stream:
                other.discard = other.discard.all
        # Workers are the parallelism. Frame threads also deadlock when decoding is left early (PyAV #1849).
        stream.codec_context.thread_count = 1
        yield container, stream


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _fail(path: Path, index: int, error: Exception) -> NoReturn:
    raise DataError(f"frame {index} can't be decoded ({_reason(error)})", where=str(path), hint=_HINT) from error


def _quarter_turns(frame: VideoFrame) -> int:
    """Return the counterclockwise quarter turns that show the frame upright (from the file's metadata)."""
    return round(frame.rotation / 90) % 4


def probe(path: Path) -> VideoInfo:
    """Return what decoding ``path`` gives; the number of frames is counted, not believed.

    Every frame is decoded: nothing less finds a damaged one or a header that lies. Deblocking and the inverse
    transform are left out, which changes pixels but neither which frames come out nor which fail.
    Raises DataError where the file can't be opened, holds no video or stops decoding before its end.
    """
    path = Path(path)
    num_frames = 0
    height = width = 0
    with _open(path) as (container, stream):
        stream.codec_context.options = {"skip_loop_filter": "all", "skip_idct": "all"}
        rate = stream.guessed_rate or stream.average_rate
        try:
            for frame in container.decode(stream):
                if num_frames == 0:
                    width, height = frame.width, frame.height
                    if _quarter_turns(frame) % 2:
                        width, height = height, width
                num_frames += 1
        except (av.FFmpegError, ValueError) as error:
            _fail(path, num_frames, error)
    if num_frames == 0:
        raise DataError("holds no frame that can be decoded", where=str(path), hint=_HINT)
    return VideoInfo(
        num_frames=num_frames,
        width=width,
        height=height,
        fps=float(rate) if rate else 0.0,
        size_bytes=path.stat().st_size,
    )


def decode_frames(
    path: Path,
    indices: Sequence[int],
    *,
    size: tuple[int, int] | None = None,
    filter: str = "fast_bilinear",
    num_frames: int | None = None,
) -> NDArray[np.uint8]:
    """Return these frames as uint8 RGB [T, H, W, 3]; indices may repeat and come in any order.

    ``size`` (height, width in px) scales without keeping the aspect ratio, by the swscale ``filter``; without
    it frames keep their own size. Rotation metadata is applied. ``num_frames`` is what ``probe`` counted:
    giving it makes a bad index fail at once and seeking safe in damaged files too.
    Raises DataError naming the file and the frame that it doesn't have or that can't be decoded.
    """
    path = Path(path)
    wanted = sorted(set(indices))
    if not wanted:
        raise ValueError("indices must not be empty")
    if wanted[0] < 0 or (num_frames is not None and wanted[-1] >= num_frames):
        _no_such_frame(path, wanted[0] if wanted[0] < 0 else wanted[-1], num_frames)
    positions: dict[int, list[int]] = {}
    for position, index in enumerate(indices):
        positions.setdefault(index, []).append(position)
    writer = _Writer(path, positions, len(indices), size, FILTERS[filter])
    if _is_mp4(path):
        with (
            contextlib.suppress(_SeekNotExactError, av.FFmpegError, DataError),
            _open(path, guess=False) as (container, stream),
        ):
            for index, frame in _seek_and_decode(container, stream, wanted, num_frames):
                writer.write(index, frame)
            return writer.clip()
    with _open(path) as (container, stream):  # overwrites what was written; errors are told from here
        for index, frame in _decode_from_start(container, stream, wanted, path):
            writer.write(index, frame)
    return writer.clip()


def _is_mp4(path: Path) -> bool:
    """Say whether the file begins as MP4 and QuickTime files do (ISO 14496-12), whatever its name is."""
    if not path.is_file():
        return False  # opening it as a video says what is wrong
    with path.open("rb") as file:
        return file.read(8)[4:] == b"ftyp"


def _no_such_frame(path: Path, index: int, num_frames: int | None) -> NoReturn:
    legal = f"it has {num_frames} frames: 0 to {num_frames - 1}" if num_frames else "frames count from 0"
    raise DataError(f"has no frame {index}", where=str(path), hint=legal)


class _Writer:
    """Scales frames and converts them to RGB in one pass, into one array made on the first frame."""

    def __init__(
        self,
        path: Path,
        positions: dict[int, list[int]],
        num_frames: int,
        size: tuple[int, int] | None,
        interpolation: Interpolation,
    ) -> None:
        self._path = path
        self._positions = positions
        self._num_frames = num_frames
        self._size = size
        self._interpolation = interpolation
        self._reformatter = VideoReformatter()  # one for all frames: making its tables costs more than a frame
        self._clip: NDArray[np.uint8] | None = None

    def write(self, index: int, frame: VideoFrame) -> None:
        turns = _quarter_turns(frame)
        height, width = frame.height, frame.width
        if self._size is not None:
            height, width = self._size if turns % 2 == 0 else self._size[::-1]
        try:
            rgb = self._reformatter.reformat(
                frame,
                width=width,
                height=height,
                format="rgb24",
                interpolation=self._interpolation,
                threads=1,
            )
        except (av.FFmpegError, ValueError) as error:
            _fail(self._path, index, error)
        plane = rgb.planes[0]
        stride = plane.line_size  # bytes: rows end in padding
        rows = np.frombuffer(memoryview(plane), np.uint8)[: height * stride].reshape(height, stride)
        pixels = rows[:, : width * 3].reshape(height, width, 3)  # [H, W, 3]
        if turns:
            pixels = np.rot90(pixels, turns)
        if self._clip is None:
            self._clip = np.empty((self._num_frames, *pixels.shape), np.uint8)  # [T, H, W, 3]
        elif self._clip.shape[1:] != pixels.shape:
            own, first = (f"{shape[1]}x{shape[0]}" for shape in (pixels.shape, self._clip.shape[1:]))
            raise DataError(
                f"frame {index} is {own} px, others are {first}",
                where=str(self._path),
                hint="give a size to scale all frames to",
            )
        for position in self._positions[index]:
            self._clip[position] = pixels

    def clip(self) -> NDArray[np.uint8]:
        assert self._clip is not None
        return self._clip


def _decode_from_start(
    container: InputContainer, stream: VideoStream, wanted: Sequence[int], path: Path
) -> Iterator[tuple[int, VideoFrame]]:
    """Decode everything up to the last wanted frame: what the numbering means, so right for any file."""
    remaining = iter(wanted)
    next_wanted = next(remaining)
    num_decoded = 0
    try:
        for frame in container.decode(stream):
            if num_decoded == next_wanted:
                yield num_decoded, frame
                try:
                    next_wanted = next(remaining)
                except StopIteration:
                    return
            num_decoded += 1
    except (av.FFmpegError, ValueError) as error:
        _fail(path, num_decoded, error)
    _no_such_frame(path, next_wanted, num_decoded)


def _seek_and_decode(
    container: InputContainer, stream: VideoStream, wanted: Sequence[int], num_frames: int | None
) -> Iterator[tuple[int, VideoFrame]]:
    """Yield the wanted frames, each decoded from the IDR picture before it; raise where that isn't exact.

    The proof, step by step. (1) An MP4 sample table lists every packet in decoding order, with its place in
    the file; none is discarded by an edit list; ``num_frames`` frames came out of as many packets, so every
    packet gives one frame. (2) At an IDR picture with p packets before it, exactly p frames are shown before
    it. (3) The packets read from there are those the table lists, by place, and their timestamps are unique
    and not before the IDR's, so sorted they give each packet its frame number. (4) What the decoder returns
    must carry these timestamps, rising. Any contradiction raises.
    """
    table = list(stream.index_entries)
    if (
        stream.codec_context.name not in ("h264", "hevc")
        or not table
        or len(table) != stream.frames  # fragmented, or cut by an edit list
        or (num_frames is not None and num_frames != len(table))
        or wanted[-1] >= len(table)
        or any(entry.is_discard for entry in table)
    ):
        raise _SeekNotExactError
    for key, indices in _by_key_frame(wanted, [entry.is_keyframe for entry in table]):
        if key > 0:
            # The table's times are those of decoding, but the demuxer compares the time asked for with the
            # key frame's time of display: the first frame's delay between the two is nearly always every key's.
            delay = (stream.start_time or 0) - table[0].timestamp
            container.seek(table[key].timestamp + delay, stream=stream)
        packets, times = _packets_from(container, stream, table[key:], last=indices[-1] - key)
        yield from _decode_group(stream.codec_context, packets, {times[i - key]: i for i in indices})


def _by_key_frame(wanted: Sequence[int], is_key: Sequence[bool]) -> Iterator[tuple[int, list[int]]]:
    """Yield (number of the key frame to decode from, wanted frames reached from it), both rising.

    A new group starts only where that leaves frames out.
    """
    key, group = -1, [-1]
    for index in wanted:
        nearest = index
        while nearest > group[-1] + 1 and not is_key[nearest]:
            nearest -= 1
        if key >= 0 and not (is_key[nearest] and nearest > group[-1] + 1):
            group.append(index)
            continue
        if not is_key[nearest]:
            raise _SeekNotExactError
        if key >= 0:
            yield key, group
        key, group = nearest, [index]
    yield key, group


def _packets_from(
    container: InputContainer, stream: VideoStream, table: Sequence[IndexEntry], *, last: int
) -> tuple[list[Packet[VideoStream]], list[int]]:
    """Read packets, first of all an IDR picture, until the ``last``-th frame in display order is among them.

    Returns the packets in decoding order and their timestamps in display order.
    """
    packets: list[Packet[VideoStream]] = []
    times: list[int] = []
    for packet in container.demux(stream):
        if packet.pts is None or packet.dts is None:
            break  # the end of the file (a packet without timestamps fails the count below)
        # No frame is shown before it is decoded, so nothing that follows comes earlier than this.
        if len(packets) > last and packet.dts > times[last]:
            break
        if packet.pts < packet.dts or len(packets) == len(table) or packet.pos != table[len(packets)].pos:
            raise _SeekNotExactError
        if not packets:
            extradata = stream.codec_context.extradata or b""
            if not is_instantaneous_refresh(stream.codec_context.name, extradata, bytes(packet)):
                raise _SeekNotExactError
        packets.append(packet)
        insort(times, packet.pts)
    if len(packets) <= last or times[0] != packets[0].pts or len(set(times)) != len(times):
        raise _SeekNotExactError
    return packets, times


def _decode_group(
    context: VideoCodecContext, packets: Sequence[Packet[VideoStream]], wanted: dict[int, int]
) -> Iterator[tuple[int, VideoFrame]]:
    """Decode ``packets`` and yield (index, frame) for the timestamps in ``wanted``, all of them, in order.

    H.264 frames that are neither wanted nor referred to by others are skipped; it changes no other frame.
    (In H.265 such a frame may still serve higher temporal layers, so nothing is skipped there.)
    """
    may_skip = context.name == "h264"
    # Packets that only later frames need are left out: told that the stream ends, the decoder gives all it has.
    last_wanted = max(place for place, packet in enumerate(packets) if packet.pts in wanted)
    num_found = 0
    latest: int | None = None
    for packet in [*packets[: last_wanted + 1], None]:
        if may_skip:
            skip = packet is not None and packet.pts not in wanted
            context.skip_frame = "NONREF" if skip else "DEFAULT"
        for frame in context.decode(packet):
            if frame.pts is None or (latest is not None and frame.pts <= latest) or frame.interlaced_frame:
                raise _SeekNotExactError  # an interlaced frame may be spread over two packets
            latest = frame.pts
            if latest in wanted:
                yield wanted[latest], frame
                num_found += 1
        if num_found == len(wanted):
            return
    raise _SeekNotExactError
