"""Put our records beside the published numbers: reads records, evaluates nothing, writes nothing."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from videobench.errors import ConfigError
from videobench.published.paper import PublishedTable, load_paper
from videobench.tables.against import Reference
from videobench.tables.claims import Comparisons, count_pairs, judge_claims
from videobench.tables.costs import cost_of
from videobench.tables.footnotes import notes_on
from videobench.tables.found import FoundRow, find_row, provenance_of, refuse_mixed_data
from videobench.tables.request import TableRequest, TableRow
from videobench.tables.result import Cell, Difference, Ours, PublishedNumber, Row, TableResult
from videobench.tables.verdict import published_interval, verdict_of
from videobench.tables.views import ViewCounts

__all__ = ["TableRequest", "TableRow", "join"]

_DOUBTS = {
    "prose": "stated only in the paper's text",
    "unverified": "UNVERIFIED: recalled, not read in the paper",
}


@dataclass(frozen=True, eq=False)
class _Table:
    """What the rows of a table have in common; ``footnotes`` grow as they are made."""

    request: TableRequest
    published: PublishedTable | None
    reference: Reference | None
    views: ViewCounts
    footnotes: list[str] = field(default_factory=list)

    def number(self, note: str) -> int:
        """Return the number of a footnote, the same for the same sentence."""
        if note not in self.footnotes:
            self.footnotes.append(note)
        return self.footnotes.index(note) + 1


def join(request: TableRequest, folder: Path) -> TableResult:
    """Join a table's rows with the records in ``folder`` and with the published numbers.

    At paper scale every cell is judged against its published number; at other scales, where the data and the
    networks differ, the paper's claims and the pairs it separates are judged instead and each published number is
    marked `n/c`. A row without all of its records is `pending`. Records of another scale are left out with a
    note; DataError when rows were evaluated on different copies of one data set.
    """
    paper = load_paper(request.paper) if request.paper else None
    published = paper.table(request.table) if paper and request.table else None
    found = [find_row(row, request.scale, folder) for row in request.rows]
    records = [record for row in found for record in row.records]
    refuse_mixed_data(records)
    reference = Reference(found, request.against) if request.against else None
    table = _Table(request, published, reference, ViewCounts(folder))
    rows = tuple(_row(row, table) for row in found)
    comparisons = Comparisons(found) if published and request.scale != "paper" else None
    measured = [cell.ours for row in rows for cell in row.cells if cell.ours]
    return TableResult(
        title=request.title,
        experiment=request.experiment,
        scale=request.scale,
        data_note=request.data_note,
        paper=f"{paper.title} ({paper.venue})" if paper else None,
        table=published.name if published else None,
        dataset=published.dataset if published else None,
        margin_points=request.margin_points,
        rows=rows,
        footnotes=tuple(table.footnotes),
        statements=judge_claims(published, comparisons) if published and comparisons else (),
        pairs=count_pairs(published, comparisons, request.margin_points) if published and comparisons else (),
        provenance=provenance_of(records, measured),
        against=request.against,
    )


def _row(found: FoundRow, table: _Table) -> Row:
    row, published = found.row, table.published
    record = found.records[0] if found.records else None
    printed = published.row(row.published_row) if published and row.published_row is not None else {}
    counts = published.parameters if published else None
    # Seeds of one split saw the same videos: the one that could read least stands for them.
    most_first = sorted((one.data for one in found.records), key=lambda data: -data.num_evaluated)
    splits = {data.videos_fingerprint: data for data in most_first}.values()
    groups: dict[str, dict[str, Ours]] = {}
    for group in found.groups:
        measured = {metric: found.measured(metric, group) for metric in row.cells}
        groups[group] = {metric: ours for metric, ours in measured.items() if ours}
    return Row(
        name=row.name,
        labels=row.labels,
        cells=tuple(_cell(found, metric, table) for metric in row.cells),
        groups=groups,
        parameters=getattr(record.network, counts.counts if counts else "parameters") if record else None,
        published_parameters=printed.get(counts.column) if counts else None,
        macs=record.network.macs if record else None,
        cost={name: cost_of(found.records, name, table.views) for name in table.request.cost},
        num_evaluated=sum(data.num_evaluated for data in splits) if record else None,
        num_expected=sum(data.num_expected for data in splits) if record else None,
        digests=row.digests,
    )


def _cell(found: FoundRow, metric: str, table: _Table) -> Cell:
    row, ours = found.row, found.measured(metric)
    request, published, reference = table.request, table.published, table.reference
    theirs = _published_number(row, row.cells[metric], published)
    notes = list(notes_on(found, table.views))
    if reference and (note := reference.note(found)):
        notes.append(note)
    if theirs and theirs.status in _DOUBTS:
        notes.append(_DOUBTS[theirs.status])
    against = reference.difference(found, metric) if reference else None
    cell = Cell(metric=metric, ours=ours, published=theirs, difference=None, verdict="unpublished", against=against)
    if not found.complete or ours is None:
        notes.append(f"to fill it: {row.command}")
        cell = replace(cell, verdict="pending", command=row.command)
    elif theirs and published and request.scale != "paper":
        notes.append(f"{request.data_note} at {request.scale} scale: other data and size than the paper's")
        cell = replace(cell, verdict="n/c")
    elif theirs and published:
        differing = _differing(row, theirs.column, published)
        notes += differing
        num_videos = published.num_videos.get(theirs.column, ours.num_videos)
        low, high = published_interval(
            ours.value, ours.low, ours.high, published=theirs.fraction, num_videos=num_videos
        )
        cell = replace(
            cell,
            difference=Difference(value=ours.value - theirs.fraction, low=low, high=high),
            verdict="n/c" if differing else verdict_of(low, high, margin=request.margin_points / 100),
        )
    return replace(cell, notes=tuple(sorted({table.number(note) for note in notes})))


def _published_number(row: TableRow, column: str | None, published: PublishedTable | None) -> PublishedNumber | None:
    if published is None or row.published_row is None or column is None:
        return None
    text = published.cell(where=row.published_row, column=column)
    if text is None:
        return None
    try:
        float(text)
    except ValueError as error:
        raise ConfigError(
            f"column {column!r} holds {text!r}, which is no number to compare with",
            where=f"row {row.name}",
            hint=f"Choose a column of percentages from {', '.join(published.columns)}.",
        ) from error
    return PublishedNumber(text=text, status=published.status, column=column)


def _differing(row: TableRow, column: str, published: PublishedTable) -> list[str]:
    """A footnote for each field in which ours isn't the paper's; one that ours doesn't state differs as well."""
    assert row.published_row is not None
    notes = []
    for name, value in published.expected(where=row.published_row, column=column).items():
        ours = row.settings.get(name)
        if _plain(ours) != _plain(value):
            notes.append(f"{name} is {_words(ours)} here, {_words(value)} in the paper")
    return notes


def _plain(value: object) -> object:
    return tuple(value) if isinstance(value, list | tuple) else value


def _words(value: object) -> str:
    if isinstance(value, list | tuple):
        return " ".join(map(str, value))
    return "not stated" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
