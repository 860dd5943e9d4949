"""The table an experiment asks for."""

from collections.abc import Sequence

from videobench.errors import ConfigError, VideobenchError
from videobench.published.paper import load_paper
from videobench.spec.expand import Experiment, Row, row_matches
from videobench.spec.experiment import PublishedCells
from videobench.tables.request import TableRequest, TableRow

DEFAULT_METRICS = ("clip@1", "video@1")
"""What an experiment without published numbers shows."""

OF_CLIPS = "clip@1"
"""Single clips aren't fused."""


def table_request(experiment: Experiment, *, only: Sequence[str] = (), against: str | None = None) -> TableRequest:
    """Return the request for ``experiment``'s table, with all rows or those whose name matches ``only``.

    ``against`` is the name of the row that the others are compared with.
    """
    paper, _, table = (experiment.table or "").partition("/")
    rows = [row for row in experiment.rows if not only or any(row_matches(row.name, pattern) for pattern in only)]
    return TableRequest(
        title=experiment.title,
        experiment=experiment.name,
        scale=experiment.scale,
        paper=paper or None,
        table=table or None,
        rows=tuple(_row(row, experiment) for row in rows),
        data_note=_data_note(experiment),
        cost=experiment.show,
        against=against,
    )


def check_published(published: PublishedCells) -> list[str]:
    """Return what is wrong with a reference to published numbers; nothing when paper, table and columns exist."""
    name, _, table_id = published.table.partition("/")
    try:
        table = load_paper(name).table(table_id)
    except VideobenchError as error:
        return [str(error)]
    unknown = [column for column in published.row if column not in table.columns]
    return [f"{published.table} has no column {column!r}; legal: {', '.join(table.columns)}" for column in unknown]


def _row(row: Row, experiment: Experiment) -> TableRow:
    measured = {
        name.removeprefix("evaluate."): list(value) if isinstance(value, tuple) else value
        for name, value in row.settings.items()
        if name.startswith("evaluate.")
    }
    measured["data.name"] = row.replicas[0].measured[0].evaluation.data.name  # an official set's is no setting
    _check_cells(row, experiment)
    cells = row.cells or dict.fromkeys(DEFAULT_METRICS)
    return TableRow(
        name=row.name,
        labels=row.labels,
        published_row=row.published,
        digests=tuple(replica.digest for replica in row.replicas),
        cells={metric: column for metric, column in cells.items() if not (row.is_fused and metric == OF_CLIPS)},
        settings=measured,
        command=f"videobench train {_quoted(experiment.name)} --scale {experiment.scale} --only {_quoted(row.name)}",
    )


def _check_cells(row: Row, experiment: Experiment) -> None:
    """Refuse a published row or column that the paper's table doesn't have."""
    if not experiment.table or row.published is None:
        return
    name, _, table_id = experiment.table.partition("/")
    table = load_paper(name).table(table_id)
    for column in row.cells.values():
        try:
            table.cell(where=row.published, column=column)
        except VideobenchError as error:
            raise ConfigError(f"row {row.name}: {error}", where=f"{experiment.path}: published") from None


def _data_note(experiment: Experiment) -> str:
    replicas = [part for row in experiment.rows for replica in row.replicas for part in replica.measured]
    names = {str(replica.evaluation.data.name) for replica in replicas}
    return ", ".join(sorted(names))


def _quoted(name: str) -> str:
    return name if name.replace("/", "").replace("_", "").replace("-", "").replace(".", "").isalnum() else f"'{name}'"
