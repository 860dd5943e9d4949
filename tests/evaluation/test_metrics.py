"""Aggregation and metrics against computations by hand."""

import csv
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from videobench.errors import DataError
from videobench.evaluation import metrics as metrics_module
from videobench.evaluation.metrics import (
    VideoScores,
    aggregate,
    clip_hits,
    evaluate,
    judge,
    metrics,
    outcome_from_rows,
    stack_runs,
)
from videobench.evaluation.view_scores import ViewScores, from_arrays

CLASSES = ("left", "right", "disc")
PAIRS = {"left": "sideways", "right": "sideways"}
GROUPS = {"left": "motion", "right": "motion", "disc": "appearance"}


def video_scores(scores):
    """Videos v0, v1, ... with the given scores, one view each."""
    ones = np.ones(len(scores), np.int64)
    return VideoScores(tuple(f"v{n}" for n in range(len(scores))), np.array(scores, np.float64), ones, ones)


def view_scores():
    """Video a: one view counted twice and another; video b: a single view."""
    return ViewScores(
        videos=("a", "b"),
        logits=np.array([[0, 0, np.log(2)], [np.log(8), 0, 0], [0, 5, 0]], np.float32),
        first_row=np.array([0, 2]),
        counts=np.array([2, 1, 1]),
    )


def test_softmax_mean_by_hand():
    """Softmaxes (1/4 1/4 1/2) twice and (8/10 1/10 1/10) once."""
    result = aggregate(view_scores(), "softmax_mean")
    expected = (2 * np.array([0.25, 0.25, 0.5]) + np.array([0.8, 0.1, 0.1])) / 3
    np.testing.assert_allclose(result.scores[0], expected, rtol=1e-6)
    np.testing.assert_allclose(result.scores.sum(axis=1), 1, rtol=1e-12)
    assert result.num_views.tolist() == [3, 1]
    assert result.num_distinct_views.tolist() == [2, 1]


def test_logit_mean_by_hand_and_where_it_differs():
    """Means of logits prefer class 0 (log 8 / 3 > 2 log 2 / 3), as do those of softmaxes, by other amounts."""
    result = aggregate(view_scores(), "logit_mean")
    np.testing.assert_allclose(result.scores[0], [np.log(8) / 3, 0, 2 * np.log(2) / 3], rtol=1e-6)
    np.testing.assert_allclose(result.scores[1], [0, 5, 0])


def test_clip_hits_count_repeated_views():
    """Video a's doubled view says class 2, its other view class 0."""
    assert clip_hits(view_scores(), {"a": [2], "b": [1]}).tolist() == pytest.approx([2 / 3, 1])
    assert clip_hits(view_scores(), {"a": [0], "b": [0]}).tolist() == pytest.approx([1 / 3, 0])
    assert clip_hits(view_scores(), {"a": [0, 2], "b": [0, 2]}).tolist() == [1, 0]


def test_large_logits_do_not_overflow():
    """A softmax of logits near 1000 is still a softmax."""
    scores = aggregate(from_arrays({"a": np.array([[1000, 999, 0]], np.float32)}), "softmax_mean").scores
    np.testing.assert_allclose(scores[0], [1 / (1 + np.exp(-1)), 1 / (1 + np.e), 0], atol=1e-12)


@given(st.lists(st.integers(1, 7), min_size=1, max_size=20), st.integers(1, 60))
def test_aggregation_does_not_depend_on_blocks(views_per_video, max_values):
    """Any block size gives every video the mean of its own rows."""
    generator = np.random.default_rng(sum(views_per_video))
    arrays = {f"v{n}": generator.normal(size=(views, 3)).astype(np.float32) for n, views in enumerate(views_per_video)}
    scores = from_arrays(arrays)
    with pytest.MonkeyPatch.context() as patch:
        blocks = metrics_module._blocks
        patch.setattr(metrics_module, "_blocks", lambda scores: blocks(scores, max_values))
        result = aggregate(scores, "logit_mean").scores
    expected = [array.astype(np.float64).mean(axis=0) for array in arrays.values()]
    np.testing.assert_allclose(result, np.stack(expected), rtol=1e-9, atol=1e-12)


def test_all_metrics_by_hand():
    """Seven videos of three classes; groups, pairs and classes each with their own mean."""
    scores = video_scores(
        [
            [5, 1, 0],  # left: right
            [1, 5, 0],  # left: wrong, also within the pair
            [2, 1, 3],  # left: wrong, but ahead within the pair
            [4, 1, 0],  # left: right
            [5, 1, 0],  # right: wrong
            [0, 1, 9],  # right: wrong, but ahead within the pair
            [0, 0, 1],  # disc: right
        ]
    )
    labels = {"v0": [0], "v1": [0], "v2": [0], "v3": [0], "v4": [1], "v5": [1], "v6": [2]}
    outcome = judge(scores, labels=labels, class_names=CLASSES, class_groups=GROUPS, class_pairs=PAIRS)
    values = {name: metric.mean for name, metric in metrics(outcome).items()}
    assert values == pytest.approx(
        {
            "video@1": 3 / 7,
            "class_mean@1": (2 / 4 + 0 / 2 + 1 / 1) / 3,
            "pair@1": (3 / 4 + 1 / 2) / 2,
            "video@1/appearance": 1,
            "video@1/motion": 2 / 6,
            "pair@1/motion": (3 / 4 + 1 / 2) / 2,
        }
    )
    assert outcome.pair_hits[:6].tolist() == [1, 0, 1, 1, 0, 1]
    assert np.isnan(outcome.pair_hits[6])


