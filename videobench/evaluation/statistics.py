"""Intervals, paired differences and tests for metrics that are means over videos of fractions in [0, 1].

A metric is the mean of one value a video, or with ``strata`` the mean over strata of each stratum's mean:
mean class accuracy (strata are classes) and the mean over several test splits (strata are splits) are both of
that kind. ``clusters`` name what is drawn together: videos cut from one source, or one video that several
splits hold. Values may have a leading axis of seeds: S runs, N videos. Random numbers come from fixed seeds.
docs/statistics.md says how often each interval and test errs, by simulation.
"""

import math
import statistics
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from videobench.evaluation.sampling_error import MIN_SEEDS, Design, Error, Floats, design_of, error_of

Covers = Literal["videos", "videos and seeds"]
Test = Literal["mcnemar", "bootstrap", "t"]

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Interval:
    """A 95 % confidence interval, what would vary if it were repeated, and how it was computed."""

    low: float
    high: float
    covers: Covers
    method: str


@dataclass(frozen=True)
class Mean:
    """A metric: its mean over seeds, their standard deviation (None for one seed), and its interval."""

    value: float
    sd: float | None
    num_seeds: int
    num_videos: int
    interval: Interval


@dataclass(frozen=True)
class Difference:
    """The first minus the second of two runs on the same videos; ``p`` two-sided, by ``test``."""

    value: float
    interval: Interval
    p: float
    test: Test


def mean(
    values: Floats,
    *,
    clusters: Sequence[Hashable] | None = None,
    strata: Sequence[Hashable] | NDArray[np.int64] | None = None,
) -> Mean:
    """Mean and interval of values [N] or [S, N].

    Right-or-wrong values of independent videos get Wilson's interval, which is honest near 0 and 1 too. Others get one
    of its shape and of a t interval's width: over videos or clusters by their bootstrap's standard error, from three
    seeds up over seeds and videos. Values that are all right (or all wrong) show no spread, which isn't certainty:
    they get Wilson's interval for as many trials as there are clusters.
    """
    design = design_of(values, clusters, strata)
    means = design.means  # [S]
    sd = float(means.std(ddof=1)) if len(means) > 1 else None
    return Mean(float(means.mean()), sd, len(means), design.values.shape[1], _interval(design))


def difference(
    first: Floats,
    second: Floats,
    *,
    clusters: Sequence[Hashable] | None = None,
    strata: Sequence[Hashable] | NDArray[np.int64] | None = None,
) -> Difference:
    """Difference of two runs (or sets of runs), paired by video and, row by row, by seed.

    The hits of independent videos get Agresti and Min's interval and McNemar's p. Others get a t interval: by the
    standard error of a bootstrap over videos or clusters, from three seeds up by one that combines seeds and videos
    (a bootstrap that also draws seeds would cover too little: three seeds drawn from three show two thirds of their
    variance); p is the level at which it just reaches 0.
    """
    if first.shape != second.shape:
        raise ValueError(f"runs of shapes {first.shape} and {second.shape} cannot be paired")
    design = design_of(first - second, clusters, strata)
    by_hits = len(design.values) == 1 and design.independent and _all_hits(first) and _all_hits(second)
    test: Test = "mcnemar" if by_hits else "t" if len(design.values) >= MIN_SEEDS else "bootstrap"
    if not design.values.any():
        # No video differs: all that can be said is how rarely they do.
        bound = wilson(0, design.effective_clusters).high
        return Difference(0.0, Interval(-bound, bound, "videos", "wilson, no video differs"), 1.0, test)
    value = float(design.means.mean())
    if by_hits:
        return Difference(value, _difference_of_hits(design.values[0]), mcnemar(first, second), test)
    error = error_of(design)
    half = error.half_width((1 - CONFIDENCE) / 2)
    return Difference(value, _of_error(value - half, value + half, error), error.p_value(value), test)


def wilson(hits: float, num_trials: float) -> Interval:
    """Wilson's score interval for ``hits`` successes in independent trials."""
    z = statistics.NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
    low, high = _wilson_bounds(hits / num_trials, z * z / num_trials)
    return Interval(0.0 if hits == 0 else low, 1.0 if hits == num_trials else high, "videos", "wilson")


def _wilson_bounds(share: float, pull: float) -> tuple[float, float]:
    """Wilson's bounds; ``pull`` is the squared quantile over the number of trials, what draws them to one half."""
    centre = (share + pull / 2) / (1 + pull)
    half = math.sqrt(pull * share * (1 - share) + pull * pull / 4) / (1 + pull)
    return max(0.0, centre - half), min(1.0, centre + half)


def _difference_of_hits(differences: Floats) -> Interval:
    """Agresti and Min's (2005) interval for values of -1, 0 and 1 of independent videos.

    It is the normal one after each of the four ways in which two runs can be right and wrong has been seen half a
    video more often, which keeps it honest where few videos differ.
    """
    num_videos = len(differences) + 2
    centre = float(differences.sum()) / num_videos
    variance = (np.count_nonzero(differences) + 1) / num_videos - centre**2
    half = statistics.NormalDist().inv_cdf((1 + CONFIDENCE) / 2) * math.sqrt(variance / num_videos)
    return Interval(centre - half, centre + half, "videos", "agresti-min")


def mcnemar(first: Floats, second: Floats) -> float:
    """Exact two-sided p of McNemar's test for two runs' hits (0 or 1) on the same independent videos."""
    only_first = int(np.count_nonzero(first > second))
    num_differing = only_first + int(np.count_nonzero(second > first))
    fewer = min(only_first, num_differing - only_first)
    ways = tail = 1
    for k in range(1, fewer + 1):
        ways = ways * (num_differing - k + 1) // k  # num_differing over k
        tail += ways
    return float(min(1.0, 2 * tail / 2**num_differing))  # exact integers: no overflow in this division


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's adjusted p values, in the order given: reject where they are at most the level."""
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = largest
    return adjusted


def _all_hits(values: Floats) -> bool:
    return bool(((values == 0) | (values == 1)).all())


def _interval(design: Design) -> Interval:
    """The interval of a metric, a mean of fractions."""
    averaged = design.averaged
    if (design.values == design.values.flat[0]).all():
        limits = wilson(float(averaged[0]) * design.effective_clusters, design.effective_clusters)
        return limits if design.independent else replace(limits, method="wilson over clusters")
    if len(design.values) < MIN_SEEDS and design.independent and _all_hits(averaged):
        return wilson(float(averaged.sum()), len(averaged))
    share, error = float(design.means.mean()), error_of(design)
    half = error.half_width((1 - CONFIDENCE) / 2)
    # Wilson's interval for as many independent trials as would leave this error
    low, high = _wilson_bounds(share, half**2 / (share * (1 - share))) if math.isfinite(half) else (-half, half)
    return _of_error(low, high, error)


def _of_error(low: float, high: float, error: Error) -> Interval:
    if math.isinf(low):
        return Interval(low, high, "videos", "one cluster: no interval")
    if error.seeds_freedom:
        return Interval(low, high, "videos and seeds", "t over seeds and videos")
    return Interval(low, high, "videos", "bootstrap")
