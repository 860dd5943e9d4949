"""A table as values: what `join` finds and every renderer, the gate and the plots read. Accuracies are fractions."""

from collections.abc import Mapping
from dataclasses import dataclass

from videobench.published.paper import Status
from videobench.tables.verdict import Agreement, Verdict


@dataclass(frozen=True, kw_only=True)
class Ours:
    """What was measured: the mean over seeds and splits with its 95 % interval.

    ``covers``: what would vary if it were repeated. ``sd``: spread over seeds, None for a single one.
    """

    value: float
    low: float
    high: float
    covers: str
    method: str
    num_videos: int
    num_seeds: int
    sd: float | None


@dataclass(frozen=True, kw_only=True)
class PublishedNumber:
    """What the paper prints, as it prints it."""

    text: str
    status: Status
    column: str

    @property
    def fraction(self) -> float:
        """The printed percentage as a fraction."""
        return float(self.text) / 100

    @property
    def decimals(self) -> int:
        """Decimals as printed."""
        return len(self.text.partition(".")[2])


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A difference of two accuracies with its 95 % interval."""

    value: float
    low: float
    high: float


SIGNIFICANT = 0.05
"""The level at which a difference between rows is marked."""


@dataclass(frozen=True, kw_only=True)
class Against:
    """The paired difference to another row; ``p`` by ``test``, ``p_holm`` adjusted over the rows of its column."""

    difference: Difference
    p: float
    p_holm: float
    test: str

    @property
    def is_significant(self) -> bool:
        return self.p_holm <= SIGNIFICANT


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One metric of one row. ``notes`` are numbers of footnotes; ``command`` fills the cell while it is pending.

    ``difference`` is ours - published; ``against`` the difference to the table's row of reference.
    """

    metric: str
    ours: Ours | None
    published: PublishedNumber | None
    difference: Difference | None
    verdict: Verdict
    against: Against | None = None
    notes: tuple[int, ...] = ()
    command: str | None = None


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row: its cells by metric, the same metrics by class group, its size, cost, and videos over all splits."""

    name: str
    labels: Mapping[str, str]
    cells: tuple[Cell, ...]
    groups: Mapping[str, Mapping[str, Ours]]
    parameters: int | None
    published_parameters: str | None
    macs: int | None
    cost: Mapping[str, float | None]
    num_evaluated: int | None
    num_expected: int | None
    digests: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Statement:
    """A claim of the paper in one column, on all videos or on one class group.

    ``agree`` to ``pending`` count its comparisons; ``weakest`` is the smallest difference, ``between`` its rows.
    """

    claim: str
    text: str
    column: str
    metric: str
    group: str | None
    verdict: Agreement
    agree: int
    contradict: int
    undecided: int
    pending: int
    weakest: Difference | None
    between: tuple[str, str] | None


@dataclass(frozen=True, kw_only=True)
class PairCount:
    """How many of the pairs that the paper separates in one column come out the same way round."""

    column: str
    metric: str
    group: str | None
    agree: int
    contradict: int
    undecided: int
    pending: int


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Where the numbers come from, collected over all records: each field lists its distinct values."""

    git_shas: tuple[str, ...]
    versions: tuple[str, ...]
    devices: tuple[str, ...]
    first_created: str | None
    last_created: str | None
    num_videos: tuple[int, ...]
    num_seeds: tuple[int, ...]
    covers: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class TableResult:
    """A whole table. ``footnotes[i]`` is footnote ``i + 1``; ``against`` the row that the others are compared with."""

    title: str
    experiment: str
    scale: str
    data_note: str
    paper: str | None
    table: str | None
    dataset: str | None
    margin_points: float
    rows: tuple[Row, ...]
    footnotes: tuple[str, ...]
    statements: tuple[Statement, ...]
    pairs: tuple[PairCount, ...]
    provenance: Provenance
    against: str | None = None
