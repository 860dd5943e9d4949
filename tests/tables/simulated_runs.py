"""Pairs of runs made by rule, as alike as real ones, and how often intervals, tests and verdicts err on them.

Run as a program it prints what docs/statistics.md shows; the number of trials is its argument.
"""

import statistics as exact
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from videobench.evaluation.statistics import difference, holm, mean
from videobench.tables.verdict import MARGIN_POINTS, agreement_of, published_interval, verdict_of

Floats = npt.NDArray[np.float64]

SHARED = 0.7
"""Of what makes a video easy or hard for a run, the part that is the same for every run.

Two runs' hits then correlate as two trainings' of one network do on synthetic-motion: 0.35 (accuracy 95 %) to 0.5.
"""


@dataclass(frozen=True, eq=False)
class Places:
    """Where videos stand: their number, the source and the test split of each place, and the video at it."""

    name: str
    video: npt.NDArray[np.int64]  # [N]
    clusters: list[int] | None = None
    strata: list[int] | None = None


def independent(num_videos: int) -> Places:
    return Places(f"{num_videos:,} videos", np.arange(num_videos))


def by_source(num_sources: int) -> Places:
    """Sources of 1 to 11 videos, whose outcomes go together."""
    sizes = np.arange(num_sources) * 7 % 11 + 1
    clusters = np.repeat(np.arange(num_sources), sizes)
    name = f"{len(clusters):,} videos of {num_sources} sources"
    return Places(name, np.arange(len(clusters)), clusters=clusters.tolist())


def by_class(num_classes: int, per_class: int) -> Places:
    classes = np.repeat(np.arange(num_classes), per_class)
    return Places(f"{num_classes} classes of {per_class}", np.arange(len(classes)), strata=classes.tolist())


def hmdb51() -> Places:
    """HMDB51's three test splits of 1,530 videos: 104, 126 and 155 in common by two, 4,243 different ones in all."""
    in_all_three = 4243 - 3 * 1530 + 104 + 126 + 155
    shared_by = {
        (0, 1, 2): in_all_three,
        (0, 1): 104 - in_all_three,
        (0, 2): 126 - in_all_three,
        (1, 2): 155 - in_all_three,
    }
    alone = [1530 - sum(count for splits, count in shared_by.items() if split in splits) for split in range(3)]
    parts = [*shared_by.items(), *(((split,), count) for split, count in enumerate(alone))]
    video = np.repeat(np.arange(4243), [len(splits) for splits, count in parts for _ in range(count)])
    strata = [split for splits, count in parts for _ in range(count) for split in splits]
    return Places("HMDB51's three splits", video, clusters=video.tolist(), strata=strata)


def draw(
    places: Places,
    accuracies: Sequence[float],
    trial: int,
    *,
    num_seeds: int = 1,
    seed_sd: float = 0.0,
    num_views: int = 1,
) -> Floats:
    """Values of one run per accuracy on the same videos, [R, S, N]: hits, or with several views fractions of them.

    ``seed_sd`` is the spread of a training's quality from seed to seed, in units in which a video's whole
    difficulty has variance 1. The expected accuracy is the one given, whatever the spread.
    """
    random = np.random.default_rng([len(places.video), num_seeds, num_views, trial])
    num_runs, num_places = len(accuracies), len(places.video)
    shared = _noise(random, places, (places.video.max() + 1,))[..., places.video]  # [N]
    own = _noise(random, places, (num_runs, num_seeds, num_places))
    if num_views > 1:
        views = random.normal(size=(num_views, num_runs, num_seeds, num_places))
        own = np.sqrt(0.6) * own + np.sqrt(0.4) * views
    quality = seed_sd * random.normal(size=(num_runs, num_seeds, 1))
    ease = np.sqrt(SHARED) * shared + np.sqrt(1 - SHARED) * own + quality  # [(V,) R, S, N]
    threshold = np.array([exact.NormalDist().inv_cdf(1 - accuracy) for accuracy in accuracies])
    hits = (ease > threshold[:, None, None] * np.sqrt(1 + seed_sd**2)).astype(float)
    return hits.mean(axis=0) if num_views > 1 else hits


def _noise(random: np.random.Generator, places: Places, shape: tuple[int, ...]) -> Floats:
    """Standard normal; half of the variance is common to the places of one source."""
    alone = random.normal(size=shape)
    if places.clusters is None or places.strata is not None:
        return alone
    clusters = np.array(places.clusters)
    common = random.normal(size=(*shape[:-1], clusters.max() + 1))[..., clusters]
    return np.sqrt(0.5) * (alone + common)


