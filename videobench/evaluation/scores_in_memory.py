"""A store of scores that is forgotten afterwards: for watching a training."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from videobench.evaluation.view_scores import ViewScores, from_arrays
from videobench.evaluation.views import View


class ScoresInMemory:
    """Takes what ``predict`` writes and hands it to the metrics."""

    def __init__(self) -> None:
        self._logits: dict[tuple[str, View], NDArray[np.float32]] = {}

    def write(self, views: Sequence[tuple[str, View]], logits: NDArray[np.float32]) -> None:
        """Add the logits [R, K] of R (video, view) pairs."""
        self._logits.update(zip(views, logits, strict=True))

    def logits(self, wanted: Mapping[str, Sequence[View]]) -> ViewScores:
        """Return the logits of all wanted views, which must be there, repeated ones once with their count."""
        counted = {video: Counter(views) for video, views in wanted.items()}
        logits = {video: np.stack([self._logits[video, view] for view in views]) for video, views in counted.items()}
        return from_arrays(logits, counts=[count for views in counted.values() for count in views.values()])
