"""Decoded, resized frames of a whole small set in one memory-mapped file, built once and shared by all runs."""

import contextlib
import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from videobench.data.decode import DECODER, decode_frames
from videobench.data.failures import Failure, unusable
from videobench.data.retry import retried
from videobench.data.video_set import CHANNELS, Video, VideoSet, fingerprint
from videobench.data.worker_pool import worker_pool
from videobench.errors import DataError


@dataclass(frozen=True)
class FrameCache:
    """``frames`` uint8 [N, H, W, C], read from disk on demand; ``rows`` maps a video id to its first row."""

    size: tuple[int, int]
    filter: str
    rows: Mapping[str, int]
    frames: NDArray[np.uint8]

    def clip(self, video_id: str, indices: Sequence[int]) -> NDArray[np.uint8]:
        """Return these frames of a video [T, H, W, C], bit-equal to what ``decode_frames`` gives."""
        clip: NDArray[np.uint8] = self.frames[np.asarray(indices) + self.rows[video_id]]
        return clip


def frame_cache(
    videos: VideoSet,
    *,
    directory: Path,
    size: tuple[int, int],
    filter: str,
    max_bytes: int,
    num_workers: int = 0,
    notify: Callable[[str], None] | None = None,
) -> FrameCache | None:
    """Open the cache of ``videos`` at ``size`` (height, width px), building it first if need be.

    Returns None where it would take more than ``max_bytes``: then clips are decoded from the files. Of several
    processes that want one cache, one builds it and the others wait; ``notify`` gets a line for what takes
    time. A build that is killed leaves nothing that is ever read. ``videos`` must be indexed; UnusableVideosError
    names those that can't be decoded.
    """
    rows = _rows(videos)
    num_frames = sum(_num_frames(video) for video in videos.videos)
    shape = (num_frames, *size, CHANNELS[videos.modality])
    if int(np.prod(shape)) > max_bytes:
        return None
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{_key(videos, size, filter)}.frames"
    if not path.exists():
        with _lock(path.with_suffix(".lock"), notify):
            if not path.exists():
                if notify:
                    notify(f"decoding {len(videos.videos)} videos once, for all runs")
                _build(path, videos, shape, rows, size, filter, num_workers)
    if path.stat().st_size != int(np.prod(shape)):
        raise DataError(
            f"has {path.stat().st_size} bytes instead of {int(np.prod(shape))}",
            where=str(path),
            hint="delete the file; it is made again",
        )
    frames: NDArray[np.uint8] = np.asarray(np.memmap(path, dtype=np.uint8, mode="r", shape=shape))
    return FrameCache(size=size, filter=filter, rows=rows, frames=frames)


def _num_frames(video: Video) -> int:
    assert video.info is not None
    return video.info.num_frames


def _rows(videos: VideoSet) -> dict[str, int]:
    """Return each video's first row: videos lie in the order of their ids, so the file fits any order."""
    rows = {}
    num_rows = 0
    for video in sorted(videos.videos, key=lambda video: video.id):
        rows[video.id] = num_rows
        num_rows += _num_frames(video)
    return rows


def _key(videos: VideoSet, size: tuple[int, int], filter: str) -> str:
    """Name a cache by everything its bytes depend on; times of modification catch a file made anew."""
    modified = sorted((video.id, video.path.stat().st_mtime_ns) for video in videos.videos)
    parts = [fingerprint(videos), list(size), filter, DECODER, modified]
    if videos.modality != "rgb":
        parts.append(videos.modality)
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


@contextlib.contextmanager
def _lock(path: Path, notify: Callable[[str], None] | None) -> Iterator[None]:
    """Hold a lock that the kernel frees when the process ends, however it ends."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if notify:
                notify(f"waiting for another process that is writing {path.with_suffix('.frames')}")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _build(
    path: Path,
    videos: VideoSet,
    shape: tuple[int, ...],
    rows: Mapping[str, int],
    size: tuple[int, int],
    filter: str,
    num_workers: int,
) -> None:
    unfinished = path.with_suffix(".unfinished")  # only the holder of the lock writes it
    with unfinished.open("wb") as file:
        _reserve(file.fileno(), int(np.prod(shape)))
    jobs = [(unfinished, shape, video, rows[video.id], size, filter) for video in videos.videos]
    try:
        if num_workers > 1:
            with worker_pool(num_workers) as pool:
                failures = list(pool.map(_decode_into, jobs, chunksize=4))
        else:
            failures = [_decode_into(job) for job in jobs]
        if broken := [failure for failure in failures if failure is not None]:
            raise unusable(videos, broken)
        with unfinished.open("rb") as file:
            os.fsync(file.fileno())
        unfinished.rename(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _reserve(file: int, num_bytes: int) -> None:
    """Make the file this long; OSError when the disk is too small, where a hole would end in a fatal signal later."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file, 0, num_bytes)
    else:
        os.truncate(file, num_bytes)


def _decode_into(
    job: tuple[Path, tuple[int, ...], Video, int, tuple[int, int], str],
) -> Failure | None:
    """Decode one video into its rows of the file; a failure comes back as its text (errors don't cross processes)."""
    path, shape, video, row, size, filter = job
    num_frames = _num_frames(video)
    try:
        clip = retried(
            video,
            lambda: decode_frames(
                video.path, range(num_frames), size=size, filter=filter, num_frames=num_frames, modality=video.modality
            ),
        )
    except DataError as error:
        return Failure(video, error.what)
    frames: NDArray[np.uint8] = np.memmap(path, dtype=np.uint8, mode="r+", shape=shape)
    frames[row : row + num_frames] = clip
    return None
