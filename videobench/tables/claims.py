"""The paper's order of things against ours: its claims, and the pairs of rows that it separates.

Both are judged on our own per-video outcomes, paired by video and over seeds jointly, so they hold at any scale.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from videobench.errors import ConfigError
from videobench.published.paper import Claim, PublishedTable
from videobench.tables.found import FoundRow
from videobench.tables.outcomes import PAIRED_METRICS, difference_of
from videobench.tables.result import Difference, PairCount, Statement
from videobench.tables.verdict import Agreement, agreement_of


@dataclass(frozen=True, eq=False)
class _Place:
    """Where a published cell is measured: a row of ours and the metric that stands for the column."""

    found: FoundRow
    metric: str


class Comparisons:
    """Paired differences between rows, each computed once."""

    def __init__(self, rows: Sequence[FoundRow]) -> None:
        self.rows = rows
        self._known: dict[tuple[int, int, str, str | None], Difference] = {}

    @property
    def groups(self) -> tuple[str | None, ...]:
        """All videos (None), then each class group."""
        return (None, *dict.fromkeys(group for found in self.rows for group in found.groups))

    def columns(self) -> dict[str, str]:
        """The published columns that rows of ours stand in, with their metric."""
        columns = {}
        for found in self.rows:
            for metric, column in found.row.cells.items():
                if column is not None and found.row.published_row is not None:
                    columns[column] = metric
        return columns

    def places(self, column: str) -> Iterator[_Place]:
        """All rows of ours in a published column."""
        for found in self.rows:
            for metric, name in found.row.cells.items():
                if name == column and found.row.published_row is not None:
                    yield _Place(found, metric)

    def difference(self, first: _Place, second: _Place, group: str | None) -> Difference | None:
        """``first`` - ``second`` on all videos or one class group; None while runs are missing."""
        if not (first.found.complete and second.found.complete):
            return None
        if first.metric not in PAIRED_METRICS:
            raise ConfigError(
                f"no paired comparison of {first.metric!r}",
                where=f"row {first.found.row.name}",
                hint=f"The videos of a record hold {', '.join(PAIRED_METRICS)}.",
            )
        rows = (id(first.found), id(second.found))
        key = (*rows, first.metric, group)
        if key not in self._known:
            paired = difference_of(first.found.runs, second.found.runs, first.metric, group)
            low, high = paired.interval.low, paired.interval.high
            self._known[key] = Difference(value=paired.value, low=low, high=high)
            turned = Difference(value=-paired.value, low=-high, high=-low)
            self._known[(rows[1], rows[0], first.metric, group)] = turned
        return self._known[key]


def judge_claims(published: PublishedTable, comparisons: Comparisons) -> tuple[Statement, ...]:
    """Judge each claim of the table in each of its columns that our rows stand in, by class group."""
    columns = comparisons.columns()
    statements: list[Statement] = []
    for claim in published.claims:
        for column in claim.columns:
            if column in columns:
                statements += _judge(claim, column, columns[column], published, comparisons)
    return tuple(statements)


def count_pairs(published: PublishedTable, comparisons: Comparisons, margin_points: float) -> tuple[PairCount, ...]:
    """Count, per column and class group, how the pairs come out that the paper separates by the margin."""
    counts = []
    for column, metric in comparisons.columns().items():
        numbers = []
        for place in comparisons.places(column):
            text = published.cell(where=place.found.row.published_row or {}, column=column)
            if text is not None:
                numbers.append((float(text), place))
        separated = []
        for (one, first), (other, second) in combinations(numbers, 2):
            if round(abs(one - other), 6) >= margin_points:  # 64.8 - 63.8 is 0.9999999999999929
                separated.append((first, second) if one > other else (second, first))
        if not separated:
            continue
        for group in comparisons.groups:
            verdicts = [_agreement(comparisons.difference(*pair, group)) for pair in separated]
            counts.append(PairCount(column=column, metric=metric, group=group, **_tally(verdicts)))
    return tuple(counts)


def _judge(
    claim: Claim, column: str, metric: str, published: PublishedTable, comparisons: Comparisons
) -> Iterator[Statement]:
    places = list(comparisons.places(column))

    def matching(where: dict[str, str | None]) -> list[_Place]:
        printed = published.row(where)
        return [place for place in places if published.row(place.found.row.published_row or {}) == printed]

    pairs = [
        (better, worse)
        for better_row in claim.better
        for worse_row in claim.worse
        for better in matching(better_row)
        for worse in matching(worse_row)
    ]
    if not pairs:  # the experiment has no such rows
        return
    for group in comparisons.groups:
        differences = [comparisons.difference(*pair, group) for pair in pairs]
        verdicts = [_agreement(difference) for difference in differences]
        known = [(found, pair) for found, pair in zip(differences, pairs, strict=True) if found]
        weakest, between = min(known, key=lambda item: item[0].value) if known else (None, None)
        yield Statement(
            claim=claim.id,
            text=claim.text,
            column=column,
            metric=metric,
            group=group,
            verdict=_joint(verdicts),
            weakest=weakest,
            between=(between[0].found.row.name, between[1].found.row.name) if between else None,
            **_tally(verdicts),
        )


def _agreement(difference: Difference | None) -> Agreement:
    return agreement_of(difference.low, difference.high) if difference else "pending"


def _joint(verdicts: Sequence[Agreement]) -> Agreement:
    """A claim over several pairs fails with one of them, and holds when all of them do."""
    for verdict in ("contradict", "pending", "undecided"):
        if verdict in verdicts:
            return verdict
    return "agree"


def _tally(verdicts: Sequence[Agreement]) -> dict[str, int]:
    return {name: verdicts.count(name) for name in ("agree", "contradict", "undecided", "pending")}
