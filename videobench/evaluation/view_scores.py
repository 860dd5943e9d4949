"""The scores of a protocol's views, video by video: what the store hands to the metrics."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class ViewScores:
    """Logits of every distinct view of every video (R views in all, N videos, K classes).

    The rows of a video stand together, videos in the order of ``videos``; each video has at least one.
    """

    videos: tuple[str, ...]  # [N]
    logits: NDArray[np.float32]  # [R, K]
    first_row: NDArray[np.int64]  # [N], ascending
    counts: NDArray[np.int64]  # [R], how often the protocol counts the view

    @property
    def rows_per_video(self) -> NDArray[np.int64]:
        """Number of distinct views of each video, [N]."""
        return np.diff(self.first_row, append=len(self.logits))

    @property
    def video_of_row(self) -> NDArray[np.int64]:
        """Index of the video each row belongs to, [R]."""
        return np.repeat(np.arange(len(self.videos)), self.rows_per_video)


def from_arrays(logits: Mapping[str, NDArray[np.float32]], counts: Sequence[int] | None = None) -> ViewScores:
    """Scores from one array [V, K] per video, each row counted once or as often as ``counts`` [R] says."""
    rows = [np.asarray(array, np.float32) for array in logits.values()]
    first_row = np.cumsum([0, *map(len, rows)], dtype=np.int64)
    counted = np.ones(first_row[-1], np.int64) if counts is None else np.array(counts, np.int64)
    return ViewScores(tuple(logits), np.concatenate(rows), first_row[:-1], counted)
