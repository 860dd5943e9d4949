"""Training clips are the same for any number of workers and any place to resume; views share one decode."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from painted_videos import HEIGHT, WIDTH, numbers, painted_set

from videobench.data import loader
from videobench.data.frame_cache import frame_cache
from videobench.data.index import index_videos
from videobench.data.loader import ClipBatch, read_views, training_batches, view_frames
from videobench.data.sampling import training_clip, training_order
from videobench.data.video_set import VideoSet
from videobench.errors import DataError

SIZE, CROP = (HEIGHT, WIDTH), (40, 40)


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> VideoSet:
    folder = tmp_path_factory.mktemp("set")
    return index_videos(painted_set(folder), cache=folder / "index")[0]


def batches(videos: VideoSet, **changed) -> list[ClipBatch]:
    how = {
        "frames": 8,
        "stride": 2,
        "resize": SIZE,
        "crop": CROP,
        "flip_probability": 0.5,
        "batch_size": 3,
        "seed": 5,
        "first_clip": 0,
        "num_batches": 5,
        **changed,
    }
    return list(training_batches(videos, **how))


def equal(one: list[ClipBatch], two: list[ClipBatch]) -> bool:
    names = ("clips", "labels", "offsets", "flips")
    pairs = zip(one, two, strict=True)
    return all(torch.equal(getattr(a, name), getattr(b, name)) for a, b in pairs for name in names)


def test_clips_are_those_that_the_sampling_says(videos: VideoSet) -> None:
    """Clip n is clip n % N of pass n // N: its frames, label, offset and flip; shorter videos loop."""
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
            crop=CROP, flip_probability=0.5,
        )  # fmt: skip
        expected = [100 * place + (cut.start + 2 * t) % length for t in range(8)]
        assert numbers(batch.clips[row].numpy()) == expected
        assert batch.labels[row] == place % 2
        assert tuple(batch.offsets[row].tolist()) == cut.offset
        assert bool(batch.flips[row]) == cut.flip


@pytest.mark.parametrize("num_workers", [1, 2, 4])
def test_workers_change_nothing(videos: VideoSet, num_workers: int) -> None:
    """The same batches in the same order from any number of processes."""
    assert equal(batches(videos, num_workers=num_workers), batches(videos))


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


def test_views_come_from_one_decode(videos: VideoSet, monkeypatch: pytest.MonkeyPatch) -> None:
    """Overlapping and equal views decode each frame once, in one go."""
    calls: list[list[int]] = []
    whole = loader.decode_frames

    def spy(path, indices, **how):
        calls.append(list(indices))
        return whole(path, indices, **how)

    monkeypatch.setattr(loader, "decode_frames", spy)
    views = [(0, 4, 1), (2, 4, 1), (2, 4, 1), (10, 4, 3), (18, 4, 1)]
    got = read_views(videos.videos[0], views, resize=SIZE)
    assert got.shape == (5, 4, *SIZE, 3)
    assert [numbers(view.numpy()) for view in got] == [
        [0, 1, 2, 3],
        [2, 3, 4, 5],
        [2, 3, 4, 5],
        [10, 13, 16, 19],
        [18, 19, 0, 1],
    ]
    assert calls == [[0, 1, 2, 3, 4, 5, 10, 13, 16, 18, 19]]


def test_views_can_be_held_a_few_at_a_time(videos: VideoSet) -> None:
    """Pixels and rows give every view without holding all of them."""
    views = [(start, 6, 1) for start in range(10)]
    pixels, rows = view_frames(videos.videos[2], views, resize=(24, 32), short_video="repeat_last")
    assert pixels.shape == (15, 24, 32, 3)
    assert rows.shape == (10, 6)
    assert np.array_equal(pixels[rows], read_views(videos.videos[2], views, resize=(24, 32)).numpy())


def test_views_from_the_cache_are_the_same(videos: VideoSet, tmp_path: Path) -> None:
    """A cache serves evaluation as well."""
    cache = frame_cache(videos, directory=tmp_path, size=SIZE, filter="fast_bilinear", max_bytes=10**7)
    views = [(0, 8, 1), (1, 8, 2)]
    from_files = read_views(videos.videos[1], views, resize=SIZE)
    assert torch.equal(read_views(videos.videos[1], views, resize=SIZE, cache=cache), from_files)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_pinned_batches_are_the_same(videos: VideoSet) -> None:
    """Clips that a GPU can fetch by itself are the same clips."""
    pinned = batches(videos, pin_memory=True, num_workers=2)
    assert all(batch.clips.is_pinned() for batch in pinned)
    assert equal(pinned, batches(videos))
