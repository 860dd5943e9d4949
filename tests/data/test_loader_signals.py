"""A signal to a whole group of processes is the training's to answer, not its loaders'."""

import multiprocessing
import os
import signal
from pathlib import Path

import pytest
from painted_videos import HEIGHT, WIDTH, painted_set

from videobench.data.index import index_videos
from videobench.data.loader import training_batches


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
def test_loaders_leave_signals_to_their_parent(tmp_path: Path, number: signal.Signals) -> None:
    """After the signal, batches go on coming: the training needs them to finish its step and save."""
    videos = index_videos(painted_set(tmp_path), cache=tmp_path / "index")
    size = (HEIGHT, WIDTH)
    batches = training_batches(
        videos, frames=2, stride=1, resize=size, crop=size, flip_probability=0.0, batch_size=2, seed=0, first_clip=0,
        num_batches=12, num_workers=1,
    )  # fmt: skip
    next(batches)
    workers = multiprocessing.active_children()
    assert workers
    for worker in workers:
        assert worker.pid is not None
        os.kill(worker.pid, number)
    assert len(list(batches)) == 11
