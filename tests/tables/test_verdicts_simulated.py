"""Intervals, tests and verdicts err as rarely as they promise, on pairs of runs whose truth is known."""

import math

import pytest
from simulated_runs import EQUAL, PUBLISHED, UNEQUAL, Case, by_source, family_wise, hmdb51, independent

from videobench.evaluation.statistics import mean


def most(rate: float, number: int) -> float:
    """The share of ``number`` trials that a rate goes beyond once in a thousand times."""
    below, count = 0.0, -1
    while below < 0.999:
        count += 1
        below += math.comb(number, count) * rate**count * (1 - rate) ** (number - count)
    return count / number


def trials(case: Case) -> int:
    """Fewer where one takes long: many videos, many cells to resample."""
    return 100 if case.places.strata and len(case.places.video) > 4000 else 300


def named(case: Case) -> str:
    return case.what


@pytest.mark.parametrize("case", EQUAL, ids=named)
def test_equal_runs_are_rarely_told_apart(case: Case) -> None:
    """Of equally good runs one is called better in 5 % of cases at most, and as rarely is p <= 0.05.

    The interval of an accuracy holds it in 94 % of cases or more.
    """
    number = trials(case)
    found = case.rates(number)
    assert found["alone"] <= most(0.06, number)
    assert found["agree"] + found["contradict"] <= most(0.05, number)
    assert found["p"] <= most(0.05, number)


@pytest.mark.parametrize("case", UNEQUAL, ids=named)
def test_the_worse_run_is_hardly_ever_called_the_better(case: Case) -> None:
    """The wrong sign comes out in 2.5 % of cases at most, the interval holds the difference, and many are decided."""
    number = trials(case)
    found = case.rates(number)
    assert found["contradict"] <= most(0.025, number)
    assert found["missed"] <= most(0.05, number)
    assert found["agree"] > 0.3


@pytest.mark.parametrize("case", [case for case in PUBLISHED if case.num_seeds == 1 and not case.seed_sd], ids=named)
def test_verdicts_beside_a_published_number(case: Case) -> None:
    """`higher` and `lower` of equal runs: 5 % at most; `match` of runs a point or more apart: 5 % at most."""
    number = trials(case)
    found = case.verdicts(number)
    apart = case.accuracies[0] - case.accuracies[1]
    if apart == 0:
        assert found["higher"] + found["lower"] <= most(0.05, number)
    else:
        assert found["match"] <= most(0.05, number)
        assert found["lower"] <= most(0.025, number)
    if apart > 0.02:
        assert found["higher"] > 0.9
    if apart == 0 and len(case.places.video) > 19_000:
        assert found["match"] > 0.5


def test_holm_keeps_a_whole_table_to_its_level() -> None:
    """Of eleven rows as good as a twelfth, one or more are told from it in 5 % of tables; plain p would in 20 %."""
    found = family_wise(independent(400), 0.8, 12, 300)
    assert found["holm"] <= most(0.05, 300)
    assert found["plain"] > 0.12


def test_the_simulated_splits_are_those_of_hmdb51() -> None:
    """Three lists of 1,530 videos, of which 104, 126 and 155 stand in two of them, 4,243 different ones."""
    places = hmdb51()
    assert places.strata is not None
    lists = [{video for video, split in zip(places.video, places.strata, strict=True) if split == k} for k in range(3)]
    assert [len(split) for split in lists] == [1530] * 3
    assert [len(lists[a] & lists[b]) for a, b in ((0, 1), (0, 2), (1, 2))] == [104, 126, 155]
    assert len(set.union(*lists)) == 4243


def test_the_simulation_would_show_an_error() -> None:
    """Videos of one source taken for independent ones: the interval misses more than twice as often as it may."""
    case = Case(places=by_source(50), accuracies=(0.8, 0.8))
    careless = [mean(runs[0]).interval for runs in case.trials(300)]
    assert sum(not found.low <= 0.8 <= found.high for found in careless) / 300 > 0.12
