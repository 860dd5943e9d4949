"""From the scores of views to what is right about every video, and from there to the metrics.

An ``Outcome`` holds everything per video that metrics and statistics need; it goes to disk as one row a
video. All metrics are fractions, never rounded.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from videobench.errors import DataError
from videobench.evaluation.view_scores import ViewScores

Aggregation = Literal["softmax_mean", "logit_mean"]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class VideoScores:
    """One score per class and video, with how many views stand behind it (N videos, K classes)."""

    videos: tuple[str, ...]  # [N]
    scores: Floats  # [N, K]
    num_views: NDArray[np.int64]  # [N], as the protocol counts them
    num_distinct_views: NDArray[np.int64]  # [N], fewer where a short video's views coincide


@dataclass(frozen=True, eq=False)
class Outcome:
    """What an evaluation found, video by video (N videos)."""

    videos: tuple[str, ...]
    sources: tuple[str, ...]  # videos of one source are not independent; the video itself where none is known
    labels: tuple[tuple[int, ...], ...]  # a video with several labels is right with any of them
    predicted: NDArray[np.int64]  # [N, 5 or K], best first
    clip_hits: Floats  # [N], fraction of the views that are right on their own; NaN after fusion
    pair_hits: Floats  # [N], 1 when the label beats its partner, 0.5 when they tie; NaN without a pair
    num_views: NDArray[np.int64]  # [N]
    num_distinct_views: NDArray[np.int64]  # [N]
    class_names: tuple[str, ...]
    groups: tuple[str, ...]  # of the first label; empty where classes have none

    def hits(self, top: int) -> Floats:
        """1 where one of the labels is among the ``top`` best classes, else 0, [N]."""
        return np.array(
            [
                float(not set(labels).isdisjoint(best))
                for labels, best in zip(self.labels, self.predicted[:, :top].tolist(), strict=True)
            ]
        )

    def to_rows(self) -> list[dict[str, Any]]:
        """One flat row a video, for a CSV file: several labels and the predictions are joined by spaces."""
        top1, top5 = self.hits(1), self.hits(5)
        return [
            {
                "video": video,
                "source": self.sources[n],
                "labels": " ".join(map(str, self.labels[n])),
                "predicted": " ".join(map(str, self.predicted[n])),
                "group": self.groups[n],
                "clip_hits": float(self.clip_hits[n]),
                "video_hit": int(top1[n]),
                "video_hit_5": int(top5[n]),
                "pair_hit": float(self.pair_hits[n]),
                "num_views": int(self.num_views[n]),
                "num_distinct_views": int(self.num_distinct_views[n]),
            }
            for n, video in enumerate(self.videos)
        ]


def outcome_from_rows(rows: Sequence[Mapping[str, Any]], class_names: Sequence[str]) -> Outcome:
    """The outcome whose ``to_rows`` these are; values may be text, as a CSV file gives them."""

    def column(name: str, kind: type[np.int64] | type[np.float64]) -> NDArray[Any]:
        return np.array([row[name] for row in rows]).astype(kind)

    return Outcome(
        videos=tuple(str(row["video"]) for row in rows),
        sources=tuple(str(row["source"]) for row in rows),
        labels=tuple(tuple(map(int, str(row["labels"]).split())) for row in rows),
        predicted=np.array([str(row["predicted"]).split() for row in rows]).astype(np.int64),
        clip_hits=column("clip_hits", np.float64),
        pair_hits=column("pair_hit", np.float64),
        num_views=column("num_views", np.int64),
        num_distinct_views=column("num_distinct_views", np.int64),
        class_names=tuple(class_names),
        groups=tuple(str(row["group"]) for row in rows),
    )


@dataclass(frozen=True, eq=False)
class PerVideo:
    """A metric as one value a video (n videos, those the metric is about).

    The metric is their mean, or with ``strata`` the mean over strata of each stratum's mean.
    """

    metric: str
    videos: tuple[str, ...]
    values: Floats  # [n]
    sources: tuple[str, ...]
    strata: NDArray[np.int64] | None = field(default=None)  # [n]

    @property
    def mean(self) -> float:
        if self.strata is None:
            return float(self.values.mean())
        return float(np.mean([self.values[self.strata == s].mean() for s in np.unique(self.strata)]))


def aggregate(scores: ViewScores, aggregation: Aggregation) -> VideoScores:
    """Mean over each video's views of their softmax or their logits, a view counting as often as listed."""
    weighted = np.zeros((len(scores.videos), scores.logits.shape[1]))  # [N, K]
    for videos, rows in _blocks(scores):
        values = scores.logits[rows].astype(np.float64)  # [R', K]
        if aggregation == "softmax_mean":
            values -= values.max(axis=1, keepdims=True)
            np.exp(values, out=values)
            values /= values.sum(axis=1, keepdims=True)
        values *= scores.counts[rows, None]
        weighted[videos] = np.add.reduceat(values, scores.first_row[videos] - rows.start)
    num_views = np.add.reduceat(scores.counts, scores.first_row)
    return VideoScores(scores.videos, weighted / num_views[:, None], num_views, scores.rows_per_video)


