"""A store of scores that is forgotten afterwards: for watching a training."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from videobench.evaluation.view_scores import ViewScores, from_arrays
from videobench.evaluation.views import View


class ScoresInMemory:
    """Takes what ``predict`` writes and hands it to the metrics."""

    def __init__(self) -> None:
        self._logits: dict[str, list[NDArray[np.float32]]] = {}

    def write(self, views: Sequence[tuple[str, View]], logits: NDArray[np.float32]) -> None:
        """Add the logits [R, K] of R (video, view) pairs."""
        for (video, _), row in zip(views, logits, strict=True):
            self._logits.setdefault(video, []).append(row)

    def gathered(self) -> ViewScores:
        """Return the scores of all videos, every view counted once."""
        return from_arrays({video: np.stack(rows) for video, rows in self._logits.items()})
