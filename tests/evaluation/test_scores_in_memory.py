"""Scores that are kept only for a look at a training."""

import numpy as np

from videobench.evaluation.scores_in_memory import ScoresInMemory
from videobench.evaluation.views import View


def test_scores_are_gathered_by_video_whatever_the_order_of_writing():
    """Views of two videos in mixed portions: each video has its own rows, counted once."""
    first, second = View(0, 8, 1, "centre", False), View(4, 8, 1, "centre", False)
    memory = ScoresInMemory()
    memory.write([("a", first), ("b", first)], np.array([[1, 0], [2, 0]], np.float32))
    memory.write([("a", second)], np.array([[3, 0]], np.float32))
    scores = memory.gathered()
    assert scores.videos == ("a", "b")
    assert scores.logits[:, 0].tolist() == [1, 3, 2]
    assert scores.first_row.tolist() == [0, 2]
    assert scores.counts.tolist() == [1, 1, 1]
