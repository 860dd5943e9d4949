"""What a number says beside another one: pure functions of an interval, all in the same unit."""

import math
from typing import Literal

from videobench.evaluation.statistics import wilson

Verdict = Literal["match", "higher", "lower", "undecided", "n/c", "pending", "unpublished"]
"""``n/c``: not comparable, the protocols differ. ``unpublished``: the paper has no number here."""

Agreement = Literal["agree", "contradict", "undecided", "pending"]

MARGIN_POINTS = 1.0
"""Two evaluations of the same weights differ by up to 0.6 points (P1's own release): less than that is no news."""

CORRELATION = 0.5
"""Assumed correlation of two networks' errors on the same videos, where only one's outcomes are known."""


def verdict_of(low: float, high: float, *, margin: float) -> Verdict:
    """Judge the 95 % interval of ours - published."""
    if -margin <= low and high <= margin:
        return "match"
    if low > 0:
        return "higher"
    return "lower" if high < 0 else "undecided"


def agreement_of(low: float, high: float) -> Agreement:
    """Judge the 95 % interval of better - worse for a statement that one lies above the other."""
    if low > 0:
        return "agree"
    return "contradict" if high < 0 else "undecided"


def published_interval(
    ours: float, low: float, high: float, *, published: float, num_videos: int
) -> tuple[float, float]:
    """The 95 % interval of ours - published; all arguments are fractions.

    The published number has a sampling error too (binomial: Wilson's interval at ``num_videos``), but it comes
    from the very same test videos as ours, so the two errors aren't independent. Adding them as if they were
    would make `match` all but impossible on Kinetics (+-0.94 points of the allowed 1.0); leaving theirs out would
    be no better founded. The two intervals are combined by the method of variance estimates recovery (Zou and
    Donner 2008) with the correlation ``CORRELATION``. Two trainings of one network agree more than that, so the
    interval errs on the wide side. At equal accuracy it is as wide as ours alone. What another seed of theirs
    would have given isn't known and isn't covered.
    """
    theirs = wilson(published * num_videos, num_videos)
    difference = ours - published
    below = _combined(ours - low, theirs.high - published)
    above = _combined(high - ours, published - theirs.low)
    return difference - below, difference + above


def _combined(first: float, second: float) -> float:
    return math.sqrt(first**2 + second**2 - 2 * CORRELATION * first * second)
