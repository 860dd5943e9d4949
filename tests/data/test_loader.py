"""Training clips are the same for any number of workers and any place to resume; views of a video
come from one pass over it."""

import itertools
import multiprocessing
import weakref
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from painted_videos import HEIGHT, WIDTH, numbers, painted_set

from videobench.data import loader, retry
from videobench.data.frame_cache import frame_cache
from videobench.data.frame_rate import resampled
from videobench.data.index import index_videos
from videobench.data.loader import ClipBatch, stream_views, training_batches
from videobench.data.sampling import training_clip, training_order
from videobench.data.video_set import Video, VideoSet
from videobench.errors import DataError

SIZE, CROP = (HEIGHT, WIDTH), (40, 40)


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> VideoSet:
    folder = tmp_path_factory.mktemp("set")
    return index_videos(painted_set(folder), cache=folder / "index")


def batches(videos: VideoSet, **changed) -> list[ClipBatch]:
    how = {
        "frames": 8,
        "stride": 2,
        "resize": SIZE,
        "crop": CROP,
        "crop_policy": "multi_scale",
        "flip_probability": 0.5,
        "batch_size": 3,
        "seed": 5,
        "first_clip": 0,
        "num_batches": 5,
        **changed,
    }
    return list(training_batches(videos, **how))


def equal(one: list[ClipBatch], two: list[ClipBatch]) -> bool:
    names = ("clips", "labels", "offsets", "sizes", "flips")
    pairs = zip(one, two, strict=True)
    return all(torch.equal(getattr(a, name), getattr(b, name)) for a, b in pairs for name in names)


