"""The loss of a network on whole videos, for a training that watches it."""

from collections.abc import Mapping, Sequence

import numpy as np

from videobench.evaluation.view_scores import ViewScores


def cross_entropy(scores: ViewScores, labels: Mapping[str, Sequence[int]]) -> float:
    """Mean over the videos of the mean over each one's views, a view counting as often as listed.

    Of a video with several labels it is the mean over them: training draws one at a time.
    """
    logits = scores.logits.astype(np.float64)  # [R, K]
    highest = logits.max(axis=1)  # [R]
    normaliser = highest + np.log(np.exp(logits - highest[:, None]).sum(axis=1))  # [R]
    of_row = [labels[scores.videos[video]] for video in scores.video_of_row]
    of_labels = np.array([row[list(right)].mean() for row, right in zip(logits, of_row, strict=True)])  # [R]
    summed = np.add.reduceat((normaliser - of_labels) * scores.counts, scores.first_row)  # [N]
    return float(np.mean(summed / np.add.reduceat(scores.counts, scores.first_row)))
