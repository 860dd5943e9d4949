"""Scores that are kept only for a look at a training."""

import numpy as np

from videobench.evaluation.scores_in_memory import ScoresInMemory
from videobench.evaluation.views import View

FIRST, SECOND = View(0, 8, 1, "centre", False), View(4, 8, 1, "centre", False)


def test_scores_are_gathered_by_video_whatever_the_order_of_writing() -> None:
    """Views of two videos in mixed portions: each video has its own rows, in the order they are wanted."""
    memory = ScoresInMemory()
    memory.write([("a", FIRST), ("b", FIRST)], np.array([[1, 0], [2, 0]], np.float32))
    memory.write([("a", SECOND)], np.array([[3, 0]], np.float32))
    scores = memory.logits({"b": [FIRST], "a": [FIRST, SECOND]})
    assert scores.videos == ("b", "a")
    assert scores.logits[:, 0].tolist() == [2, 1, 3]
    assert scores.first_row.tolist() == [0, 1]
    assert scores.counts.tolist() == [1, 1, 1]


def test_a_view_counts_as_often_as_it_is_wanted() -> None:
    """The clips of a short video that coincide are one row, as in the store of scores."""
    memory = ScoresInMemory()
    memory.write([("a", FIRST), ("a", SECOND)], np.array([[1, 0], [3, 0]], np.float32))
    scores = memory.logits({"a": [FIRST, FIRST, SECOND]})
    assert scores.logits[:, 0].tolist() == [1, 3]
    assert scores.counts.tolist() == [2, 1]
