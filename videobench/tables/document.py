"""A table result as text cells, the same for every format: what stands where, rounded for reading.

Accuracies are printed in percent with the paper's decimals; ± is half the width of the 95 % interval.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from videobench.tables.result import (
    SIGNIFICANT,
    Against,
    Cell,
    Difference,
    Ours,
    PairCount,
    Row,
    Statement,
    TableResult,
)

ABSENT = "–"


@dataclass(frozen=True)
class Column:
    """A column's heading; ``right`` aligns numbers."""

    heading: str
    right: bool = True


@dataclass(frozen=True)
class Grid:
    """One printable table."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Document:
    """Everything that is printed: heading lines, the table, its footnotes, and the claims with their own tables."""

    title: str
    lines: tuple[str, ...]
    table: Grid
    footnotes: tuple[str, ...]
    claims: Grid | None
    claim_texts: tuple[str, ...]
    pairs: Grid | None


def document_of(result: TableResult, *, compact: bool = False) -> Document:
    """Lay a result out; ``compact`` leaves out what doesn't fit into 120 columns (videos, seeds, digests)."""
    return Document(
        title=title_of(result),
        lines=tuple(_lines(result)),
        table=_table(result, compact=compact),
        footnotes=tuple(f"[{number}] {text}" for number, text in enumerate(result.footnotes, start=1)),
        claims=_claims(result) if result.statements else None,
        claim_texts=tuple(dict.fromkeys(f"{claim.claim}: {claim.text}." for claim in result.statements)),
        pairs=_pairs(result.pairs) if result.pairs else None,
    )


def percent(value: float, decimals: int, *, sign: bool = False) -> str:
    """A fraction as a percentage, without a sign on a rounded zero."""
    text = f"{100 * value:+.{decimals}f}" if sign else f"{100 * value:.{decimals}f}"
    return text[1:] if float(text) == 0 and text[0] in "+-" else text


def with_half(value: float, low: float, high: float, decimals: int, *, sign: bool = False) -> str:
    """A fraction as a percentage ± half the width of its interval."""
    half = (high - low) / 2
    width = percent(half, decimals) if math.isfinite(half) else "?"
    return f"{percent(value, decimals, sign=sign)} ± {width}"


def p_value(p: float) -> str:
    """A probability of error, to three decimals."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def title_of(result: TableResult) -> str:
    """The table's title, its experiment and scale."""
    mark = "SMOKE: " if result.scale == "smoke" else ""
    return f"{mark}{result.title} ({result.experiment}, {result.scale} scale)"


def facts(result: TableResult) -> Iterator[str]:
    """Yield in sentences what was measured, on what and by what, and what it stands beside."""
    origin = result.provenance
    if result.scale != "paper":
        against = f" on {result.dataset}" if result.dataset else ""
        yield (
            f"Trained and tested on {result.data_note} at {result.scale} scale; not comparable with the paper's"
            f" numbers{against}."
        )
    if result.scale == "smoke":
        yield "SMOKE: a step or two of training to see that everything runs; the accuracies mean nothing."
    if result.paper:
        yield f"Published: {result.table} of {result.paper}."
    if origin.first_created is None or origin.last_created is None:
        yield "No run of this table is done yet."
        return
    dates = dict.fromkeys((origin.first_created[:10], origin.last_created[:10]))
    yield (
        f"{result.data_note}; {_range(origin.num_videos)} test videos; seeds per row: {_range(origin.num_seeds)};"
        f" {' to '.join(dates)}; git {', '.join(origin.git_shas)}; {'; '.join(origin.versions)};"
        f" {', '.join(origin.devices)}."
    )


def covers(result: TableResult) -> str:
    """What the 95 % intervals cover."""
    kinds = result.provenance.covers
    return " or ".join(kinds) + (", as the row's seeds allow" if len(kinds) > 1 else "")