def clip_hits(scores: ViewScores, labels: Mapping[str, Sequence[int]]) -> Floats:
    """Fraction of each video's views whose best class is one of its labels, views counted as listed, [N]."""
    is_label = np.zeros((len(scores.videos), scores.logits.shape[1]), bool)  # [N, K]
    for n, video in enumerate(scores.videos):
        is_label[n, list(labels[video])] = True
    best = scores.logits.argmax(axis=1)  # [R]
    hits = is_label[scores.video_of_row, best] * scores.counts
    fraction: Floats = np.add.reduceat(hits, scores.first_row) / np.add.reduceat(scores.counts, scores.first_row)
    return fraction


def evaluate(
    scores: ViewScores,
    *,
    labels: Mapping[str, Sequence[int]],
    class_names: Sequence[str],
    aggregation: Aggregation,
    sources: Mapping[str, str | None] | None = None,
    class_groups: Mapping[str, str] | None = None,
    class_pairs: Mapping[str, str] | None = None,
) -> Outcome:
    """The outcome of one evaluation: views averaged to videos, compared with the labels."""
    _check_labels(scores.videos, labels, class_names)
    return judge(
        aggregate(scores, aggregation),
        labels=labels,
        class_names=class_names,
        clip_hits=clip_hits(scores, labels),
        sources=sources,
        class_groups=class_groups,
        class_pairs=class_pairs,
    )


def judge(
    scores: VideoScores,
    *,
    labels: Mapping[str, Sequence[int]],
    class_names: Sequence[str],
    clip_hits: Floats | None = None,
    sources: Mapping[str, str | None] | None = None,
    class_groups: Mapping[str, str] | None = None,
    class_pairs: Mapping[str, str] | None = None,
) -> Outcome:
    """Compare video scores with the labels (class indices per video; any of several counts as right).

    ``class_groups`` gives a class's group; ``class_pairs`` gives a class's pair, the same name for the two
    classes that are told apart within it. Of equal scores the lower class index is taken.
    """
    _check_labels(scores.videos, labels, class_names)
    partner = _partners(class_names, class_pairs or {})
    true = [tuple(labels[video]) for video in scores.videos]
    first = np.array([classes[0] for classes in true])  # [N]
    pair_hits = np.full(len(true), np.nan)
    paired = np.flatnonzero(partner[first] >= 0)
    margin = scores.scores[paired, first[paired]] - scores.scores[paired, partner[first[paired]]]
    pair_hits[paired] = (np.sign(margin) + 1) / 2
    groups = [(class_groups or {}).get(name, "") for name in class_names]
    return Outcome(
        videos=scores.videos,
        sources=tuple((sources or {}).get(video) or video for video in scores.videos),
        labels=tuple(true),
        predicted=np.argsort(-scores.scores, axis=1, kind="stable")[:, :5],
        clip_hits=np.full(len(true), np.nan) if clip_hits is None else clip_hits,
        pair_hits=pair_hits,
        num_views=scores.num_views,
        num_distinct_views=scores.num_distinct_views,
        class_names=tuple(class_names),
        groups=tuple(groups[index] for index in first),
    )


