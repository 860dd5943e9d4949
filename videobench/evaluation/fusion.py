"""Joins the scores of several streams (RGB, flow) video by video."""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from videobench.errors import ConfigError, DataError
from videobench.evaluation.metrics import VideoScores

Fusion = Literal["mean", "l2norm_sum"]


def fuse(
    streams: Mapping[str, VideoScores],
    *,
    fusion: Fusion,
    weights: Sequence[float] | None = None,
) -> VideoScores:
    """One score per video from those of all streams, matched by video id, in the first stream's order.

    ``mean``: weighted mean of the streams' scores (P1 averages RGB and flow); ``l2norm_sum``: each stream's
    scores are first scaled to length 1 (P2's test code). Equal weights unless given. ConfigError for a wrong
    number of weights; DataError when the streams' videos or classes differ.
    """
    names = list(streams)
    weights = [1.0] * len(names) if weights is None else weights
    if len(weights) != len(names):
        raise ConfigError(f"{len(weights)} weights for {len(names)} streams: {', '.join(names)}")
    first = streams[names[0]]
    fused = np.zeros_like(first.scores)  # [N, K]
    for name, weight in zip(names, weights, strict=True):
        stream = streams[name]
        if set(stream.videos) != set(first.videos):
            differing = sorted(set(stream.videos) ^ set(first.videos))
            raise DataError(
                f"{len(differing)} videos have scores in only one of the streams {names[0]} and {name}: "
                + ", ".join(differing[:5]),
                hint="evaluate both streams on the same videos",
            )
        if stream.scores.shape != first.scores.shape:
            raise DataError(
                f"stream {names[0]} has {first.scores.shape[1]} classes, {name} {stream.scores.shape[1]}",
                hint="fuse networks trained on the same classes",
            )
        row_of = {video: row for row, video in enumerate(stream.videos)}
        scores = stream.scores[[row_of[video] for video in first.videos]]
        if fusion == "l2norm_sum":
            scores = scores / np.linalg.norm(scores, axis=1, keepdims=True)
        fused += weight / sum(weights) * scores
    return VideoScores(first.videos, fused, first.num_views, first.num_distinct_views)
