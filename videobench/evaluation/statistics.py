"""Intervals, paired differences and tests for metrics that are means over videos.

A metric is the mean of one value a video, or with ``strata`` the mean over strata of each stratum's mean:
mean class accuracy (strata are classes) and the mean over several test splits (strata are splits) are both of
that kind. ``clusters`` name what is drawn together: videos cut from one source, or one video that several
splits hold. Values may have a leading axis of seeds: S runs, N videos. Random numbers come from fixed seeds.
"""

import math
import statistics
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from videobench.evaluation.student_t import student_t_quantile

Floats = NDArray[np.float64]
Covers = Literal["videos", "videos and seeds"]

CONFIDENCE = 0.95
_BLOCK = 4_000_000  # counts held at once
MIN_SEEDS = 3  # from here on an interval can say something about seeds


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
    test: Literal["mcnemar", "bootstrap", "t"]


def mean(
    values: Floats,
    *,
    clusters: Sequence[Hashable] | None = None,
    strata: Sequence[Hashable] | NDArray[np.int64] | None = None,
) -> Mean:
    """Mean and interval of values [N] or [S, N].

    Right-or-wrong values of independent videos get Wilson's interval (it stays honest near 0 and 1), others a
    bootstrap over videos or clusters; three or more seeds a t interval that covers videos and seeds. Seeds that are
    right (or wrong) on every video show no spread at all, which isn't certainty: they get the interval of one seed.
    """
    design = _design(values, clusters, strata)
    means = design.means(design.values)  # [S]
    centre, num_seeds = float(means.mean()), len(means)
    varies = bool((design.values != design.values.flat[0]).any())
    if num_seeds >= MIN_SEEDS and varies:
        half = _error(design).half_width((1 - CONFIDENCE) / 2)
        interval = Interval(centre - half, centre + half, "videos and seeds", "t over seeds and videos")
    else:
        interval = _video_interval(design)
    sd = float(means.std(ddof=1)) if num_seeds > 1 else None
    return Mean(centre, sd, num_seeds, design.values.shape[1], interval)


def difference(
    first: Floats,
    second: Floats,
    *,
    clusters: Sequence[Hashable] | None = None,
    strata: Sequence[Hashable] | NDArray[np.int64] | None = None,
) -> Difference:
    """Difference of two runs (or sets of runs), paired by video and, row by row, by seed.

    With three or more seeds the error combines seeds and videos and the test is a t test. A bootstrap that
    also draws seeds would cover too little: three seeds drawn from three show two thirds of their variance.
    """
    if first.shape != second.shape:
        raise ValueError(f"runs of shapes {first.shape} and {second.shape} cannot be paired")
    design = _design(first - second, clusters, strata)
    value = float(design.means(design.values).mean())
    if len(design.values) >= MIN_SEEDS:
        error = _error(design)
        half = error.half_width((1 - CONFIDENCE) / 2)
        interval = Interval(value - half, value + half, "videos and seeds", "t over seeds and videos")
        return Difference(value, interval, error.p_value(value), "t")
    if not design.values.any():
        # No video differs: all that can be said is how rarely they do.
        bound = wilson(0, design.num_clusters).high
        interval = Interval(-bound, bound, "videos", "wilson, no video differs")
        return Difference(0.0, interval, 1.0, "mcnemar")
    means = _bootstrap_means(design)
    interval = _percentile_interval(means, design.num_clusters)
    if len(design.values) == 1 and design.independent and _all_hits(first) and _all_hits(second):
        return Difference(value, interval, mcnemar(first, second), "mcnemar")
    tail = min(np.count_nonzero(means <= 0), np.count_nonzero(means >= 0))
    return Difference(value, interval, min(1.0, 2 * (tail + 1) / (len(means) + 1)), "bootstrap")


def over_splits(
    values: Sequence[Floats],
    videos: Sequence[Sequence[str]],
    sources: Sequence[Sequence[str]] | None = None,
) -> tuple[Floats, list[str], list[int]]:
    """Several splits' values, [N_k] or [S, N_k] each, as the (values, clusters, strata) of their mean.

    A video that several splits test is one cluster, so it is drawn for all of them or for none: HMDB51's
    three test splits share a tenth of their videos. Sources, where given, take the place of the videos.
    """
    clusters = [cluster for split in sources or videos for cluster in split]
    strata = [number for number, split in enumerate(videos) for _ in split]
    return np.concatenate(values, axis=-1), clusters, strata