def metrics(outcome: Outcome) -> dict[str, PerVideo]:
    """Every metric the outcome allows, by name, as per-video values whose ``mean`` is the metric.

    ``clip@1``, ``video@1``, ``video@5``, ``class_mean@1`` (mean class accuracy), ``video@1/GROUP``, and
    ``pair@1``, ``pair@1/GROUP``: accuracy when only the label and its partner may be chosen, the mean over
    classes, so that chance is 0.5 and always choosing the same one of two gains nothing.
    """
    top1 = outcome.hits(1)
    classes = np.array([labels[0] for labels in outcome.labels])
    group_of = np.array(outcome.groups)
    has_pair = ~np.isnan(outcome.pair_hits)
    everyone = np.full(len(outcome.videos), True)

    def per_video(name: str, values: Floats, chosen: NDArray[np.bool_], *, by_class: bool = False) -> PerVideo:
        index = np.flatnonzero(chosen)
        return PerVideo(
            name,
            tuple(outcome.videos[n] for n in index),
            values[index],
            tuple(outcome.sources[n] for n in index),
            classes[index] if by_class else None,
        )

    found = []
    if not np.isnan(outcome.clip_hits).any():
        found.append(per_video("clip@1", outcome.clip_hits, everyone))
    found.append(per_video("video@1", top1, everyone))
    if len(outcome.class_names) > 5:
        found.append(per_video("video@5", outcome.hits(5), everyone))
    found.append(per_video("class_mean@1", top1, everyone, by_class=True))
    if has_pair.any():
        found.append(per_video("pair@1", outcome.pair_hits, has_pair, by_class=True))
    for group in sorted(set(outcome.groups) - {""}):
        inside = group_of == group
        found.append(per_video(f"video@1/{group}", top1, inside))
        if (inside & has_pair).any():
            found.append(per_video(f"pair@1/{group}", outcome.pair_hits, inside & has_pair, by_class=True))
    return {metric.metric: metric for metric in found}


def stack_runs(runs: Sequence[PerVideo]) -> Floats:
    """One metric's values of several runs, [S, N], videos in the first run's order; DataError if they differ."""
    first = runs[0]
    rows = []
    for run in runs:
        value_of = dict(zip(run.videos, run.values, strict=True))
        differing = sorted(value_of.keys() ^ set(first.videos))
        if differing:
            raise DataError(
                f"{len(differing)} videos have {first.metric} in only one of two runs: " + ", ".join(differing[:5]),
                hint="runs are compared on the same videos: evaluate both on the same data set and split",
            )
        rows.append([value_of[video] for video in first.videos])
    return np.array(rows)


def _blocks(scores: ViewScores, max_values: int = 4_000_000) -> Iterator[tuple[slice, slice]]:
    """Runs of whole videos and their rows, so that float64 copies stay small (32 MB, or one video)."""
    ends = np.append(scores.first_row[1:], len(scores.logits))
    rows_at_once = max(1, max_values // scores.logits.shape[1])
    video = 0
    while video < len(ends):
        row = int(scores.first_row[video])
        after = max(int(np.searchsorted(ends, row + rows_at_once, side="right")), video + 1)
        yield slice(video, after), slice(row, int(ends[after - 1]))
        video = after


def _check_labels(videos: Sequence[str], labels: Mapping[str, Sequence[int]], class_names: Sequence[str]) -> None:
    for video in videos:
        if not labels.get(video):
            raise DataError(f"video {video} has no label", hint="every evaluated video needs at least one")
        wrong = [index for index in labels[video] if not 0 <= index < len(class_names)]
        if wrong:
            raise DataError(f"video {video} has label {wrong[0]}", hint=f"labels are 0 to {len(class_names) - 1}")


def _partners(class_names: Sequence[str], class_pairs: Mapping[str, str]) -> NDArray[np.int64]:
    """Index of the other class of each class's pair, [K]; -1 without one."""
    members: dict[str, list[int]] = {}
    for index, name in enumerate(class_names):
        if name in class_pairs:
            members.setdefault(class_pairs[name], []).append(index)
    partner = np.full(len(class_names), -1)
    for pair, indices in members.items():
        if len(indices) != 2:
            names = ", ".join(class_names[index] for index in indices)
            raise DataError(f"pair {pair} has the classes {names}", hint="a pair has exactly two classes")
        partner[indices] = indices[::-1]
    return partner
