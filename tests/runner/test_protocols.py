"""Every named protocol, from files to accuracy, against views written out and scores computed by hand."""

from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from small_experiment import BASE, Run, records_by_digest, run

from videobench.data.decode import decode_frames
from videobench.data.encode import write_video
from videobench.evaluation.metrics import aggregate
from videobench.records import Record
from videobench.runner.networks import build_network
from videobench.runner.stored import stored_run
from videobench.runner.wanted import wanted_views
from videobench.runner.weights import read_weights
from videobench.runner.workspace import Workspace
from videobench.spec.protocol import PRESETS
from videobench.spec.units import Evaluation

LONG, SHORT = 23, 3  # frames of a video; a clip has 4
HEIGHT, WIDTH, CROP = 12, 16, 8
CLASSES = ("first", "second")
EXPERIMENT = BASE.replace("frames: 2, resize: [16, 16], crop: 16", "frames: 4, resize: [12, 16], crop: 8").replace(
    "learning_rate: 0.001",
    "learning_rate: 0.003",  # with which it is right about some views and wrong about others
)

PLACES = {  # px from the top and from the left
    "centre": (2, 4), "left": (2, 0), "right": (2, 8),
    "top_left": (0, 0), "top_right": (0, 8), "bottom_left": (4, 0), "bottom_right": (4, 8),
}  # fmt: skip
FIVE = ["centre", "top_left", "top_right", "bottom_left", "bottom_right"]
HUNDRED = [6, 5, 5, 5, 6, 5, 5, 5, 5, 6, 5, 5, 5, 5, 6, 5, 5, 5, 5, 1]  # so often start 0, start 1, ... counts


@dataclass(frozen=True)
class ByHand:
    """Where the clips of a long and of a short video start, as often as they count, and how each is seen."""

    long: list[int]
    short: list[int]
    crops: list[str]
    flips: tuple[bool, ...] = (False,)
    average: str = "softmax"

    def views(self, num_frames: int) -> list[tuple[int, str, bool]]:
        starts = {LONG: self.long, SHORT: self.short}[num_frames]
        return [(start, crop, flip) for start in starts for crop in self.crops for flip in self.flips]


