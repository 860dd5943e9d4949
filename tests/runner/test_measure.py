"""Views through the network: one pass over each video, batches that fit, the same scores either way."""

from pathlib import Path

import numpy as np
import pytest
import torch
from small_experiment import write_videos

from videobench.data import loader
from videobench.data.datasets.class_folders import class_folders
from videobench.data.frame_cache import frame_cache
from videobench.data.index import index_videos
from videobench.errors import DataError
from videobench.evaluation.scores_in_memory import ScoresInMemory
from videobench.models.classifier import Classifier
from videobench.models.video_resnet import video_resnet
from videobench.runner.inputs import Input
from videobench.runner.measure import BYTES_IN_CACHE, BYTES_OF_A_PAIR, MAX_BATCH_VIEWS, _batch_views, predict_views
from videobench.runner.wanted import wanted_views
from videobench.spec.clip import Clip
from videobench.spec.protocol import Protocol

CLIP = Clip(frames=4, resize=(16, 16), crop=16)
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Input:
    folder = tmp_path_factory.mktemp("set")
    videos = class_folders(write_videos(folder / "videos"), name="small", subset="test")
    return Input(index_videos(videos, cache=folder / "index"), CLIP, None)


@pytest.fixture
def model() -> Classifier:
    torch.manual_seed(0)
    return video_resnet("R(2+1)D", num_classes=3, frames=CLIP.frames, width=4)


def scores(model: Classifier, data: Input) -> np.ndarray:
    wanted = wanted_views(data.videos, CLIP, Protocol(clips=10))
    stored = ScoresInMemory()
    predict_views(model, wanted, data, stored, CPU, None)
    return stored.logits(wanted).logits


def test_a_frame_is_decoded_once_for_all_its_views(
    model: Classifier, data: Input, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten overlapping clips of 14 frames: every video is opened once and gives 14 frames, not 40."""
    opened: list[tuple[str, list[int]]] = []
    whole = loader.stream_frames

    def spy(path, indices, **how):
        opened.append((str(path), list(indices)))
        return whole(path, indices, **how)

    monkeypatch.setattr(loader, "stream_frames", spy)
    scores(model, data)
    assert sorted(opened) == sorted((str(video.path), list(range(14))) for video in data.videos.videos)


def test_scores_from_files_and_from_the_cache_agree(model: Classifier, data: Input, tmp_path: Path) -> None:
    """It makes no difference to a score whether its set was small enough to be decoded beforehand."""
    cache = frame_cache(data.videos, directory=tmp_path, size=(16, 16), filter=CLIP.filter, max_bytes=2**20)
    assert np.array_equal(scores(model, Input(data.videos, CLIP, cache)), scores(model, data))


@pytest.mark.parametrize(
    ("bytes_per_view", "views"),
    [(BYTES_IN_CACHE // 10, 10), (BYTES_IN_CACHE, 2), (BYTES_OF_A_PAIR // 2, 2), (BYTES_OF_A_PAIR, 1), (2**40, 1)],
)
def test_batches_on_a_cpu_fit_into_its_caches(bytes_per_view: int, views: int) -> None:
    """As many views as fit there; two if a pair is not too large; one whatever it takes."""
    assert _batch_views(bytes_per_view, CPU) == views


@pytest.mark.parametrize(("free", "views"), [(500, 1), (20_500, 10), (10**9, MAX_BATCH_VIEWS)])
def test_batches_on_a_gpu_take_half_of_its_free_memory(monkeypatch: pytest.MonkeyPatch, free: int, views: int) -> None:
    """Half is left for what kernels need; beyond a number of views there is nothing to gain."""
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (free, 2 * free))
    assert _batch_views(1000, torch.device("cuda")) == views


def test_batches_where_free_memory_is_not_told() -> None:
    """Another accelerator is taken to have two gigabytes."""
    assert _batch_views(2**28, torch.device("mps")) == 4


def test_what_cannot_be_read_is_noted_and_the_rest_measured(
    model: Classifier, data: Input, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A video that breaks after its first clips ends nothing if asked so, and is an error otherwise."""
    broken = data.videos.videos[1]
    whole = loader.stream_frames

    def breaks(path, indices, **how):
        for index, frame in whole(path, indices, **how):
            if path == broken.path and index == 9:
                raise DataError("frame 9 can't be decoded", where=str(path))
            yield index, frame

    monkeypatch.setattr(loader, "stream_frames", breaks)
    wanted = wanted_views(data.videos, CLIP, Protocol(clips=10))
    with pytest.raises(DataError, match="frame 9 can't be decoded"):
        predict_views(model, wanted, data, ScoresInMemory(), CPU, None)
    unreadable: dict[str, str] = {}
    stored = ScoresInMemory()
    predict_views(model, wanted, data, stored, CPU, None, unreadable=unreadable)
    assert unreadable == {broken.id: "frame 9 can't be decoded"}
    del wanted[broken.id]
    assert set(stored.logits(wanted).videos) == set(wanted)
