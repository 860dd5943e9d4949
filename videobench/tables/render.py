"""A table result in every format: terminal, markdown, LaTeX, HTML for reading; CSV and JSON, unrounded, for code."""

import csv
import io
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict
from html import escape
from typing import Any

from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text
from tabulate import tabulate

from videobench.tables.document import Document, Grid, document_of
from videobench.tables.result import Against, TableResult

_STYLES = {"match": "green", "agree": "green", "contradict": "red", "pending": "dim", "n/c": "dim"}


def to_terminal(result: TableResult) -> Group:
    """A rich renderable that stays readable in 120 columns."""
    document = document_of(result, compact=True)
    parts: list[Any] = [Text(document.title, style="bold"), *map(Text, document.lines), _rich(document.table)]
    parts += [Text(note, style="dim") for note in document.footnotes]
    for heading, grid, texts in _annexes(document):
        parts += [Padding(Text(heading, style="bold"), (1, 0, 0, 0)), *map(Text, texts), _rich(grid)]
    return Group(*parts)


def to_markdown(result: TableResult) -> str:
    """GitHub markdown with right-aligned numbers."""
    document = document_of(result)
    parts = [f"**{document.title}**", "\n".join(f"{line}  " for line in document.lines).rstrip()]
    parts += [_markdown(document.table)]
    if document.footnotes:
        parts.append("  \n".join(document.footnotes))
    for heading, grid, texts in _annexes(document):
        parts += [f"**{heading}**", *(["  \n".join(texts)] if texts else []), _markdown(grid)]
    return "\n\n".join(parts) + "\n"


def to_html(result: TableResult) -> str:
    """An HTML fragment."""
    document = document_of(result)
    parts = [f"<h3>{escape(document.title)}</h3>", *(f"<p>{escape(line)}</p>" for line in document.lines)]
    parts += [_tabulated(document.table, "html")]
    parts += [f"<p>{escape(note)}</p>" for note in document.footnotes]
    for heading, grid, texts in _annexes(document):
        parts += [f"<h4>{escape(heading)}</h4>", *(f"<p>{escape(text)}</p>" for text in texts)]
        parts.append(_tabulated(grid, "html"))
    return "\n".join(parts) + "\n"


def to_latex(result: TableResult) -> str:
    """LaTeX tables (booktabs), what goes around them as comments."""
    document = document_of(result)
    parts = [f"% {line}" for line in (document.title, *document.lines)]
    parts += [_latex(document.table), *(f"% {note}" for note in document.footnotes)]
    for heading, grid, texts in _annexes(document):
        parts += [f"% {line}" for line in (heading, *texts)]
        parts.append(_latex(grid))
    return "\n".join(parts) + "\n"


def to_csv(result: TableResult) -> str:
    """One line per row and metric, accuracies as unrounded fractions, empty where there is none."""
    lines: list[dict[str, Any]] = []
    for row in result.rows:
        shared = {
            "experiment": result.experiment,
            "scale": result.scale,
            "row": row.name,
            **{f"label.{label}": text for label, text in row.labels.items()},
            "parameters": row.parameters,
            "published_parameters_M": row.published_parameters,
            "macs": row.macs,
            **row.cost,
            "num_evaluated": row.num_evaluated,
            "num_expected": row.num_expected,
            "digests": " ".join(row.digests),
        }
        for cell in row.cells:
            difference, against = cell.difference, cell.against
            lines.append(
                {
                    **shared,
                    "metric": cell.metric,
                    "group": "",
                    **(asdict(cell.ours) if cell.ours else {}),
                    "published_percent": cell.published.text if cell.published else None,
                    "published_status": cell.published.status if cell.published else None,
                    "difference": difference.value if difference else None,
                    "difference_low": difference.low if difference else None,
                    "difference_high": difference.high if difference else None,
                    "verdict": cell.verdict,
                    **_against(result.against, against),
                    "notes": "; ".join(result.footnotes[note - 1] for note in cell.notes),
                }
            )
        for group, metrics in row.groups.items():
            lines += [{**shared, "metric": name, "group": group, **asdict(ours)} for name, ours in metrics.items()]
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, list(dict.fromkeys(name for line in lines for name in line)))
    writer.writeheader()
    writer.writerows(lines)
    return buffer.getvalue()


def to_json(result: TableResult) -> str:
    """The whole result; an interval without bounds is null."""
    return json.dumps(finite(asdict(result)), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


FORMATS: Mapping[str, Callable[[TableResult], str]] = {
    "markdown": to_markdown,
    "csv": to_csv,
    "json": to_json,
    "latex": to_latex,
    "html": to_html,
}
"""The formats that are plain text."""


def _annexes(document: Document) -> list[tuple[str, Grid, tuple[str, ...]]]:
    annexes = []
    if document.claims:
        annexes.append(("The paper's claims, on our runs", document.claims, document.claim_texts))
    if document.pairs:
        caution = ("Each interval is a 95 % one by itself: among many pairs a few contradict by chance.",)
        annexes.append(("Pairs that the paper separates, on our runs", document.pairs, caution))
    return annexes


def _against(row: str | None, against: Against | None) -> dict[str, Any]:
    if against is None:
        return {}
    return {
        "against_row": row,
        "against_difference": against.difference.value,
        "against_low": against.difference.low,
        "against_high": against.difference.high,
        "against_p": against.p,
        "against_p_holm": against.p_holm,
        "against_test": against.test,
    }


def _rich(grid: Grid) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold", pad_edge=False)
    for column in grid.columns:
        # One word a line: a heading is never the reason for a wide column
        heading = Text(column.heading.replace(" ", "\n"))
        table.add_column(heading, justify="right" if column.right else "left", vertical="bottom", no_wrap=True)
    for row in grid.rows:
        table.add_row(*(Text(cell, style=_style(cell)) for cell in row))
    return table


def _style(cell: str) -> str:
    return next((_STYLES[word] for word in cell.split() if word in _STYLES), "")


def _markdown(grid: Grid) -> str:
    rows = tuple(tuple(cell.replace("|", "\\|") for cell in row) for row in grid.rows)
    return _tabulated(Grid(grid.columns, rows), "pipe")


def _latex(grid: Grid) -> str:
    text = _tabulated(grid, "latex_booktabs")
    for sign, command in (("±", r"$\pm$"), ("Δ", r"$\Delta$"), ("–", "--")):
        text = text.replace(sign, command)
    return text


def _tabulated(grid: Grid, style: str) -> str:
    return tabulate(
        grid.rows,
        headers=[column.heading for column in grid.columns],
        tablefmt=style,
        colalign=["right" if column.right else "left" for column in grid.columns] if grid.rows else None,
        disable_numparse=True,
    )


def finite(value: Any) -> Any:
    """Plain values as JSON can hold them: None for what is infinite or not a number."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
