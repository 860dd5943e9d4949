import pytest
from hypothesis import given
from hypothesis import strategies as st

from videobench.evaluation.statistics import wilson
from videobench.tables.verdict import agreement_of, published_interval, verdict_of


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (-0.9, 0.9, "match"),
        (-1.0, 1.0, "match"),
        (0.1, 0.9, "match"),  # excludes 0, but lies within the margin
        (0.1, 1.1, "higher"),
        (-1.1, -0.1, "lower"),
        (-0.1, 1.1, "undecided"),
        (0.0, 1.1, "undecided"),
        (-5.0, 5.0, "undecided"),
        (float("-inf"), float("inf"), "undecided"),
    ],
)
def test_each_verdict_by_a_hand_made_interval(low: float, high: float, verdict: str) -> None:
    """`match` is within the margin, `higher` and `lower` exclude 0 and aren't within, the rest is undecided."""
    assert verdict_of(low, high, margin=1.0) == verdict


@pytest.mark.parametrize(
    ("low", "high", "verdict"), [(0.1, 2, "agree"), (-2, -0.1, "contradict"), (-1, 1, "undecided")]
)
def test_each_agreement_by_a_hand_made_interval(low: float, high: float, verdict: str) -> None:
    """A statement holds or fails only when the interval excludes 0."""
    assert agreement_of(low, high) == verdict


def test_at_equal_accuracy_the_difference_is_as_uncertain_as_ours_alone() -> None:
    """The published number's own error enters with the assumed correlation of one half."""
    interval = wilson(0.648 * 19_906, 19_906)
    low, high = published_interval(0.648, interval.low, interval.high, published=0.648, num_videos=19_906)
    assert high == pytest.approx((interval.high - interval.low) / 2, rel=1e-3)
    assert low == pytest.approx(-high, rel=1e-2)
    assert 0.0066 < high < 0.0067


@given(ours=st.integers(0, 200), theirs=st.integers(0, 200))
def test_the_interval_of_a_difference_holds_it_and_turns_round_with_it(ours: int, theirs: int) -> None:
    """The difference lies inside its interval; exchanging the two numbers mirrors it."""
    first, second = wilson(ours, 200), wilson(theirs, 200)
    low, high = published_interval(ours / 200, first.low, first.high, published=theirs / 200, num_videos=200)
    assert low <= (ours - theirs) / 200 <= high
    mirrored = published_interval(theirs / 200, second.low, second.high, published=ours / 200, num_videos=200)
    assert mirrored == pytest.approx((-high, -low))