def test_always_choosing_the_same_class_is_chance_within_pairs():
    """Three videos of one class and one of the other: 3/4 of the videos, but 1/2 when balanced; a tie is 1/2."""
    labels = {"v0": [0], "v1": [0], "v2": [0], "v3": [1]}
    constant = judge(video_scores([[1, 0, 0]] * 4), labels=labels, class_names=CLASSES, class_pairs=PAIRS)
    assert metrics(constant)["video@1"].mean == 0.75
    assert metrics(constant)["pair@1"].mean == 0.5
    tied = judge(video_scores([[0, 0, 1]] * 4), labels=labels, class_names=CLASSES, class_pairs=PAIRS)
    assert tied.pair_hits.tolist() == [0.5] * 4


def test_top_five_and_any_of_the_labels():
    """Of seven classes the five best count; a video with two labels is right with either."""
    scores = video_scores([[7, 6, 5, 4, 3, 2, 1]] * 4)
    labels = {"v0": [4], "v1": [5], "v2": [5, 0], "v3": [6, 3]}
    outcome = judge(scores, labels=labels, class_names=list("abcdefg"))
    assert outcome.predicted.tolist() == [[0, 1, 2, 3, 4]] * 4
    assert outcome.hits(1).tolist() == [0, 0, 1, 0]
    assert outcome.hits(5).tolist() == [1, 0, 1, 1]
    assert metrics(outcome)["video@5"].mean == 0.75


def test_clip_accuracy_is_the_mean_over_all_views():
    """Two videos with the same number of views: mean of 2/3 and 1; no clip@1 without views of one network."""
    settings = {"labels": {"a": [2], "b": [1]}, "class_names": CLASSES}
    outcome = evaluate(view_scores(), aggregation="softmax_mean", **settings)
    assert metrics(outcome)["clip@1"].mean == pytest.approx((2 / 3 + 1) / 2)
    assert outcome.num_distinct_views.tolist() == [2, 1]
    assert "clip@1" not in metrics(judge(aggregate(view_scores(), "logit_mean"), **settings))


def test_a_video_without_source_is_its_own():
    """Sources are clusters for the statistics."""
    outcome = judge(
        video_scores([[1, 0, 0]] * 3),
        labels={"v0": [0], "v1": [0], "v2": [0]},
        class_names=CLASSES,
        sources={"v0": "g01", "v1": None},
    )
    assert outcome.sources == ("g01", "v1", "v2")


def test_rows_survive_a_csv_file():
    """An outcome written as CSV and read back gives the same metrics to the last digit."""
    labels = {"a": [2, 0], "b": [1]}
    outcome = evaluate(
        view_scores(),
        labels=labels,
        class_names=CLASSES,
        aggregation="softmax_mean",
        sources={"a": "g01"},
        class_groups=GROUPS,
        class_pairs=PAIRS,
    )
    file = io.StringIO()
    rows = outcome.to_rows()
    writer = csv.DictWriter(file, rows[0])
    writer.writeheader()
    writer.writerows(rows)
    file.seek(0)
    again = outcome_from_rows(list(csv.DictReader(file)), CLASSES)
    assert again.to_rows()[1] == rows[1]
    assert (again.labels, again.sources) == (((2, 0), (1,)), ("g01", "b"))
    assert {name: metric.mean for name, metric in metrics(again).items()} == {
        name: metric.mean for name, metric in metrics(outcome).items()
    }
    assert [row["video_hit"] for row in rows] == [1, 1]


def test_runs_are_aligned_by_video():
    """The second run has the same videos in another order; one that lacks a video is refused by name."""
    labels = {"v0": [0], "v1": [1], "v2": [2]}
    first = judge(video_scores([[1, 0, 0], [1, 0, 0], [0, 0, 1]]), labels=labels, class_names=CLASSES)
    ones = np.ones(3, np.int64)
    turned = VideoScores(("v2", "v0", "v1"), np.eye(3)[[2, 1, 1]], ones, ones)
    second = judge(turned, labels=labels, class_names=CLASSES)
    runs = [metrics(outcome)["video@1"] for outcome in (first, second)]
    assert stack_runs(runs).tolist() == [[1, 0, 1], [0, 1, 1]]
    fewer = judge(video_scores([[1, 0, 0], [1, 0, 0]]), labels=labels, class_names=CLASSES)
    with pytest.raises(DataError, match=r"1 videos have video@1 in only one of two runs: v2"):
        stack_runs([runs[0], metrics(fewer)["video@1"]])


@pytest.mark.parametrize(
    ("labels", "message"),
    [({"v0": [0]}, "v1 has no label"), ({"v0": [0], "v1": [3]}, r"v1 has label 3\nlabels are 0 to 2")],
)
def test_missing_and_impossible_labels_are_named(labels, message):
    """A video without a label is an error, never a wrong or a right answer."""
    with pytest.raises(DataError, match=message):
        judge(video_scores([[1, 0, 0]] * 2), labels=labels, class_names=CLASSES)


def test_a_pair_has_two_classes():
    """Three classes in a pair, or one, are named."""
    with pytest.raises(DataError, match="pair p has the classes left, right, disc"):
        judge(
            video_scores([[1, 0, 0]]),
            labels={"v0": [0]},
            class_names=CLASSES,
            class_pairs=dict.fromkeys(CLASSES, "p"),
        )