def _lines(result: TableResult) -> Iterator[str]:
    yield from facts(result)
    if not result.provenance.first_created:
        return
    yield f"± is half of the 95 % interval, which covers {covers(result)}."
    if result.scale == "paper" and result.paper:
        yield (
            f"match: the 95 % interval of ours - published lies within ±{result.margin_points:g} points; higher,"
            " lower: it excludes 0 and isn't within; n/c: not comparable. What another training of the paper's network"
            " would have given isn't known and isn't covered."
        )
    if result.against:
        yield (
            f"Against {result.against}: on the same videos, seed by seed; p adjusted over the column's rows (Holm);"
            f" *: p ≤ {SIGNIFICANT:g}."
        )


def _range(numbers: tuple[int, ...]) -> str:
    if not numbers:
        return ABSENT
    return f"{numbers[0]:,}" if numbers[0] == numbers[-1] else f"{numbers[0]:,} to {numbers[-1]:,}"


def _table(result: TableResult, *, compact: bool) -> Grid:
    rows = result.rows
    metrics = tuple(dict.fromkeys(cell.metric for row in rows for cell in row.cells))
    columns: list[Column] = []
    texts: list[list[str]] = [[] for _ in rows]

    def add(heading: str, cells: list[str], *, right: bool = True) -> None:
        columns.append(Column(heading, right))
        for row, cell in zip(texts, cells, strict=True):
            row.append(cell)

    for label in dict.fromkeys(label for row in rows for label in row.labels):
        add(label, [row.labels.get(label, ABSENT) for row in rows], right=False)
    if any(row.parameters for row in rows):
        decimals = max((_decimals(row.published_parameters) for row in rows), default=1)
        add("params M", [_millions(row.parameters, decimals) for row in rows])
    at_paper_scale = result.scale == "paper"
    if any(row.published_parameters for row in rows) and (at_paper_scale or not compact):
        add("paper M", [row.published_parameters or ABSENT for row in rows])
    if not compact and any(row.macs for row in rows):
        add("GMACs", [f"{row.macs / 1e9:.4g}" if row.macs else ABSENT for row in rows])
    for metric in metrics:
        cells = [next((cell for cell in row.cells if cell.metric == metric), None) for row in rows]
        decimals = max((cell.published.decimals for cell in cells if cell and cell.published), default=1)
        add(
            metric if compact else f"{metric} (95 % CI)",
            [_ours(cell.ours if cell else None, decimals) for cell in cells],
        )
        for group in dict.fromkeys(group for row in rows for group in row.groups):
            measured = [row.groups.get(group, {}).get(metric) for row in rows]
            if any(measured):
                add(group if compact else f"{metric} {group}", [_ours(ours, decimals) for ours in measured])
        # 120 columns don't hold two comparisons; at other scales than the paper's its numbers say less.
        crowded = compact and result.against and not at_paper_scale
        if any(cell and cell.published for cell in cells) and not crowded:
            add("paper", [cell.published.text if cell and cell.published else ABSENT for cell in cells])
        if at_paper_scale and result.paper:
            if compact:
                add("Δ", [_judged(cell, decimals) for cell in cells], right=False)
            else:
                add("Δ (95 % CI)", [_difference(cell.difference if cell else None, decimals) for cell in cells])
                add("verdict", [_verdict(cell) for cell in cells], right=False)
        if result.against:
            others = [cell.against if cell else None for cell in cells]
            name = f"against {result.against}"
            add(name if compact else f"{name} (95 % CI)", [_against(other, decimals) for other in others])
            if not compact:
                add("p (Holm)", [p_value(other.p_holm) if other else ABSENT for other in others])
    if not at_paper_scale or not result.paper:
        add("status", [_row_verdict(row) for row in rows], right=False)
    for name in dict.fromkeys(name for row in rows for name in row.cost):
        add(_cost_heading(name), [_cost(name, row.cost.get(name)) for row in rows])
    if not compact:
        add("n", [_videos(row) for row in rows])
        add("seeds", [_seeds(row) for row in rows])
        add("run", [run_text(row.digests) for row in rows], right=False)
    return Grid(tuple(columns), tuple(map(tuple, texts)))


def _ours(ours: Ours | None, decimals: int) -> str:
    return with_half(ours.value, ours.low, ours.high, decimals) if ours else ABSENT