def wilson(hits: float, num_trials: int) -> Interval:
    """Wilson's score interval for ``hits`` successes in independent trials."""
    z = statistics.NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
    share = hits / num_trials
    shrink = 1 + z * z / num_trials
    centre = (share + z * z / (2 * num_trials)) / shrink
    half = z / shrink * math.sqrt(share * (1 - share) / num_trials + z * z / (4 * num_trials**2))
    low, high = max(0.0, centre - half), min(1.0, centre + half)
    return Interval(0.0 if hits == 0 else low, 1.0 if hits == num_trials else high, "videos", "wilson")


def bootstrap(
    values: Floats,
    *,
    clusters: Sequence[Hashable] | None = None,
    strata: Sequence[Hashable] | NDArray[np.int64] | None = None,
    num_resamples: int = 2000,
    seed: int = 0,
) -> Interval:
    """Percentile interval of the mean over videos, clusters drawn whole; seeds are averaged first."""
    design = _design(values, clusters, strata)
    return _percentile_interval(_bootstrap_means(design, num_resamples, seed), design.num_clusters)


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


@dataclass(frozen=True, eq=False)
class _Design:
    """Values [S, N] with the cluster (of G) and the stratum (of M) of every column."""

    values: Floats
    cluster: NDArray[np.int64]  # [N]
    stratum: NDArray[np.int64]  # [N]
    num_clusters: int
    num_strata: int

    @property
    def independent(self) -> bool:
        """Whether every video is a cluster of its own and the metric is a plain mean."""
        return self.num_clusters == self.values.shape[1] and self.num_strata == 1

    def means(self, values: Floats) -> Floats:
        """The metric of each row of values, [S]."""
        weights = 1 / (self.num_strata * np.bincount(self.stratum)[self.stratum])  # [N]
        result: Floats = values @ weights
        return result


def _design(
    values: Floats,
    clusters: Sequence[Hashable] | None,
    strata: Sequence[Hashable] | NDArray[np.int64] | None,
) -> _Design:
    rows = np.atleast_2d(np.asarray(values, np.float64))
    num_videos = rows.shape[1]
    if num_videos == 0:
        raise ValueError("no videos")
    cluster = np.arange(num_videos) if clusters is None else _codes(clusters)
    stratum = np.zeros(num_videos, np.int64) if strata is None else _codes(strata)
    if len(cluster) != num_videos or len(stratum) != num_videos:
        raise ValueError(f"{num_videos} videos, {len(cluster)} clusters, {len(stratum)} strata")
    return _Design(rows, cluster, stratum, int(cluster.max()) + 1, int(stratum.max()) + 1)


def _codes(names: Sequence[Hashable] | NDArray[np.int64]) -> NDArray[np.int64]:
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(name, len(numbers)) for name in names], np.int64)


def _all_hits(values: Floats) -> bool:
    return bool(((values == 0) | (values == 1)).all())


def _video_interval(design: _Design) -> Interval:
    """Interval that covers videos only: of the values averaged over seeds."""
    averaged = design.values.mean(axis=0)
    if _all_hits(averaged):
        if design.independent:
            return wilson(float(averaged.sum()), len(averaged))
        if averaged.min() == averaged.max():
            # Every resample is the same; as many trials as clusters is the cautious reading.
            limits = wilson(float(averaged[0]) * design.num_clusters, design.num_clusters)
            return Interval(limits.low, limits.high, "videos", "wilson over clusters")
    return _percentile_interval(_bootstrap_means(design), design.num_clusters)


def _bootstrap_means(design: _Design, num_resamples: int = 2000, seed: int = 0) -> Floats:
    """The metric in each of R resamples of whole clusters, [R]."""
    groups = design.num_clusters
    cell = design.cluster * design.num_strata + design.stratum  # [N]
    shape = (groups, design.num_strata)
    averaged = design.values.mean(axis=0)
    totals = np.bincount(cell, averaged, minlength=groups * design.num_strata).reshape(shape)  # [G, M]
    sizes = np.bincount(cell, minlength=groups * design.num_strata).reshape(shape).astype(np.float64)
    means = np.empty(num_resamples)
    for first, counts in _resamples(groups, num_resamples, seed):
        part = means[first : first + len(counts)]
        with np.errstate(invalid="ignore"):  # a stratum nobody was drawn from has no mean and is left out
            part[:] = np.nanmean((counts @ totals) / (counts @ sizes), axis=1)
    return means


