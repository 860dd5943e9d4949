"""Statistics against known values and, where it matters, against the coverage they promise."""

from dataclasses import replace

import numpy as np
import pytest

from videobench.evaluation.statistics import difference, holm, mcnemar, mean, wilson


def generator(seed=0):
    return np.random.default_rng(seed)


def half_width(interval):
    return (interval.high - interval.low) / 2


# Known values


def test_wilson_known_values():
    """Newcombe (1998), Table I: 81/263, 15/148, 0/20 and 1/29 by the score method without continuity correction."""
    for hits, trials, low, high in [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ]:
        interval = wilson(hits, trials)
        assert (interval.low, interval.high) == pytest.approx((low, high), abs=5e-5)
    assert wilson(20, 20).high == 1


def test_mcnemar_known_values():
    """Exact binomial: 1 against 9 is 2 (1 + 10) / 1024; an even score or none is 1."""
    first = np.array([1] * 1 + [0] * 9 + [1] * 30 + [0] * 5, float)
    second = np.array([0] * 1 + [1] * 9 + [1] * 30 + [0] * 5, float)
    assert mcnemar(first, second) == pytest.approx(22 / 1024)
    assert mcnemar(second, first) == mcnemar(first, second)
    assert mcnemar(np.array([1.0, 0]), np.array([0.0, 1])) == 1
    assert mcnemar(np.ones(4), np.ones(4)) == 1


def test_mcnemar_with_thousands_of_differing_videos():
    """No overflow and no underflow to an error where the counts are large."""
    first = np.repeat([1.0, 0.0], [5000, 5300])
    p = mcnemar(first, 1 - first)
    z = (300 - 1) / np.sqrt(10300)  # the normal approximation with continuity correction
    assert p == pytest.approx(0.00322, rel=0.02)
    assert 2.9 < z < 3.0


def test_the_interval_of_a_difference_of_hits_by_hand():
    """7 against 1 of 98 videos: (6 +- 1.96 sqrt(9 - 36 / 100)) / 100."""
    first = np.array([1] * 7 + [0] * 1 + [1] * 60 + [0] * 30, float)
    second = np.array([0] * 7 + [1] * 1 + [1] * 60 + [0] * 30, float)
    result = difference(first, second)
    half = 1.959964 * np.sqrt(9 - 0.36) / 100
    assert (result.interval.low, result.interval.high) == pytest.approx((0.06 - half, 0.06 + half))
    assert (result.value, result.interval.method) == (6 / 98, "agresti-min")