def _difference(difference: Difference | None, decimals: int) -> str:
    if difference is None:
        return ABSENT
    return with_half(difference.value, difference.low, difference.high, decimals, sign=True)


def _against(other: Against | None, decimals: int) -> str:
    if other is None:
        return ABSENT
    return _difference(other.difference, decimals) + (" *" if other.is_significant else "")


def _verdict(cell: Cell | None) -> str:
    if cell is None:
        return ABSENT
    word = ABSENT if cell.verdict == "unpublished" else cell.verdict
    return " ".join([word, *(f"[{note}]" for note in cell.notes)])


def _row_verdict(row: Row) -> str:
    """One word for the row, where none of its cells is judged against a published number."""
    words = dict.fromkeys(ABSENT if cell.verdict == "unpublished" else cell.verdict for cell in row.cells)
    if len(words) > 1:
        words.pop(ABSENT, None)
    notes = sorted({note for cell in row.cells for note in cell.notes})
    return " ".join([*words, *(f"[{note}]" for note in notes)])


def _judged(cell: Cell | None, decimals: int) -> str:
    if cell is None or cell.difference is None:
        return _verdict(cell)
    return f"{_difference(cell.difference, decimals)} {_verdict(cell)}"


def _decimals(text: str | None) -> int:
    return len(text.partition(".")[2]) if text else 1


def _millions(number: int | None, decimals: int) -> str:
    if number is None:
        return ABSENT
    return f"{number / 1e6:.{decimals}f}" if number >= 1e6 else f"{number / 1e6:.3f}"


def _cost_heading(name: str) -> str:
    if name == "gmacs_per_video":
        return "GMACs per video"
    if name.endswith("_seconds"):
        return name.removesuffix("_seconds").replace("_", " ") + " h"
    return name.replace("_", " ")


def _cost(name: str, value: float | None) -> str:
    if value is None:
        return ABSENT
    if name == "gmacs_per_video":
        return f"{value:.4g}"
    return f"{value / 3600:.3g}" if name.endswith("_seconds") else f"{value:,.0f}"


def _videos(row: Row) -> str:
    if row.num_evaluated is None or row.num_expected is None:
        return ABSENT
    if row.num_evaluated == row.num_expected:
        return f"{row.num_evaluated:,}"
    return f"{row.num_evaluated:,}/{row.num_expected:,}"


def _seeds(row: Row) -> str:
    numbers = [cell.ours.num_seeds for cell in row.cells if cell.ours]
    return str(max(numbers)) if numbers else ABSENT


def run_text(digests: Sequence[str]) -> str:
    """Evaluations as a reader can name them: the first by the beginning of its digest, the others counted."""
    if not digests:
        return ABSENT
    more = f" +{len(digests) - 1}" if len(digests) > 1 else ""
    return digests[0][:8] + more


def _claims(result: TableResult) -> Grid:
    def line(statement: Statement) -> tuple[str, ...]:
        total = statement.agree + statement.contradict + statement.undecided + statement.pending
        return (
            statement.claim,
            f"{statement.metric}, {statement.column}",
            statement.group or "all",
            statement.verdict,
            f"{statement.agree}/{total}",
            _difference(statement.weakest, 1),
            " - ".join(statement.between) if statement.between else ABSENT,
        )

    return Grid(
        (
            Column("claim", right=False),
            Column("column", right=False),
            Column("videos", right=False),
            Column("verdict", right=False),
            Column("agree"),
            Column("least difference"),
            Column("between", right=False),
        ),
        tuple(line(statement) for statement in result.statements),
    )


def _pairs(pairs: tuple[PairCount, ...]) -> Grid:
    return Grid(
        (
            Column("column", right=False),
            Column("videos", right=False),
            *(Column(name) for name in ("agree", "contradict", "undecided", "pending")),
        ),
        tuple(
            (
                f"{pair.metric}, {pair.column}",
                pair.group or "all",
                *map(str, (pair.agree, pair.contradict, pair.undecided, pair.pending)),
            )
            for pair in pairs
        ),
    )
