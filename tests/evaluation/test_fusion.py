"""Streams joined by video id and class name: both papers' forms by hand, and what doesn't fit."""

import dataclasses
import math

import numpy as np
import pytest

from videobench.errors import DataError
from videobench.evaluation.fusion import CURVE_WEIGHTS, Stream, accuracy_by_weight, align
from videobench.evaluation.view_scores import from_arrays

LOG3, LOG9 = math.log(3), math.log(9)

# Softmax of (0, log 3) is (1/4, 3/4), of (0, 0) it is (1/2, 1/2), of (0, log 9) it is (1/10, 9/10).
RGB = Stream(
    scores=from_arrays({"a": np.array([[0, LOG3], [0, 0]]), "b": np.array([[LOG3, 0]])}),
    aggregation="softmax_mean",
    labels={"a": (1,), "b": (0,)},
    class_names=("walk", "run"),
)
# The same classes the other way round, and the videos too.
FLOW = Stream(
    scores=from_arrays({"b": np.array([[LOG9, 0]]), "a": np.array([[3, 4], [3, -4]])}),
    aggregation="logit_mean",
    labels={"a": (0,), "b": (1,)},
    class_names=("run", "walk"),
)
EQUAL = {"rgb": 0.5, "flow": 0.5}


def test_mean_averages_distributions_over_the_classes() -> None:
    """A softmax mean stays as it is, of mean logits the softmax is taken; matched by video and class name."""
    fused = align({"rgb": RGB, "flow": FLOW}, "mean").fuse(EQUAL)
    assert fused.videos == ("a", "b")
    run = 1 / (1 + math.exp(-3))  # a's mean flow logits are (3, 0) for run and walk
    np.testing.assert_allclose(fused.scores[0], [(3 / 8 + 1 - run) / 2, (5 / 8 + run) / 2])
    np.testing.assert_allclose(fused.scores[1], [(3 / 4 + 1 / 10) / 2, (1 / 4 + 9 / 10) / 2])
    assert fused.num_views.tolist() == fused.num_distinct_views.tolist() == [4, 2]


def test_l2norm_sum_adds_mean_logits_of_length_one() -> None:
    """Also of a stream whose protocol averages softmax; a stream that is all zero adds nothing."""
    fused = align({"rgb": RGB, "flow": FLOW}, "l2norm_sum").fuse(EQUAL)
    np.testing.assert_allclose(fused.scores, [[0, (1 + 1) / 2], [1 / 2, 1 / 2]], atol=1e-12)
    silent = dataclasses.replace(FLOW, scores=from_arrays({"a": np.zeros((1, 2)), "b": np.zeros((1, 2))}))
    fused = align({"rgb": RGB, "flow": silent}, "l2norm_sum").fuse(EQUAL)
    np.testing.assert_allclose(fused.scores, [[0, 1 / 2], [1 / 2, 0]])


def test_weights_multiply_the_streams() -> None:
    """b under 0.8 : 0.2, with a third stream that is left out by its weight."""
    streams = align({"rgb": RGB, "flow": FLOW, "other": FLOW}, "mean")
    fused = streams.fuse({"rgb": 0.8, "flow": 0.2, "other": 0})
    np.testing.assert_allclose(fused.scores[1], [0.8 * 3 / 4 + 0.2 / 10, 0.8 / 4 + 0.2 * 9 / 10])


def test_accuracy_by_weight() -> None:
    """Both are right on a; b, wrong by flow, turns where s 3/4 + (1 - s) 1/10 = 1/2, that is at s = 8/13."""
    accuracies = accuracy_by_weight(align({"rgb": RGB, "flow": FLOW}, "mean"), RGB.labels)
    assert accuracies.tolist() == [1.0 if share > 8 / 13 else 0.5 for share in CURVE_WEIGHTS]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"scores": from_arrays({"a": np.zeros((1, 2)), "c": np.zeros((1, 2))})},
            "2 videos stand in only one of the streams rgb and flow: b, c",
        ),
        ({"class_names": ("run", "jump")}, "2 classes stand in only one of the streams rgb and flow: jump, walk"),
        ({"labels": {"a": (0,), "b": (0,)}}, "1 videos have different labels in the streams rgb and flow: b"),
    ],
)
def test_streams_that_differ_are_refused(changes: dict[str, object], message: str) -> None:
    """Other videos, other classes, other labels: each with the names of what differs."""
    with pytest.raises(DataError, match=message) as caught:
        align({"rgb": RGB, "flow": dataclasses.replace(FLOW, **changes)}, "mean")
    assert "same videos" in str(caught.value)


def test_long_lists_are_cut() -> None:
    """Of many differing videos the first five are named."""
    many = from_arrays({f"v{number}": np.zeros((1, 2)) for number in range(9)})
    with pytest.raises(DataError, match=r"11 videos .*: a, b, v0, v1, v2 and 6 more"):
        align({"rgb": RGB, "flow": dataclasses.replace(FLOW, scores=many)}, "mean")
