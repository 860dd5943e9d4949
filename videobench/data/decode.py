"""Decodes videos: the only module that opens one for reading.

Frame ``i`` is everywhere the i-th frame that decoding the whole file yields, in the order of display. Neither
headers nor timestamps define it: headers count frames that never come out, timestamps repeat or are missing.
"""

from __future__ import annotations  # PyAV's Packet is generic in its type stubs only

import contextlib
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NoReturn

import av
import av.logging
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from videobench.data.demux import demuxed
from videobench.data.exact_seek import SeekNotExactError, seek_and_decode
from videobench.data.flow_files import probe_flow, stream_flow
from videobench.data.frame_folder import probe_frame_folder, stream_pictures
from videobench.data.frame_rate import rate_and_times
from videobench.data.orientation import Orientation
from videobench.data.truncation import num_missing_bytes
from videobench.data.video_set import Modality, VideoInfo
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
MAX_SECONDS_PER_FRAME = 60.0
"""A file that gives nothing for so long is given up: a pathological one, or a disk that is gone."""
_HINT = "copy or download the file again; FFmpeg can't use what is there"


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
        container = av.open(f"file:{path}", metadata_errors="replace", options=options, timeout=MAX_SECONDS_PER_FRAME)
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
    if isinstance(error, av.ExitError):
        return f"nothing could be read for {MAX_SECONDS_PER_FRAME:g} s"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _fail(path: Path, index: int, error: Exception) -> NoReturn:
    raise DataError(f"frame {index} can't be decoded ({_reason(error)})", where=str(path), hint=_HINT) from error


def probe(path: Path, modality: Modality = "rgb") -> VideoInfo:
    """Return what decoding ``path`` gives; the number of frames is counted, not believed.

    Every frame is decoded: nothing less finds a damaged one or a header that lies. Deblocking and the inverse
    transform are left out, which changes pixels but neither which frames come out nor which fail.
    Raises DataError where the file can't be opened, holds no video or stops decoding before its end.
    A folder of frames will do for a file, here and below (see ``frame_folder``), and so will flow (``flow_files``).
    """
    path = Path(path)
    if modality == "flow":
        return probe_flow(path)
    if path.is_dir():
        return probe_frame_folder(path)
    times: list[float | None] = []
    height = width = 0
    with _open(path) as (container, stream):
        stream.codec_context.options = {"skip_loop_filter": "all", "skip_idct": "all"}
        stated_rate = stream.guessed_rate or stream.average_rate
        for frame in _decode_all(container, stream, path):
            if not times:
                width, height = frame.width, frame.height
                if Orientation.of(frame).swaps_sides:
                    width, height = height, width
            times.append(frame.time)
        # What AVI and Matroska lack, FFmpeg doesn't miss. (Some AVIs have wrong lengths and all of their frames.)
        if (missing := num_missing_bytes(path)) and not 0 < stream.frames <= len(times):
            _fail(path, len(times), EOFError(f"the file lacks its last {missing} bytes"))
    if not times:
        raise DataError("holds no frame that can be decoded", where=str(path), hint=_HINT)
    fps, shown_at = rate_and_times(times, stated_rate=float(stated_rate or 0))
    return VideoInfo(
        num_frames=len(times),
        width=width,
        height=height,
        fps=fps,
        size_bytes=path.stat().st_size,
        times=shown_at,
    )


def decode_frames(
    path: Path,
    indices: Sequence[int],
    *,
    size: tuple[int, int] | None = None,
    filter: str = "fast_bilinear",
    num_frames: int | None = None,
    modality: Modality = "rgb",
) -> NDArray[np.uint8]:
    """Return these frames as uint8 RGB [T, H, W, 3]; indices may repeat and come in any order.

    ``size`` (height, width in px) scales without keeping the aspect ratio, by the swscale ``filter``; without
    it frames keep their own size. Rotation metadata is applied. ``num_frames`` is what ``probe`` counted:
    giving it makes a bad index fail at once and seeking safe in damaged files too. Of flow, a frame is a field and
    the clip [T, H, W, 2].
    Raises DataError naming the file and the frame that it doesn't have or that can't be decoded.
    """
    positions: dict[int, list[int]] = {}
    for position, index in enumerate(indices):
        positions.setdefault(index, []).append(position)
    clip: NDArray[np.uint8] | None = None
    frames = stream_frames(path, sorted(positions), size=size, filter=filter, num_frames=num_frames, modality=modality)
    for index, pixels in frames:
        if clip is None:
            clip = np.empty((len(indices), *pixels.shape), np.uint8)  # [T, H, W, 3]
        elif clip.shape[1:] != pixels.shape:
            own, first = (f"{shape[1]}x{shape[0]}" for shape in (pixels.shape, clip.shape[1:]))
            raise DataError(
                f"frame {index} is {own} px, others are {first}",
                where=str(path),
                hint="give a size to scale all frames to",
            )
        for position in positions[index]:
            clip[position] = pixels
    assert clip is not None
    return clip


