"""Training clips of real files are the same whoever reads them."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
import torch

from videobench.data.index import index_videos
from videobench.data.loader import ClipBatch, training_batches
from videobench.data.video_set import Video, VideoSet

SHARED = Path(__file__).parents[2] / ".." / "shared" / "videos"
NOT_SHARED = "needs the real videos of ../shared/videos, which are not part of the project"
NUM_BATCHES, BATCH_SIZE = 6, 4

pytestmark = pytest.mark.skipif(not SHARED.exists(), reason=NOT_SHARED)


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> VideoSet:
    """Ordinary files of several kinds, and nasty ones that are whole."""
    paths = [path for folder in ("clips", "nasty") for path in sorted((SHARED / folder).iterdir())]
    listed = VideoSet("real", ("any",), tuple(Video(path.name, path, (0,)) for path in paths))
    return index_videos(listed, cache=tmp_path_factory.mktemp("index"), on_error="skip")


@pytest.fixture(scope="module")
def expected(videos: VideoSet) -> list[ClipBatch]:
    return read(videos)


def read(
    videos: VideoSet, *, first_batch: int = 0, num_batches: int = NUM_BATCHES, num_workers: int = 0
) -> list[ClipBatch]:
    batches = training_batches(
        videos, frames=8, stride=2, resize=(36, 48), crop=(32, 32), flip_probability=0.5, seed=3,
        batch_size=BATCH_SIZE, first_clip=first_batch * BATCH_SIZE, num_batches=num_batches, num_workers=num_workers,
    )  # fmt: skip
    return list(batches)


def read_one(videos: VideoSet, batch: int) -> ClipBatch:
    return read(videos, first_batch=batch, num_batches=1)[0]


def equal(one: list[ClipBatch], two: list[ClipBatch]) -> bool:
    names = ("clips", "labels", "offsets", "sizes", "flips")
    pairs = zip(one, two, strict=True)
    return all(torch.equal(getattr(a, name), getattr(b, name)) for a, b in pairs for name in names)


@pytest.mark.parametrize("num_workers", [1, 2, 4])
def test_any_number_of_workers(videos: VideoSet, expected: list[ClipBatch], num_workers: int) -> None:
    """They give the batches of this process, in the same order."""
    assert equal(read(videos, num_workers=num_workers), expected)


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_any_start_of_workers(
    videos: VideoSet, expected: list[ClipBatch], method: str, request: pytest.FixtureRequest
) -> None:
    """Forked or spawned, also from the middle on."""
    usual = multiprocessing.get_start_method()
    request.addfinalizer(lambda: multiprocessing.set_start_method(usual, force=True))
    multiprocessing.set_start_method(method, force=True)
    assert equal(read(videos, first_batch=4, num_batches=2, num_workers=2), expected[4:])


def test_two_processes_that_share_the_batches_out(videos: VideoSet, expected: list[ClipBatch]) -> None:
    """Each batch is the same whichever of them reads it, and whatever it has read before."""
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        futures = [pool.submit(read_one, videos, batch) for batch in range(NUM_BATCHES)]
        assert equal([future.result() for future in futures], expected)