def test_clips_are_those_that_the_sampling_says(videos: VideoSet) -> None:
    """Clip n is clip n % N of pass n // N: its frames, label, offset, size and flip; shorter videos loop."""
    got = batches(videos)
    assert [batch.clips.shape for batch in got] == [(3, 8, *SIZE, 3)] * 5
    assert [batch.labels.dtype for batch in got] == [torch.int64] * 5
    assert [batch.flips.dtype for batch in got] == [torch.bool] * 5
    ids = [video.id for video in videos.videos]
    for clip_number in range(15):
        batch, row = got[clip_number // 3], clip_number % 3
        pass_index, position = divmod(clip_number, 4)
        place = training_order(5, pass_index, ids)[position]
        length = (20, 9, 33, 12)[place]
        cut = training_clip(
            5, pass_index, ids[place], labels=(place % 2,), num_frames=length, frames=8, stride=2, size=SIZE,
            crop=CROP, crop_policy="multi_scale", flip_probability=0.5,
        )  # fmt: skip
        expected = [100 * place + (cut.start + 2 * t) % length for t in range(8)]
        assert numbers(batch.clips[row].numpy()) == expected
        assert batch.labels[row] == place % 2
        assert tuple(batch.offsets[row].tolist()) == cut.offset
        assert tuple(batch.sizes[row].tolist()) == cut.size
        assert bool(batch.flips[row]) == cut.flip


@pytest.mark.parametrize("num_workers", [1, 2, 4])
def test_workers_change_nothing(videos: VideoSet, num_workers: int) -> None:
    """The same batches in the same order from any number of processes."""
    assert equal(batches(videos, num_workers=num_workers), batches(videos))


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_how_workers_are_started_changes_nothing(videos: VideoSet, method: str, request: pytest.FixtureRequest) -> None:
    """Forked or spawned, they give the batches of this process, also of a training that is resumed."""
    usual = multiprocessing.get_start_method()
    request.addfinalizer(lambda: multiprocessing.set_start_method(usual, force=True))
    multiprocessing.set_start_method(method, force=True)
    assert equal(batches(videos, num_workers=1, first_clip=6, num_batches=3), batches(videos)[2:])


@pytest.mark.parametrize("first_batch", [1, 4])
def test_resuming_changes_nothing(videos: VideoSet, first_batch: int) -> None:
    """Starting at batch b gives batch b and what follows, in the middle of a pass as well."""
    resumed = batches(videos, first_clip=3 * first_batch, num_batches=5 - first_batch)
    assert equal(resumed, batches(videos)[first_batch:])


def test_batches_cut_the_same_row_of_clips(videos: VideoSet) -> None:
    """The batch size only decides where the row of clips is cut."""
    small = torch.cat([batch.clips for batch in batches(videos)])
    large = torch.cat([batch.clips for batch in batches(videos, batch_size=5, num_batches=3)])
    assert torch.equal(small, large)


@pytest.mark.parametrize("num_workers", [0, 2])
def test_the_cache_changes_nothing(videos: VideoSet, tmp_path: Path, num_workers: int) -> None:
    """Clips from the cache are those from the files."""
    cache = frame_cache(videos, directory=tmp_path, size=SIZE, filter="fast_bilinear", max_bytes=10**7)
    assert cache is not None
    assert equal(batches(videos, cache=cache, num_workers=num_workers), batches(videos))
    with pytest.raises(ValueError, match="cache holds"):
        batches(videos, cache=cache, resize=(50, 60))


def test_short_videos_can_repeat_their_last_frame(videos: VideoSet) -> None:
    """The named policy decides what follows the end of a short video."""
    clips = torch.cat([batch.clips for batch in batches(videos, short_video="repeat_last", batch_size=4)])
    shown = [numbers(clip.numpy()) for clip in clips]
    assert [100, 102, 104, 106, 108, 108, 108, 108] in shown


@pytest.mark.parametrize("num_workers", [0, 2])
def test_a_broken_video_is_named(videos: VideoSet, tmp_path: Path, num_workers: int) -> None:
    """Whichever process meets it, the error is a DataError with the file's name."""
    path = tmp_path / "broken.mp4"
    path.write_bytes(b"no video")
    broken = replace(videos, videos=(replace(videos.videos[0], path=path), *videos.videos[1:]))
    with pytest.raises(DataError, match=r"broken\.mp4: can't be opened as a video"):
        batches(broken, num_workers=num_workers)


def test_what_can_not_work_is_refused(videos: VideoSet) -> None:
    """No videos, a crop larger than the frame, a set that isn't indexed."""
    with pytest.raises(DataError, match="no videos to train on"):
        batches(replace(videos, videos=()))
    with pytest.raises(ValueError, match="crop"):
        batches(videos, crop=(49, 40))
    bare = replace(videos, videos=tuple(replace(video, info=None) for video in videos.videos))
    with pytest.raises(ValueError, match="index the set first"):
        batches(bare)


def shown(video: Video, views: list[tuple[int, int, int]], **how) -> list[list[int]]:
    """The numbers painted into each view, in the order of ``views``."""
    clips = dict(stream_views(video, views, resize=SIZE, **how))
    return [numbers(clips[place]) for place in range(len(views))]


def test_views_come_from_one_decode(videos: VideoSet, monkeypatch: pytest.MonkeyPatch) -> None:
    """Overlapping and equal views decode each frame once, in one go; a view past the end loops."""
    calls: list[list[int]] = []
    whole = loader.stream_frames

    def spy(path, indices, **how):
        calls.append(list(indices))
        return whole(path, indices, **how)

    monkeypatch.setattr(loader, "stream_frames", spy)
    views = [(0, 4, 1), (2, 4, 1), (2, 4, 1), (10, 4, 3), (18, 4, 1)]
    assert shown(videos.videos[0], views) == [
        [0, 1, 2, 3],
        [2, 3, 4, 5],
        [2, 3, 4, 5],
        [10, 13, 16, 19],
        [18, 19, 0, 1],
    ]
    assert calls == [[0, 1, 2, 3, 4, 5, 10, 13, 16, 18, 19]]


def test_short_videos_repeat_as_told(videos: VideoSet) -> None:
    """Nine frames, twelve wanted: from the start again, or the last one on."""
    assert shown(videos.videos[1], [(0, 12, 1)]) == [[*range(100, 109), 100, 101, 102]]
    assert shown(videos.videos[1], [(0, 12, 1)], short_video="repeat_last") == [[*range(100, 109), 108, 108, 108]]


@pytest.mark.parametrize("cached", [False, True])
def test_another_rate_is_seen_by_clips_and_views(videos: VideoSet, tmp_path: Path, cached: bool) -> None:
    """At half the rate every second frame is all there is: of 20 frames ten, which loop where they are too few."""
    how = {"directory": tmp_path, "size": SIZE, "filter": "fast_bilinear", "max_bytes": 10**7}
    cache = frame_cache(videos, **how) if cached else None
    seen = resampled(videos, 12.5)
    assert shown(seen.videos[0], [(0, 4, 1), (1, 3, 3), (8, 4, 1)], cache=cache) == [
        [0, 2, 4, 6],
        [2, 8, 14],
        [16, 18, 0, 2],
    ]
    clips = torch.cat([batch.clips for batch in batches(seen, cache=cache, frames=6, stride=2, num_batches=4)])
    for clip in clips:
        numbers_seen = numbers(clip.numpy())
        video, start = divmod(numbers_seen[0], 100)
        num_shown = (10, 5, 17, 6)[video]
        assert start % 2 == 0
        assert numbers_seen == [100 * video + 2 * ((start // 2 + 2 * t) % num_shown) for t in range(6)]


def test_faster_than_its_own_rate_frames_repeat(videos: VideoSet) -> None:
    """At twice the rate each frame is seen twice, from one decode."""
    assert shown(resampled(videos, 50.0).videos[0], [(0, 5, 1), (36, 4, 1)]) == [[0, 1, 1, 2, 2], [18, 19, 19, 19]]


def test_reading_is_tried_again_where_the_set_says_so(videos: VideoSet, monkeypatch: pytest.MonkeyPatch) -> None:
    """A video that can be read at the second attempt gives the same clips and views."""
    monkeypatch.setattr(retry, "PAUSES_SECONDS", (0.0,))
    again = replace(videos, videos=tuple(replace(video, retry=True) for video in videos.videos))
    expected, views = batches(videos), [(0, 4, 1), (10, 4, 1)]
    expected_views = shown(videos.videos[0], views)
    whole = {name: getattr(loader, name) for name in ("decode_frames", "stream_frames")}
    for name, function in whole.items():
        attempts = itertools.count()

        def flaky(path, indices, function=function, attempts=attempts, **how):
            if next(attempts) % 2 == 0:
                raise DataError("the server doesn't answer")
            return function(path, indices, **how)

        monkeypatch.setattr(loader, name, flaky)
    assert equal(batches(again), expected)
    assert shown(again.videos[0], views) == expected_views
    with pytest.raises(DataError, match="doesn't answer"):
        batches(videos)


def test_views_come_as_soon_as_their_last_frame_and_hold_no_more_than_they_need(
    videos: VideoSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While 26 overlapping views of 8 frames are read, no more than the 8 frames of one span are alive."""
    num_given, num_most, alive = 0, 0, weakref.WeakSet()
    whole = loader.stream_frames

    def counted(path, indices, **how):
        nonlocal num_given, num_most
        for index, frame in whole(path, indices, **how):
            own = frame.copy().view(_Traced)
            alive.add(own)
            num_given, num_most = num_given + 1, max(num_most, len(alive))
            del frame
            yield index, own
            del own

    monkeypatch.setattr(loader, "stream_frames", counted)
    starts = []
    for place, _ in stream_views(videos.videos[2], [(start, 8, 1) for start in range(26)], resize=SIZE):
        assert num_given == place + 8
        starts.append(place)
    assert starts == list(range(26))
    assert num_most == 8


class _Traced(np.ndarray):
    """An array that a weak reference can point to by identity."""

    __hash__ = object.__hash__
    __eq__ = object.__eq__  # type: ignore[assignment]


def test_views_from_the_cache_are_the_same(videos: VideoSet, tmp_path: Path) -> None:
    """A cache serves evaluation as well."""
    cache = frame_cache(videos, directory=tmp_path, size=SIZE, filter="fast_bilinear", max_bytes=10**7)
    views = [(1, 8, 2), (0, 8, 1)]
    from_files = list(stream_views(videos.videos[1], views, resize=SIZE))
    from_cache = list(stream_views(videos.videos[1], views, resize=SIZE, cache=cache))
    for (place, clip), (cached_place, cached_clip) in zip(from_files, from_cache, strict=True):
        assert place == cached_place
        assert np.array_equal(clip, cached_clip)


def test_a_file_that_corrects_frames_already_used_is_an_error(
    videos: VideoSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Views that were given can't be taken back, so a frame that comes again ends the reading."""
    monkeypatch.setattr(
        loader, "stream_frames", lambda *_args, **_how: ((i, np.zeros((*SIZE, 3), np.uint8)) for i in (0, 1, 2, 1))
    )
    views = stream_views(videos.videos[0], [(0, 2, 1), (2, 2, 1)], resize=SIZE)
    assert next(views)[0] == 0
    with pytest.raises(DataError, match=r"v0\.mp4: frame 1 is another one"):
        next(views)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_pinned_batches_are_the_same(videos: VideoSet) -> None:
    """Clips that a GPU can fetch by itself are the same clips."""
    pinned = batches(videos, pin_memory=True, num_workers=2)
    assert all(batch.clips.is_pinned() for batch in pinned)
    assert equal(pinned, batches(videos))