def stream_frames(
    path: Path,
    indices: Sequence[int],
    *,
    size: tuple[int, int] | None = None,
    filter: str = "fast_bilinear",
    num_frames: int | None = None,
    modality: Modality = "rgb",
) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Yield (index, frame uint8 RGB [H, W, 3]) for these rising indices, in one pass that holds one frame.

    Arguments and errors are those of ``decode_frames``. A file may contradict its own table when frames have
    been given already: if they were others than decoding from its start gives, they come again.
    """
    path = Path(path)
    if not indices:
        raise ValueError("indices must not be empty")
    if indices[0] < 0 or (num_frames is not None and indices[-1] >= num_frames):
        _no_such_frame(path, indices[0] if indices[0] < 0 else indices[-1], num_frames)
    if modality == "flow":
        yield from stream_flow(path, indices, size=size, interpolation=FILTERS[filter])
        return
    if path.is_dir():
        yield from stream_pictures(path, indices, size=size, interpolation=FILTERS[filter])
        return
    scaler = _Scaler(path, size, FILTERS[filter])
    given: dict[int, int | None] = {}  # index to timestamp
    is_whole = len(indices) == num_frames  # no frame can be left out
    if not is_whole and _is_mp4(path):
        with (
            contextlib.suppress(SeekNotExactError, av.FFmpegError, DataError),
            _open(path, guess=False) as (container, stream),
        ):
            for index, frame in seek_and_decode(container, stream, indices, num_frames):
                yield index, scaler.rgb(index, frame)
                given[index] = frame.pts
            return
    with _open(path) as (container, stream):  # errors are told from here
        for index, frame in _decode_from_start(container, stream, indices, path):
            if index not in given or given[index] != frame.pts:
                yield index, scaler.rgb(index, frame)


def _is_mp4(path: Path) -> bool:
    """Say whether the file begins as MP4 and QuickTime files do (ISO 14496-12), whatever its name is."""
    if not path.is_file():
        return False  # opening it as a video says what is wrong
    with path.open("rb") as file:
        return file.read(8)[4:] == b"ftyp"


def _no_such_frame(path: Path, index: int, num_frames: int | None) -> NoReturn:
    legal = f"it has {num_frames} frames: 0 to {num_frames - 1}" if num_frames else "frames count from 0"
    raise DataError(f"has no frame {index}", where=str(path), hint=legal)


class _Scaler:
    """Scales frames and converts them to RGB in one pass."""

    def __init__(self, path: Path, size: tuple[int, int] | None, interpolation: Interpolation) -> None:
        self._path = path
        self._size = size
        self._interpolation = interpolation
        self._reformatter = VideoReformatter()  # one for all frames: making its tables costs more than a frame

    def rgb(self, index: int, frame: VideoFrame) -> NDArray[np.uint8]:
        """Return the frame upright as RGB [H, W, 3]."""
        orientation = Orientation.of(frame)
        height, width = frame.height, frame.width
        if self._size is not None:
            height, width = self._size[::-1] if orientation.swaps_sides else self._size
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
        return orientation.upright(rows[:, : width * 3].reshape(height, width, 3))


def _decode_from_start(
    container: InputContainer, stream: VideoStream, wanted: Sequence[int], path: Path
) -> Iterator[tuple[int, VideoFrame]]:
    """Decode everything up to the last wanted frame: what the numbering means, so right for any file."""
    remaining = iter(wanted)
    next_wanted = next(remaining)
    num_decoded = 0
    for frame in _decode_all(container, stream, path):
        if num_decoded == next_wanted:
            yield num_decoded, frame
            try:
                next_wanted = next(remaining)
            except StopIteration:
                return
        num_decoded += 1
    _no_such_frame(path, next_wanted, num_decoded)


def _decode_all(container: InputContainer, stream: VideoStream, path: Path) -> Iterator[VideoFrame]:
    """Yield every frame; DataError naming the frame that can't be decoded, or that doesn't come in time."""
    num_decoded = 0
    waiting_since = time.monotonic()
    try:
        with demuxed(container, stream) as packets:
            for packet in packets:
                for frame in packet.decode():
                    yield frame
                    num_decoded += 1
                    waiting_since = time.monotonic()
                if time.monotonic() - waiting_since > MAX_SECONDS_PER_FRAME:
                    _fail(path, num_decoded, TimeoutError(f"it didn't come within {MAX_SECONDS_PER_FRAME:g} s"))
    except (av.FFmpegError, ValueError) as error:
        _fail(path, num_decoded, error)
