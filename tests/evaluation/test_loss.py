"""The loss of views and videos, by hand."""

import math

import numpy as np
import pytest

from videobench.evaluation.loss import cross_entropy
from videobench.evaluation.view_scores import from_arrays

CERTAIN = [1000.0, 0.0, 0.0]
EVEN = [3.0, 3.0, 3.0]


def loss(logits: dict[str, list[list[float]]], labels: dict[str, tuple[int, ...]], counts: list[int]) -> float:
    arrays = {video: np.array(rows, np.float32) for video, rows in logits.items()}
    return cross_entropy(from_arrays(arrays, counts), labels)


def test_views_count_as_listed_and_videos_alike() -> None:
    """The mean over videos of each one's mean, however many views either has."""
    found = loss({"a": [CERTAIN, EVEN], "b": [EVEN]}, {"a": (0,), "b": (2,)}, [3, 1, 7])
    assert found == pytest.approx((math.log(3) / 4 + math.log(3)) / 2)


def test_large_logits_overflow_nothing() -> None:
    """Certainly wrong by a thousand is a loss of a thousand."""
    assert loss({"a": [CERTAIN]}, {"a": (1,)}, [1]) == pytest.approx(1000)


def test_several_labels_are_as_likely() -> None:
    """The mean over them is what drawing one at a time comes to."""
    assert loss({"a": [CERTAIN]}, {"a": (0, 1)}, [1]) == pytest.approx(500)


def test_it_is_the_loss_of_training() -> None:
    """For single views it is what torch says of the same logits."""
    torch = pytest.importorskip("torch")
    logits = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    labels = [1, 3, 0, 2, 2]
    expected = torch.nn.functional.cross_entropy(torch.tensor(logits), torch.tensor(labels)).item()
    of_video = {f"v{number}": [row.tolist()] for number, row in enumerate(logits)}
    found = loss(of_video, {f"v{number}": (label,) for number, label in enumerate(labels)}, [1] * 5)
    assert found == pytest.approx(expected, rel=1e-6)