BY_HAND = {
    "clip": ByHand([0], [0], ["centre"]),
    "video_10": ByHand([0, 2, 4, 6, 8, 10, 12, 14, 16, 19], [0] * 10, ["centre"]),
    "video_20": ByHand([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19], [0] * 20, ["centre"]),
    "video_100": ByHand([start for start, times in enumerate(HUNDRED) for _ in range(times)], [0] * 100, ["centre"]),
    "ten_crop": ByHand([1, 5, 9, 13, 17], [0], FIVE, (False, True), "logits"),
    "dense": ByHand([0, 8, 16], [0], ["centre"]),
    "three_crop": ByHand([0, 1, 3, 5, 7, 9, 11, 13, 15, 17], [0] * 10, ["left", "centre", "right"]),
    "three_crop_mmaction2": ByHand([0, 2, 4, 6, 8, 11, 13, 15, 17, 19], [0] * 10, ["left", "centre", "right"]),
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a trained network of two channels and videos whose colour changes in time and from left to right."""
    home = tmp_path_factory.mktemp("protocols")
    random = np.random.default_rng(0)
    for subset in ("train", "test"):
        for label, name in enumerate(CLASSES):
            for length in (LONG, SHORT):
                red = np.sin(np.arange(length) * (0.5 + 0.3 * label))[:, None, None] * np.linspace(0, 1, WIDTH)
                frames = random.integers(0, 60, (length, HEIGHT, WIDTH, 3))
                frames[..., 0] += (95 + 95 * red).astype(int)
                frames[..., 2] += (95 - 95 * red).astype(int)
                path = home / "videos" / subset / name / f"{length}.mp4"
                write_video(path, frames.astype(np.uint8), fps=25, crf=18)
    (home / "small.yaml").write_text(EXPERIMENT)
    assert not run(home / "small.yaml", home).outcome.failures
    return home


def measure(home: Path, *settings: str) -> tuple[Run, Evaluation, Record]:
    done = run(home / "small.yaml", home, *settings)
    assert not done.outcome.failures
    (node,) = done.plan.evaluations
    return done, node.evaluation, records_by_digest(home)[node.digest]


class PlainWay:
    """Decode the whole video, cut a view out, run the network on it alone."""

    def __init__(self, home: Path, evaluation: Evaluation) -> None:
        self.videos, self.clip = home / "videos" / "test", evaluation.clip
        self.model = build_network(
            evaluation.network, evaluation.head, clip=evaluation.clip, num_classes=len(CLASSES)
        ).eval()
        self.model.load_state_dict(dict(read_weights(evaluation.weights, Workspace(home)).tensors))
        self.logits = cache(self._logits)

    def _logits(self, label: int, num_frames: int, start: int, crop: str, flip: bool) -> NDArray[np.float64]:
        path = self.videos / CLASSES[label] / f"{num_frames}.mp4"
        frames = decode_frames(path, range(num_frames), size=(HEIGHT, WIDTH))
        y, x = PLACES[crop]
        view = np.stack([frames[(start + t) % num_frames, y : y + CROP, x : x + CROP] for t in range(4)])
        view = (view / 255 - self.clip.mean) / self.clip.std  # [T, h, w, 3]
        view = view[:, :, ::-1] if flip else view
        with torch.inference_mode():
            batch = torch.tensor(view.copy(), dtype=torch.float32).permute(3, 0, 1, 2)[None]  # [1, 3, T, h, w]
            return self.model(batch)[0].double().numpy()


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    exponentials = np.exp(logits)
    return exponentials / exponentials.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("name", PRESETS)
def test_views_and_scores_are_those_by_hand(home: Path, name: str) -> None:
    """Exactly these views of a long and a short video, each counted so often; mean scores and accuracies follow."""
    _, evaluation, record = measure(home, f"evaluate.protocol={name}")
    stored = stored_run(record, Workspace(home))
    wanted = wanted_views(stored.videos, evaluation.clip, evaluation.protocol)
    found = aggregate(stored.scores, evaluation.protocol.average)
    plain, by_hand = PlainWay(home, evaluation), BY_HAND[name]
    clip_hits, video_hits = [], []
    assert sorted(found.videos) == sorted(wanted)
    for number, video in enumerate(stored.videos.videos):
        (label,), num_frames = video.labels, int(Path(video.id).stem)
        listed = by_hand.views(num_frames)
        assert Counter((view.start, view.crop, view.flip) for view in wanted[video.id]) == Counter(listed)
        assert {(view.frames, view.stride) for view in wanted[video.id]} == {(4, 1)}
        assert (found.num_views[number], found.num_distinct_views[number]) == (len(listed), len(set(listed)))
        logits = np.stack([plain.logits(label, num_frames, *view) for view in listed])  # [V, K]
        score = (softmax(logits) if by_hand.average == "softmax" else logits).mean(axis=0)  # [K]
        np.testing.assert_allclose(found.scores[number], score, atol=1e-5, rtol=0)
        clip_hits.append(np.mean(logits.argmax(axis=1) == label))
        video_hits.append(score.argmax() == label)
    assert len(video_hits) == 4
    assert record.metrics["clip@1"].value == pytest.approx(np.mean(clip_hits), abs=1e-12)
    assert record.metrics["video@1"].value == pytest.approx(np.mean(video_hits), abs=1e-12)


def test_crops_of_the_same_pixels_are_computed_once_and_counted_as_listed(home: Path) -> None:
    """Frames of the crop's size have one crop: a third of three_crop's views run, and the centre alone is stored."""
    small = "evaluate.clip.resize=[8, 8]"
    done, _, three = measure(home, small, "evaluate.protocol=three_crop")
    (started,) = done.started("evaluation")
    assert (started.values["num_views"], started.values["stored"]) == (2 * 10 + 2 * 1, 0)
    stored = stored_run(three, Workspace(home))
    assert stored.scores.counts.tolist() == [*[3] * 10, 30] * 2
    done, _, one = measure(home, small, "evaluate.protocol=three_crop", "evaluate.protocol.crops=[centre]")
    (started,) = done.started("evaluation")
    assert (started.values["num_views"], started.values["stored"]) == (0, 22)
    assert {name: metric.value for name, metric in one.metrics.items()} == {
        name: pytest.approx(metric.value, abs=1e-12) for name, metric in three.metrics.items()
    }
