"""Clips of flow are cut as clips of frames are: the same sampling, whatever reads them."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from videobench.data.flow_files import write_flow
from videobench.data.frame_cache import frame_cache
from videobench.data.index import index_videos
from videobench.data.loader import stream_views, training_batches
from videobench.data.sampling import frame_indices, training_clip, training_order
from videobench.data.video_set import Video, VideoSet

SIZE = (20, 24)
LENGTHS = (9, 3, 17)  # fields; the second is shorter than a clip


@pytest.fixture(scope="module")
def fields() -> dict[str, NDArray[np.uint8]]:
    random = np.random.default_rng(0)
    return {f"v{place}": random.integers(0, 256, (length, *SIZE, 2), np.uint8) for place, length in enumerate(LENGTHS)}


@pytest.fixture(scope="module")
def videos(fields: dict[str, NDArray[np.uint8]], tmp_path_factory: pytest.TempPathFactory) -> VideoSet:
    folder = tmp_path_factory.mktemp("flow")
    for name, levels in fields.items():
        write_flow(folder / f"{name}.mkv", levels, num_fields=len(levels), fps=25.0)
    found = tuple(Video(name, folder / f"{name}.mkv", (0,), modality="flow") for name in fields)
    return index_videos(VideoSet("flow", ("one",), found), cache=folder / "index")


def clips_of(videos: VideoSet, **how) -> torch.Tensor:
    batches = training_batches(
        videos, frames=4, stride=2, resize=SIZE, crop=(16, 16), flip_probability=0.5, batch_size=2, seed=3,
        first_clip=0, num_batches=3, **how,
    )  # fmt: skip
    return torch.cat([batch.clips for batch in batches])


def test_training_clips_are_runs_of_fields(videos: VideoSet, fields: dict[str, NDArray[np.uint8]]) -> None:
    """A clip of T frames is T fields from where the sampling says, among as many as the video has; others loop."""
    clips = clips_of(videos)
    assert clips.shape == (6, 4, *SIZE, 2)
    ids = [video.id for video in videos.videos]
    for number, clip in enumerate(clips):
        name = ids[training_order(3, number // 3, ids)[number % 3]]
        cut = training_clip(
            3, number // 3, name, labels=(0,), num_frames=len(fields[name]), frames=4, stride=2, size=SIZE,
            crop=(16, 16), flip_probability=0.5,
        )  # fmt: skip
        shown = frame_indices(cut.start, 4, 2, len(fields[name]), "loop")
        np.testing.assert_array_equal(clip.numpy(), fields[name][shown])


def test_workers_and_cache_change_nothing(videos: VideoSet, tmp_path: Path) -> None:
    """Flow travels like frames."""
    cache = frame_cache(videos, directory=tmp_path, size=SIZE, filter="fast_bilinear", max_bytes=10**6)
    assert cache is not None
    assert cache.frames.shape == (sum(LENGTHS), *SIZE, 2)
    clips = clips_of(videos)
    assert torch.equal(clips_of(videos, num_workers=2), clips)
    assert torch.equal(clips_of(videos, cache=cache), clips)


def test_views_come_from_the_packed_file(videos: VideoSet, fields: dict[str, NDArray[np.uint8]]) -> None:
    """All views of a video from one pass."""
    views = [(13, 4, 1), (0, 4, 2), (5, 4, 1)]
    read = dict(stream_views(videos.videos[2], views, resize=SIZE))
    for place, (start, frames, stride) in enumerate(views):
        np.testing.assert_array_equal(read[place], fields["v2"][start : start + frames * stride : stride])
