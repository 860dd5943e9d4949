"""The cache holds exactly what decoding gives, is built once whoever asks, and knows when it is out of date."""

import multiprocessing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from painted_videos import HEIGHT, WIDTH, painted_set, write_painted

from videobench.data import frame_cache as module
from videobench.data.decode import decode_frames
from videobench.data.failures import UnusableVideosError
from videobench.data.frame_cache import FrameCache, frame_cache
from videobench.data.index import index_videos
from videobench.data.video_set import VideoSet
from videobench.errors import DataError

SIZE = (20, 26)


@pytest.fixture
def videos(tmp_path: Path) -> VideoSet:
    return index_videos(painted_set(tmp_path), cache=tmp_path / "index")


def cache_of(videos: VideoSet, directory: Path, **changed) -> FrameCache | None:
    how = {"size": SIZE, "filter": "fast_bilinear", "max_bytes": 10**7, **changed}
    return frame_cache(videos, directory=directory, **how)


@pytest.mark.parametrize("num_workers", [0, 2])
def test_clips_are_bit_equal_to_decoding(videos: VideoSet, tmp_path: Path, num_workers: int) -> None:
    """Any frames of any video, in any order, whoever built the cache."""
    cache = cache_of(videos, tmp_path / "cache", num_workers=num_workers)
    assert cache is not None
    for video in videos.videos:
        indices = [8, 0, 3, 3, 5]
        assert np.array_equal(cache.clip(video.id, indices), decode_frames(video.path, indices, size=SIZE))


def test_it_is_built_once(videos: VideoSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second run, or the same videos listed in another order, finds it there."""
    said: list[str] = []
    cache_of(videos, tmp_path / "cache", notify=said.append)
    assert len(said) == 1
    monkeypatch.delattr(module, "_build")
    turned = replace(videos, videos=videos.videos[::-1])
    cache = cache_of(turned, tmp_path / "cache", notify=said.append)
    assert cache is not None
    assert len(said) == 1
    video = videos.videos[2]
    assert np.array_equal(cache.clip(video.id, [32]), decode_frames(video.path, [32], size=SIZE))


def test_what_decides_the_bytes_makes_another_cache(videos: VideoSet, tmp_path: Path) -> None:
    """Size, filter, videos and their times of modification are part of the key."""
    cache_of(videos, tmp_path / "cache")
    cache_of(videos, tmp_path / "cache", size=(10, 10))
    cache_of(videos, tmp_path / "cache", filter="area")
    cache_of(replace(videos, videos=videos.videos[1:]), tmp_path / "cache")
    write_painted(videos.videos[0].path, 20, first_number=300)  # other pixels, as many frames
    cache_of(videos, tmp_path / "cache")
    assert len(list((tmp_path / "cache").glob("*.frames"))) == 5


def test_large_sets_are_not_cached(videos: VideoSet, tmp_path: Path) -> None:
    """The limit is exact, and nothing is written beyond it."""
    needed = (20 + 9 + 33 + 12) * SIZE[0] * SIZE[1] * 3
    assert cache_of(videos, tmp_path / "cache", max_bytes=needed - 1) is None
    assert not (tmp_path / "cache").exists()
    assert cache_of(videos, tmp_path / "cache", max_bytes=needed) is not None


@pytest.mark.parametrize("num_workers", [0, 2])
def test_a_video_that_breaks_leaves_no_cache(videos: VideoSet, tmp_path: Path, num_workers: int) -> None:
    """The error names the videos, for whoever wants to go on without; the unfinished file is gone."""
    for place in (1, 3):
        videos.videos[place].path.write_bytes(b"no video")
    with pytest.raises(UnusableVideosError, match=r"2 of 4 videos(.*\n)*.*v1\.mp4(.*\n)*.*v3\.mp4") as caught:
        cache_of(videos, tmp_path / "cache", num_workers=num_workers)
    assert [failure.video.id for failure in caught.value.failures] == ["v1", "v3"]
    assert [path.suffix for path in (tmp_path / "cache").iterdir()] == [".lock"]


def test_a_damaged_cache_is_named(videos: VideoSet, tmp_path: Path) -> None:
    """A file of the wrong length is never read."""
    cache_of(videos, tmp_path / "cache")
    (path,) = (tmp_path / "cache").glob("*.frames")
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match="bytes instead of"):
        cache_of(videos, tmp_path / "cache")


def _build_in_process(videos: VideoSet, directory: Path, said) -> None:
    cache_of(videos, directory, notify=said.put)


def test_two_processes_at_once_build_it_once(tmp_path: Path) -> None:
    """One decodes; the other says that it waits, or finds the cache; both end with it."""
    videos = index_videos(painted_set(tmp_path, [120] * 8), cache=tmp_path / "index")
    context = multiprocessing.get_context("spawn")
    said = context.Queue()
    processes = [context.Process(target=_build_in_process, args=(videos, tmp_path / "cache", said)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    lines = []
    while not said.empty():
        lines.append(said.get())
    assert sum("decoding 8 videos once" in line for line in lines) == 1
    cache = cache_of(videos, tmp_path / "cache")
    assert cache is not None
    assert cache.frames.shape == (960, *SIZE, 3)


def test_waiting_says_so(tmp_path: Path) -> None:
    """Who finds the lock taken is told why nothing moves."""
    path = tmp_path / "key.lock"
    said: list[str] = []
    context = multiprocessing.get_context("spawn")
    holds, release = context.Event(), context.Event()
    process = context.Process(target=_hold, args=(path, holds, release))
    process.start()
    assert holds.wait(30)

    def notify(line: str) -> None:
        said.append(line)
        release.set()

    with module._lock(path, notify):
        pass
    process.join(30)
    assert len(said) == 1
    assert "waiting for another process" in said[0]


def _hold(path: Path, holds, release) -> None:
    with module._lock(path, None):
        holds.set()
        release.wait(30)


def test_own_size(videos: VideoSet, tmp_path: Path) -> None:
    """A cache at the videos' own size is as exact."""
    cache = cache_of(videos, tmp_path / "cache", size=(HEIGHT, WIDTH), filter="bicubic")
    assert cache is not None
    video = videos.videos[3]
    expected = decode_frames(video.path, [11], size=(HEIGHT, WIDTH), filter="bicubic")
    assert np.array_equal(cache.clip(video.id, [11]), expected)