def test_holm_known_values():
    """p = .01 .04 .03 .005: times 4, 3, 2, 1 in ascending order, never decreasing."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1, 1]
    assert holm([]) == []


def test_mean_and_sd_over_seeds():
    """Three seeds with means .5, .75 and 1: mean .75, sd .25 (n - 1)."""
    result = mean(np.array([[1, 0, 1, 0], [1, 1, 1, 0], [1, 1, 1, 1]], float))
    assert (result.value, result.sd, result.num_seeds, result.num_videos) == (0.75, 0.25, 3, 4)


def test_means_over_strata_by_hand():
    """Strata means 1 and 0.25 average to 0.625 whatever their sizes."""
    assert mean(np.array([1, 1, 0, 0, 1, 0], float), strata=[7, 7, 8, 8, 8, 8]).value == 0.625


# What an interval says about itself


def test_an_interval_says_what_it_covers_and_how():
    """Wilson for right-or-wrong on independent videos, bootstrap otherwise, t from three seeds up."""
    hits = generator().integers(0, 2, 50).astype(float)
    clusters = list(np.arange(50) // 5)
    assert (mean(hits).interval.method, mean(hits).interval.covers) == ("wilson", "videos")
    assert mean(hits).sd is None
    assert mean(hits / 2).interval.method == "bootstrap"
    assert mean(hits, clusters=clusters).interval.method == "bootstrap"
    assert mean(hits, strata=clusters).interval.method == "bootstrap"
    two = mean(np.stack([hits, 1 - hits]))
    assert (two.interval.method, two.interval.covers, two.num_seeds) == ("bootstrap", "videos", 2)
    assert mean(np.stack([hits] * 3)).interval.covers == "videos and seeds"


def test_all_right_is_not_certainty():
    """100 % of 40 videos in 8 clusters: the interval is that of 8 trials, not of width zero."""
    result = mean(np.ones(40), clusters=list(np.arange(40) // 5))
    assert result.interval.low == pytest.approx(wilson(8, 8).low)
    assert result.interval.method == "wilson over clusters"


def test_one_large_source_among_small_ones_says_little():
    """Ten sources of which one holds half of the videos: as wide as four equal ones."""
    sizes = [90] + [10] * 9
    clusters = list(np.repeat(np.arange(10), sizes))
    result = mean(np.ones(180), clusters=clusters)
    trials = 1 / sum((size / 180) ** 2 for size in sizes)
    assert 3 < trials < 4
    assert result.interval.low == pytest.approx(wilson(trials, trials).low)


def test_identical_runs_differ_by_zero_within_what_the_videos_can_tell():
    """No video differs: the difference is 0, not significant, and the interval as wide as 0 of n allows."""
    hits = generator().integers(0, 2, 100).astype(float)
    result = difference(hits, hits)
    assert (result.value, result.p) == (0, 1)
    assert result.interval.high == wilson(0, 100).high
    seeds = np.stack([hits] * 3)
    assert difference(seeds, seeds) == replace(result, test="t")


def test_results_are_repeatable_and_independent_of_global_state():
    """The same call gives the same interval, whatever was drawn in between."""
    values = generator().random(200)
    first = mean(values)
    mean(generator().random(100))
    np.random.default_rng().random(10)
    assert mean(values) == first


def test_clusters_widen_and_shared_videos_narrow():
    """Values equal within clusters of 10 widen the interval about sqrt(10) times."""
    values = np.repeat(generator().random(100), 10)
    clustered = mean(values, clusters=list(np.arange(1000) // 10)).interval
    ratio = half_width(clustered) / half_width(mean(values).interval)
    assert ratio == pytest.approx(np.sqrt(10), rel=0.1)


def test_one_cluster_tells_nothing():
    """All videos from one source: no finite interval."""
    assert mean(np.array([0.2, 0.4]), clusters=["g", "g"]).interval.low == -np.inf
    assert difference(generator().random((3, 4)), np.zeros((3, 4)), clusters=["g"] * 4).interval.high == np.inf


def test_a_plain_bootstrap_agrees_with_the_normal_interval():
    """1,300 videos: half-width 1.96 sd / sqrt(n) within 4 %."""
    values = generator().random(1300)
    assert half_width(mean(values).interval) == pytest.approx(1.96 * values.std() / np.sqrt(1300), rel=0.04)


def test_a_difference_of_correlated_runs_is_sharper_than_two_intervals():
    """Two runs that share most of their errors: pairing finds what separate intervals cannot."""
    random = generator()
    first = (random.random(1500) < 0.6).astype(float)
    second = np.where(random.random(1500) < 0.04, 1.0, first)  # right where the first was, and a little more
    result = difference(second, first)
    assert result.test == "mcnemar"
    assert result.p < 1e-5
    assert 0 < result.interval.low < result.value < result.interval.high < 0.04
    assert mean(second).interval.low < mean(first).interval.high


def test_the_test_follows_the_design():
    """McNemar for hits of independent videos; clusters, fractions: bootstrap; seeds: t."""
    random = generator()
    first, second = random.integers(0, 2, (2, 60)).astype(float)
    assert difference(first, second).test == "mcnemar"
    assert difference(first, second, clusters=list(np.arange(60) // 3)).test == "bootstrap"
    assert difference(first / 2, second).test == "bootstrap"
    assert difference(first[None].repeat(3, 0), random.random((3, 60))).test == "t"


def test_a_large_difference_is_significant_by_every_test():
    """A shift far above the noise: small p, interval away from 0; the other way round the sign turns."""
    random = generator()
    first, second = random.random((3, 80)) + 0.5, random.random((3, 80))
    for rows in (slice(0, 1), slice(0, 3)):
        result = difference(first[rows], second[rows])
        assert result.p < 0.01
        assert result.interval.low > 0
        assert difference(second[rows], first[rows]).value == pytest.approx(-result.value)


def test_runs_that_cannot_be_paired_are_refused():
    """Pairs need equal numbers of videos and seeds; designs need one cluster a video."""
    with pytest.raises(ValueError, match="cannot be paired"):
        difference(np.zeros(3), np.zeros(4))
    with pytest.raises(ValueError, match="2 videos, 1 clusters"):
        mean(np.zeros(2), clusters=["a"])
    with pytest.raises(ValueError, match="no videos"):
        mean(np.zeros(0))


def test_splits_share_their_videos():
    """The same videos in all three splits: one split's interval; disjoint ones: narrower by sqrt(3)."""
    values = generator().random(300)
    splits = np.repeat(np.arange(3), 300).tolist()
    single = mean(values)
    for clusters, factor in [(list(range(300)) * 3, 1.0), (list(range(900)), np.sqrt(3))]:
        over_splits = mean(np.tile(values, 3), clusters=clusters, strata=splits)
        assert over_splits.value == pytest.approx(single.value)
        assert half_width(over_splits.interval) == pytest.approx(half_width(single.interval) / factor, rel=0.06)


def test_intervals_stay_inside_0_and_1():
    """Near an end the interval is longer towards the middle, and holds the value."""
    for values in (generator().random(40) ** 0.02, (generator(1).random((3, 40)) < 0.97).astype(float)):
        found = mean(values)
        assert 0 < found.interval.low < found.value < found.interval.high < 1
        assert found.value - found.interval.low > 1.3 * (found.interval.high - found.value)


