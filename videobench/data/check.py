"""What is wrong with the videos of a data set: each finding names the videos and says what is the matter."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from videobench.data.datasets.leaks import shared_sources, shared_videos
from videobench.data.decode import decode_frames, stream_frames
from videobench.data.failures import Failure
from videobench.data.video_set import Video, VideoSet
from videobench.data.worker_pool import worker_pool
from videobench.errors import DataError

Kind = Literal[
    "list", "count", "missing", "unreadable", "truncated", "same video", "same source", "same content", "short",
    "no flow", "still", "off centre", "saturated",
]  # fmt: skip

KINDS: Final[Mapping[Kind, str]] = {
    "list": "can't be listed",
    "count": "lists another number of videos than there officially are",
    "missing": "listed videos are not on disk",
    "unreadable": "videos can't be decoded at all",
    "truncated": "videos break off or are damaged after their first frame",
    "same video": "videos are in both subsets",
    "same source": "sources have videos in both subsets",
    "same content": "videos are in both subsets under different names, byte for byte",
    "short": "videos are shorter than the clip: looped or held, as clip.short_video says",
    "no flow": "videos have no optical flow",
    "still": "videos with flow in which nothing ever moves",
    "off centre": "mean levels of flow far from rest: a broken extraction, or all cameras pan one way",
    "saturated": "set's flow is cut off",
}
"""What is found, in words that follow how many there are."""


@dataclass(frozen=True)
class Finding:
    """Something about one video, or about two that should not be in different subsets."""

    kind: Kind
    what: str
    videos: tuple[str, ...] = ()
    is_problem: bool = True
    """False for what is worth knowing but needs no mending."""


def broken(failures: Iterable[Failure]) -> Iterator[Finding]:
    """Yield what the failures of an index mean: a file of which nothing can be decoded, or one that breaks off."""
    for failure in failures:
        kind: Kind = "truncated" if _begins(failure.video.path) else "unreadable"
        yield Finding(kind, f"{failure.video.path}: {failure.what}", (failure.video.id,))


def missing(videos: Iterable[Video]) -> Iterator[Finding]:
    """Yield these videos as missing."""
    return (Finding("missing", str(video.path), (video.id,)) for video in videos)


def short(videos: VideoSet, *, span: int) -> Iterator[Finding]:
    """Yield the videos with fewer than ``span`` frames; ``videos`` must be indexed."""
    for video in videos.videos:
        assert video.info is not None
        if video.info.num_frames < span:
            what = f"{video.path}: {video.info.num_frames} frames, the clip spans {span}"
            yield Finding("short", what, (video.id,), is_problem=False)


def damaged(
    videos: Sequence[Video], *, num_workers: int, progress: Callable[[int, int], None] | None = None
) -> Iterator[Finding]:
    """Decode every frame to pixels and yield the videos of which one can't be; ``videos`` must be indexed.

    This finds what an index doesn't look for: pixels, pictures of a folder, and damage since it was made.
    """
    with closing(_decode_all(videos, num_workers)) as results:
        for done, (video, what) in enumerate(zip(videos, results, strict=True), start=1):
            if what is not None:
                yield Finding("truncated", f"{video.path}: {what}", (video.id,))
            if progress:
                progress(done, len(videos))


def shared(first: VideoSet, second: VideoSet) -> Iterator[Finding]:
    """Yield videos, sources and contents that are in both of two subsets that should have nothing in common.

    Both must be indexed; only files of the same size are read.
    """
    sources = [{video.id: video.source for video in each.videos} for each in (first, second)]
    for video_id in shared_videos(*sources):
        yield Finding("same video", video_id, (video_id,))
    for source in shared_sources(*sources):
        ids = [[video.id for video in each.videos if video.source == source] for each in (first, second)]
        yield Finding("same source", f"{source}: {ids[0][0]} and {ids[1][0]}", (*ids[0], *ids[1]))
    of_first, of_second = _by_content(first, second)
    for content, one in of_first.items():
        other = of_second.get(content, [])
        ids_of = tuple(video.id for video in (*one, *other))
        if other and len(set(ids_of)) > 1:  # else it is the same video, which is told already
            yield Finding("same content", f"{one[0].path} and {other[0].path}", ids_of)


def _begins(path: Path) -> bool:
    try:
        decode_frames(path, [0])
    except DataError:
        return False
    return True


def _decode_all(videos: Sequence[Video], num_workers: int) -> Generator[str | None, None, None]:
    if num_workers > 1:
        with worker_pool(num_workers) as pool:
            yield from pool.map(_decode, videos, chunksize=4)
    else:
        yield from map(_decode, videos)


def _decode(video: Video) -> str | None:
    """Decode every frame and return what went wrong."""
    assert video.info is not None
    num_frames = video.info.num_frames
    try:
        for _ in stream_frames(video.path, range(num_frames), size=(16, 16), num_frames=num_frames):
            pass
    except DataError as error:
        return error.what
    return None


def _by_content(first: VideoSet, second: VideoSet) -> tuple[dict[bytes, list[Video]], dict[bytes, list[Video]]]:
    """Return the videos of each subset by their files' hash, where the other has a file of the same size."""
    sizes = [{video.info.size_bytes for video in each.videos if video.info} for each in (first, second)]
    in_both = sizes[0] & sizes[1]
    found: tuple[dict[bytes, list[Video]], dict[bytes, list[Video]]] = (defaultdict(list), defaultdict(list))
    for contents, each in zip(found, (first, second), strict=True):
        for video in each.videos:
            if video.info and video.info.size_bytes in in_both:
                contents[_hash(video.path)].append(video)
    return found


def _hash(path: Path) -> bytes:
    """Return a hash of a file, or of the pictures in a folder."""
    digest = hashlib.blake2b()
    for file in sorted(path.iterdir()) if path.is_dir() else (path,):
        with file.open("rb") as opened:
            while block := opened.read(1 << 20):
                digest.update(block)
    return digest.digest()