def _resamples(groups: int, num_resamples: int, seed: int) -> Iterator[tuple[int, Floats]]:
    """Yield (number of the first, how often each resample draws each group [R', G]), in blocks of some 30 MB."""
    if groups * num_resamples <= _BLOCK:
        yield 0, _small_resamples(groups, num_resamples, seed)
        return
    generator = np.random.default_rng(seed)
    block = max(1, _BLOCK // groups)
    for first in range(0, num_resamples, block):
        yield first, _draw(generator, min(block, num_resamples - first), groups)


@lru_cache(maxsize=4)
def _small_resamples(groups: int, num_resamples: int, seed: int) -> Floats:
    """A table draws the same resamples for every cell and comparison; drawing them is most of the work."""
    return _draw(np.random.default_rng(seed), num_resamples, groups)


def _draw(generator: np.random.Generator, num_resamples: int, groups: int) -> Floats:
    drawn = generator.integers(0, groups, (num_resamples, groups), np.int32)  # [R, G]
    drawn += np.arange(0, drawn.size, groups, dtype=np.int32)[:, None]
    return np.bincount(drawn.ravel(), minlength=drawn.size).reshape(drawn.shape).astype(np.float64)


def _percentile_interval(means: Floats, num_clusters: int) -> Interval:
    """Percentile interval, its levels widened as a t interval would be: few clusters vary too little."""
    if num_clusters < 2:
        return Interval(-math.inf, math.inf, "videos", "one cluster: no interval")
    t = student_t_quantile((1 + CONFIDENCE) / 2, num_clusters - 1)
    level = statistics.NormalDist().cdf(-t * math.sqrt(num_clusters / (num_clusters - 1)))
    low, high = np.quantile(means, [level, 1 - level])
    return Interval(float(low), float(high), "videos", "bootstrap")


@dataclass(frozen=True)
class _Error:
    """Variance of a mean over seeds and videos, in two parts with their degrees of freedom."""

    seeds: float
    seeds_freedom: int
    videos: float
    videos_freedom: int

    def half_width(self, tail: float) -> float:
        """Half the interval that leaves ``tail`` on either side, each part with its own t quantile.

        One t with pooled (Satterthwaite) degrees of freedom would be too short: three seeds that happen to
        agree hide their variance and pass the videos' many degrees of freedom off as theirs. In simulations
        that covered 90 % with three seeds and 1,300 videos; this covers 94 to 98 %.
        """
        if self.videos_freedom < 1:
            return math.inf
        from_seeds = student_t_quantile(1 - tail, self.seeds_freedom) ** 2 * self.seeds
        return math.sqrt(from_seeds + student_t_quantile(1 - tail, self.videos_freedom) ** 2 * self.videos)

    def p_value(self, value: float) -> float:
        """Two-sided p of ``value`` against 0: the level whose interval just reaches it (not below 1e-9)."""
        low, high = 1e-9, 1.0
        if value == 0:
            return 1.0
        if self.half_width(low / 2) < abs(value):
            return low
        while high > 1.0001 * low:
            middle = math.sqrt(low * high)
            if self.half_width(middle / 2) < abs(value):
                high = middle
            else:
                low = middle
        return high


def _error(design: _Design) -> _Error:
    """The error of the mean over seeds and videos, which are crossed and both random.

    The variance of the seeds' means and the clusters' variance of the seed-averaged values each contain what
    is particular to one seed on one video; it stays with the seeds and is taken out of the videos' part.
    """
    num_seeds, groups = len(design.values), design.num_clusters
    seeds = float(design.means(design.values).var(ddof=1)) / num_seeds
    # Each cluster's contribution to the metric's deviation, per seed; they sum to zero over clusters.
    size = np.bincount(design.stratum)
    pull = np.empty((num_seeds, groups))  # [S, G]
    for row, values in zip(pull, design.values, strict=True):
        stratum_mean = np.bincount(design.stratum, values) / size  # [M]
        deviation = (values - stratum_mean[design.stratum]) / (design.num_strata * size[design.stratum])
        row[:] = np.bincount(design.cluster, deviation, minlength=groups)
    averaged = pull.mean(axis=0)
    together = float((averaged**2).sum())
    particular = float(((pull - averaged) ** 2).sum()) / (num_seeds - 1) / num_seeds
    correction = groups / max(groups - 1, 1)
    return _Error(seeds, num_seeds - 1, correction * max(together - particular, 0), groups - 1)
