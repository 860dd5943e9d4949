"""Two streams joined by video id."""

import numpy as np
import pytest

from videobench.errors import ConfigError, DataError
from videobench.evaluation.fusion import fuse
from videobench.evaluation.metrics import VideoScores


def stream(scores):
    ones = np.ones(len(scores), np.int64)
    return VideoScores(tuple(scores), np.array(list(scores.values()), np.float64), ones, ones)


RGB = stream({"a": [3, 4], "b": [0.2, 0.8]})
FLOW = stream({"b": [1, 0], "a": [0, 2]})


def test_streams_are_matched_by_video_not_by_order():
    """Equal weights: a is (3 + 0, 4 + 2) / 2; 3:1 weights need not sum to one."""
    fused = fuse({"rgb": RGB, "flow": FLOW}, fusion="mean")
    assert fused.videos == ("a", "b")
    np.testing.assert_allclose(fused.scores, [[1.5, 3], [0.6, 0.4]])
    weighted = fuse({"rgb": RGB, "flow": FLOW}, fusion="mean", weights=[3, 1])
    np.testing.assert_allclose(weighted.scores, [[2.25, 3.5], [0.4, 0.6]])


def test_l2norm_sum_scales_each_stream_to_length_one():
    """(3, 4) becomes (0.6, 0.8), (0, 2) becomes (0, 1)."""
    fused = fuse({"rgb": RGB, "flow": FLOW}, fusion="l2norm_sum")
    np.testing.assert_allclose(fused.scores[0], [0.3, 0.9])


def test_streams_that_do_not_fit_are_refused():
    """Other videos, other classes, a wrong number of weights: each with what differs."""
    with pytest.raises(DataError, match=r"1 videos .* rgb and flow: b"):
        fuse({"rgb": RGB, "flow": stream({"a": [0, 2]})}, fusion="mean")
    with pytest.raises(DataError, match="rgb has 2 classes, flow 3"):
        fuse({"rgb": RGB, "flow": stream({"a": [0, 2, 1], "b": [0, 2, 1]})}, fusion="mean")
    with pytest.raises(ConfigError, match="3 weights for 2 streams: rgb, flow"):
        fuse({"rgb": RGB, "flow": FLOW}, fusion="mean", weights=[1, 1, 1])
