"""Late fusion: the scores that several streams (RGB, flow) gave the same videos become one score a video."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from videobench.errors import DataError
from videobench.evaluation.metrics import Aggregation, Floats, VideoScores, aggregate
from videobench.evaluation.view_scores import ViewScores

Form = Literal["mean", "l2norm_sum"]

CURVE_WEIGHTS = tuple(step / 20 for step in range(21))
"""The shares of the first of two streams at which ``accuracy_by_weight`` looks."""


@dataclass(frozen=True, eq=False)
class Stream:
    """One stream's scores of single views; the labels of a video are indices into ``class_names``."""

    scores: ViewScores
    aggregation: Aggregation
    labels: Mapping[str, Sequence[int]]
    class_names: Sequence[str]

    def label_names(self, video: str) -> set[str]:
        return {self.class_names[label] for label in self.labels[video]}


@dataclass(frozen=True, eq=False)
class AlignedStreams:
    """What each stream adds to the score of each video, all in one order (N videos, K classes)."""

    videos: tuple[str, ...]
    summands: Mapping[str, Floats]  # stream -> [N, K]
    num_views: NDArray[np.int64]  # [N], of all streams together
    num_distinct_views: NDArray[np.int64]  # [N]

    def fuse(self, weights: Mapping[str, float]) -> VideoScores:
        """The sum of the streams, each times its weight."""
        scores = np.zeros_like(next(iter(self.summands.values())))  # [N, K]
        for name, summand in self.summands.items():
            scores += weights[name] * summand
        return VideoScores(self.videos, scores, self.num_views, self.num_distinct_views)


def align(streams: Mapping[str, Stream], form: Form) -> AlignedStreams:
    """Match the streams by video id and class name, in the first stream's order.

    ``mean``: a stream adds its video score as a distribution over the classes, that is the mean softmax of its views
    or, where its protocol averages logits, the softmax of their mean (P1 section 4.4). ``l2norm_sum``: it adds its
    mean logits scaled to length 1, whatever its protocol averages (P2's test code).

    DataError when the streams differ in their videos, their classes, or the labels of a video.
    """
    (first_name, first), *others = streams.items()
    for name, other in others:
        pair = f"{first_name} and {name}"
        _refuse(pair, "videos stand in only one of", set(first.scores.videos) ^ set(other.scores.videos))
        _refuse(pair, "classes stand in only one of", set(first.class_names) ^ set(other.class_names))
        relabelled = [v for v in first.scores.videos if first.label_names(v) != other.label_names(v)]
        _refuse(pair, "videos have different labels in", relabelled)
    summands: dict[str, Floats] = {}
    num_views = np.zeros(len(first.scores.videos), np.int64)
    num_distinct_views = np.zeros_like(num_views)
    for name, stream in streams.items():
        own = _video_scores(stream, form)
        rows = _places(own.videos, first.scores.videos)
        summands[name] = own.scores[np.ix_(rows, _places(stream.class_names, first.class_names))]
        num_views += own.num_views[rows]
        num_distinct_views += own.num_distinct_views[rows]
    return AlignedStreams(first.scores.videos, summands, num_views, num_distinct_views)


def accuracy_by_weight(streams: AlignedStreams, labels: Mapping[str, Sequence[int]]) -> Floats:
    """Accuracy of two streams' weighted sum, the first one's share being each of ``CURVE_WEIGHTS``, [21]."""
    one, other = streams.summands
    accuracies = np.empty(len(CURVE_WEIGHTS))
    for place, share in enumerate(CURVE_WEIGHTS):
        best = streams.fuse({one: share, other: 1 - share}).scores.argmax(axis=1)  # [N]
        accuracies[place] = np.mean([best[n] in labels[video] for n, video in enumerate(streams.videos)])
    return accuracies


def _video_scores(stream: Stream, form: Form) -> VideoScores:
    if form == "mean":
        own = aggregate(stream.scores, stream.aggregation)
        if stream.aggregation == "softmax_mean":
            return own
        exponentials = np.exp(own.scores - own.scores.max(axis=1, keepdims=True))
        scores = exponentials / exponentials.sum(axis=1, keepdims=True)
    else:
        own = aggregate(stream.scores, "logit_mean")
        length = np.linalg.norm(own.scores, axis=1, keepdims=True)
        scores = own.scores / np.maximum(length, np.finfo(np.float64).tiny)  # logits that are all zero stay so
    return VideoScores(own.videos, scores, own.num_views, own.num_distinct_views)


def _places(names: Sequence[str], wanted: Sequence[str]) -> list[int]:
    """Where each wanted name stands among ``names``."""
    place = {name: number for number, name in enumerate(names)}
    return [place[name] for name in wanted]


def _refuse(streams: str, what: str, differing: Iterable[str]) -> None:
    """Raise DataError when anything differs, naming the first of it."""
    if names := sorted(differing):
        shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
        raise DataError(
            f"{len(names)} {what} the streams {streams}: {shown}",
            hint="fuse runs on the same videos, of networks trained on the same classes",
        )