def test_a_p_value_is_the_level_that_reaches_0():
    """Bootstrap and t: p is below 0.05 exactly where the 95 % interval excludes 0, however few the sources."""
    random = generator()
    for _ in range(60):
        first, second = random.random((2, 3, 24)) + random.normal(0, 0.1, (2, 1, 1))
        for rows, clusters in ((slice(0, 1), list(np.arange(24) // 4)), (slice(0, 3), None)):
            found = difference(first[rows], second[rows], clusters=clusters)
            assert (found.p < 0.05) == (not found.interval.low <= 0 <= found.interval.high)


# Coverage: 400 trials of a 95 % interval have a standard error of 1.1 points


def coverage(trial, truth, *, trials=400):
    inside = 0
    for number in range(trials):
        interval = trial(generator(number))
        inside += interval.low <= truth <= interval.high
    return inside / trials


def test_wilson_covers():
    """60 videos, accuracy .85: mean over trials."""
    assert 0.92 <= coverage(lambda random: wilson(random.binomial(60, 0.85), 60), 0.85) <= 0.98


def test_the_bootstrap_covers_few_independent_videos():
    """30 videos with fractions of right clips."""
    share = coverage(lambda random: mean(random.beta(2, 1, 30)).interval, 2 / 3)
    assert 0.92 <= share <= 0.98


def test_the_bootstrap_covers_clusters_where_ignoring_them_does_not():
    """40 sources of 1 to 9 videos that succeed or fail together."""

    def draw(random, *, clustered):
        sizes = random.integers(1, 10, 40)
        chance = np.repeat(random.beta(1, 1, 40), sizes)
        hits = (random.random(sizes.sum()) < chance).astype(float)
        return mean(hits, clusters=list(np.repeat(np.arange(40), sizes)) if clustered else None).interval

    assert 0.92 <= coverage(lambda random: draw(random, clustered=True), 0.5) <= 0.98
    assert coverage(lambda random: draw(random, clustered=False), 0.5) < 0.85


def test_the_bootstrap_covers_mean_class_accuracy():
    """Five classes of unequal size with accuracies .3 to .9."""
    chances = np.array([0.3, 0.5, 0.6, 0.8, 0.9])
    classes = np.repeat(np.arange(5), [10, 20, 30, 40, 50])

    def draw(random):
        hits = (random.random(150) < chances[classes]).astype(float)
        return mean(hits, strata=classes).interval

    assert 0.92 <= coverage(draw, chances.mean()) <= 0.98


def draw_runs(random, *, num_seeds, num_videos, seed_sd, shift=0.0):
    """Hits [S, N] of runs whose difficulty of videos is shared and whose quality varies from seed to seed."""
    difficulty = random.normal(0, 1, num_videos)
    quality = random.normal(0, seed_sd, (num_seeds, 1))
    return (difficulty + quality + shift + random.normal(0, 1, (num_seeds, num_videos)) > 0).astype(float)


@pytest.mark.parametrize(
    ("num_seeds", "num_videos", "seed_sd"),
    [(3, 200, 0.0), (3, 200, 0.25), (3, 1300, 0.1), (5, 200, 0.1), (10, 200, 0.25)],
)
def test_intervals_over_seeds_cover_new_seeds_and_new_videos(num_seeds, num_videos, seed_sd):
    """Accuracy .5, with no, some and much variation between seeds: never too little; with three, a little more."""

    def draw(random):
        return mean(draw_runs(random, num_seeds=num_seeds, num_videos=num_videos, seed_sd=seed_sd)).interval

    assert 0.92 <= coverage(draw, 0.5) <= (0.99 if num_seeds == 3 else 0.98)


def test_differences_over_seeds_cover_and_their_p_values_are_calibrated():
    """No true difference, three seeds each: 95 % of intervals hold 0 or a little more, and p values agree."""

    def draw(random):
        first = draw_runs(random, num_seeds=3, num_videos=200, seed_sd=0.2)
        second = draw_runs(random, num_seeds=3, num_videos=200, seed_sd=0.2)
        result = difference(first, second)
        assert (result.p < 0.05) == (not result.interval.low <= 0 <= result.interval.high)
        return result.interval

    assert 0.92 <= coverage(draw, 0.0) <= 0.99


def test_paired_differences_of_single_runs_cover():
    """Two runs on the same 150 videos, no true difference: bootstrap over videos."""

    def draw(random):
        difficulty = random.normal(0, 1, 150)
        first, second = (difficulty + random.normal(0, 1, (2, 150)) > 0).astype(float)
        return difference(first, second).interval

    assert 0.92 <= coverage(draw, 0.0) <= 0.98


def test_seeds_without_any_spread_are_not_certain():
    """Three seeds that are right on all 300 videos get Wilson's interval over the videos, not one of no width."""
    found = mean(np.ones((3, 300)))
    assert found.interval == wilson(300, 300)
    assert found.interval.low == pytest.approx(0.9874, abs=1e-4)
    assert found.num_seeds == 3