@dataclass(frozen=True, kw_only=True)
class Case:
    """Runs to draw: two of these accuracies on the same videos."""

    places: Places
    accuracies: tuple[float, float]
    num_seeds: int = 1
    seed_sd: float = 0.0
    num_views: int = 1

    def trials(self, number: int) -> Iterator[Floats]:
        """Yield pairs of runs, [2, S, N]."""
        for trial in range(number):
            yield draw(
                self.places,
                self.accuracies,
                trial,
                num_seeds=self.num_seeds,
                seed_sd=self.seed_sd,
                num_views=self.num_views,
            )

    @property
    def what(self) -> str:
        seeds = f", {self.num_seeds} seeds" if self.num_seeds > 1 else ""
        seeds += f", spread {self.seed_sd:g}" if self.seed_sd else ""
        views = f", {self.num_views} views" if self.num_views > 1 else ""
        first, second = (f"{100 * accuracy:g}" for accuracy in self.accuracies)
        return f"{self.places.name}{views}{seeds}: {first} and {second} %"

    def rates(self, number: int) -> Mapping[str, float]:
        """How often each thing happens: the first run's interval misses its accuracy (``alone``), that of the
        difference misses it (``missed``), p is at most 0.05 (``p``), and each verdict on their order is given.
        """
        first, second = self.accuracies
        design = {"clusters": self.places.clusters, "strata": self.places.strata}
        found = Counter[str]()
        for runs in self.trials(number):
            alone = mean(runs[0], **design).interval
            found["alone"] += not alone.low <= first <= alone.high
            paired = difference(runs[0], runs[1], **design)
            found["missed"] += not paired.interval.low <= first - second <= paired.interval.high
            found["p"] += paired.p <= 0.05
            found[agreement_of(paired.interval.low, paired.interval.high)] += 1
        return _shares(found, number)

    def verdicts(self, number: int) -> Mapping[str, float]:
        """How often each verdict is given when the second run's accuracy is what a paper printed, to 0.1 %."""
        places, found = self.places, Counter[str]()
        for first, second in self.trials(number):
            ours = mean(first, clusters=places.clusters, strata=places.strata)
            low, high = published_interval(
                ours.value,
                ours.interval.low,
                ours.interval.high,
                published=round(float(second[0].mean()), 3),
                num_videos=int(places.video.max()) + 1,
            )
            found[verdict_of(low, high, margin=MARGIN_POINTS / 100)] += 1
        return _shares(found, number)


def family_wise(places: Places, accuracy: float, num_rows: int, number: int) -> Mapping[str, float]:
    """How often at least one of a table's rows, all equal, is told from the first: by Holm's p and by plain p."""
    found = Counter[str]()
    for trial in range(number):
        first, *others = draw(places, [accuracy] * num_rows, trial)
        plain = [difference(other, first, clusters=places.clusters, strata=places.strata).p for other in others]
        found["plain"] += min(plain) <= 0.05
        found["holm"] += min(holm(plain)) <= 0.05
    return _shares(found, number)


def _shares(found: Counter[str], number: int) -> Mapping[str, float]:
    return Counter({name: count / number for name, count in found.items()})


EQUAL = (
    *(Case(places=independent(130), accuracies=(a, a)) for a in (0.5, 0.8, 0.95)),
    Case(places=independent(1300), accuracies=(0.8, 0.8)),
    Case(places=independent(130), accuracies=(0.8, 0.8), num_views=10),
    *(Case(places=by_class(13, 10), accuracies=(a, a)) for a in (0.8, 0.95)),
    *(Case(places=by_source(n), accuracies=(a, a)) for n in (10, 25, 50) for a in (0.55, 0.8, 0.95)),
    *(Case(places=independent(130), accuracies=(0.8, 0.8), num_seeds=3, seed_sd=s) for s in (0, 0.1)),
    Case(places=independent(1300), accuracies=(0.95, 0.95), num_seeds=3, seed_sd=0.4),
    Case(places=by_source(25), accuracies=(0.8, 0.8), num_seeds=3, seed_sd=0.1),
    Case(places=hmdb51(), accuracies=(0.8, 0.8)),
    Case(places=hmdb51(), accuracies=(0.8, 0.8), num_seeds=3, seed_sd=0.1),
)

UNEQUAL = (
    Case(places=independent(1300), accuracies=(0.83, 0.8)),
    Case(places=independent(130), accuracies=(0.99, 0.95)),
    Case(places=by_source(50), accuracies=(0.85, 0.75)),
    Case(places=independent(1300), accuracies=(0.85, 0.75), num_seeds=3, seed_sd=0.1),
    Case(places=hmdb51(), accuracies=(0.815, 0.8)),
)

PUBLISHED = (
    *(Case(places=independent(19_906), accuracies=(a, 0.65)) for a in (0.65, 0.66, 0.665, 0.675)),
    *(Case(places=hmdb51(), accuracies=(a, 0.8)) for a in (0.8, 0.81, 0.825)),
    *(Case(places=independent(19_906), accuracies=(0.65, 0.65), num_seeds=s, seed_sd=0.01) for s in (1, 3)),
)


def _print_rates(number: int) -> None:
    def line(*cells: str | float) -> None:
        shown = [cell if isinstance(cell, str) else f"{100 * cell:.1f}" for cell in cells]
        print(f"| {' | '.join(shown)} |", flush=True)

    columns = ("alone", "missed", "p", "agree", "contradict")
    line("runs", *columns)
    for case in (*EQUAL, *UNEQUAL):
        found = case.rates(number)
        line(case.what, *(found[name] for name in columns))
    columns = ("match", "higher", "lower", "undecided")
    line("ours and published", *columns)
    for case in PUBLISHED:
        found = case.verdicts(number)
        line(case.what, *(found[name] for name in columns))
    found = family_wise(independent(400), 0.8, 12, number)
    line("one of 11 equal rows told from the first", found["holm"], "without Holm", found["plain"])


if __name__ == "__main__":
    _print_rates(int(sys.argv[1]))
