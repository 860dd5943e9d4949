"""A table as a picture: accuracy along a numeric axis as lines, or row by row as dots, with 95 % intervals."""

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

from videobench.errors import DataError
from videobench.tables.document import covers, facts, title_of
from videobench.tables.picture import save_picture
from videobench.tables.result import Cell, Ours, Row, TableResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_COLUMNS = 4

MIN_POINTS = 3
"""From as many different values on, a numeric column is an axis."""

_LOGARITHMIC_FROM = 20
"""Last value by first from which an axis is logarithmic."""


@dataclass(frozen=True)
class _Panel:
    """One metric, on all videos or one class group."""

    metric: str
    group: str | None

    def cell(self, row: Row) -> Cell | None:
        return next((cell for cell in row.cells if cell.metric == self.metric), None)

    def ours(self, row: Row) -> Ours | None:
        if self.group:
            return row.groups.get(self.group, {}).get(self.metric)
        cell = self.cell(row)
        return cell.ours if cell else None

    def published(self, row: Row) -> float | None:
        cell = None if self.group else self.cell(row)
        return 100 * cell.published.fraction if cell and cell.published else None


def plot_table(result: TableResult, path: Path) -> None:
    """Draw a table's accuracies, a panel for each metric and class group, and the published ones beside them.

    DataError when nothing is measured yet.
    """
    from matplotlib.figure import Figure

    panels = _panels(result)
    if not panels:
        commands = [cell.command for row in result.rows for cell in row.cells if cell.command]
        raise DataError(
            "no run of this table is done yet", where=result.experiment, hint=f"do one first: {commands[0]}"
        )
    axis = numeric_axis(result.rows)
    num_lines = math.ceil(len(panels) / MAX_COLUMNS)
    num_columns = math.ceil(len(panels) / num_lines)
    width = (3.0 if axis else 4.0) + 2.6 * num_columns  # inches
    height = num_lines * (3.2 if axis else 0.7 + 0.27 * len(result.rows)) + 1.2
    figure = Figure(figsize=(width, height), layout="constrained")
    grid = figure.subplots(num_lines, num_columns, squeeze=False, sharey=not axis)
    for axes, panel in zip_longest(grid.flat, panels):
        if panel is None:
            axes.set_visible(False)
            continue
        axes.set_title(f"{panel.metric} (%), {panel.group or 'all videos'}", fontsize="medium")
        axes.grid(visible=True, alpha=0.3)
        if axis:
            _draw_lines(axes, panel, result, axis)
        else:
            _draw_dots(axes, panel, result)
    handles, labels = grid.flat[0].get_legend_handles_labels()
    if len(labels) > 1:
        figure.legend(handles, labels, loc="outside right upper", fontsize="small")
    _write_words(figure, result, width)
    save_picture(figure, path)


def _panels(result: TableResult) -> list[_Panel]:
    """Every metric on all videos and on each class group, where anything was measured."""
    metrics = dict.fromkeys(cell.metric for row in result.rows for cell in row.cells)
    groups = (None, *dict.fromkeys(group for row in result.rows for group in row.groups))
    panels = [_Panel(metric, group) for metric in metrics for group in groups]
    return [panel for panel in panels if any(panel.ours(row) for row in result.rows)]


def numeric_axis(rows: Sequence[Row]) -> str | None:
    """Return the column whose values are numbers, enough of them for a line; None without one."""
    for label in dict.fromkeys(label for row in rows for label in row.labels):
        values = {_number(row.labels.get(label)) for row in rows}
        if None not in values and len(values) >= MIN_POINTS:
            return label
    return None


def _draw_lines(axes: "Axes", panel: _Panel, result: TableResult, axis: str) -> None:
    lines: dict[str, list[tuple[float, Row]]] = {}
    for row in result.rows:
        name = ", ".join(text for label, text in row.labels.items() if label != axis)
        lines.setdefault(name, []).append((float(row.labels[axis]), row))
    for number, (name, points) in enumerate(lines.items()):
        points.sort(key=lambda point: point[0])
        colour = f"C{number % 10}"
        measured = [(x, ours) for x, row in points if (ours := panel.ours(row))]
        xs = [x for x, _ in measured]
        axes.plot(xs, [100 * ours.value for _, ours in measured], ".-", color=colour, label=_of("ours", name))
        bounds = [_bounds(ours) for _, ours in measured]
        axes.fill_between(xs, [low for low, _ in bounds], [high for _, high in bounds], color=colour, alpha=0.2, lw=0)
        printed = [(x, value) for x, row in points if (value := panel.published(row)) is not None]
        if printed:
            label = _of(_published(result), name)
            axes.plot(*zip(*printed, strict=True), "x--", color=colour if name else "grey", alpha=0.7, label=label)
    axes.set_xlabel(axis.replace("_", " "))
    values = sorted({float(row.labels[axis]) for row in result.rows})
    if values[0] > 0 and values[-1] / values[0] >= _LOGARITHMIC_FROM:
        axes.set_xscale("log")
        shown = [value for value in values if value in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)] or values
        axes.set_xticks(shown, [f"{value:g}" for value in shown])
        axes.set_xticks([], minor=True)


def _draw_dots(axes: "Axes", panel: _Panel, result: TableResult) -> None:
    measured = [(height, ours) for height, row in enumerate(result.rows) if (ours := panel.ours(row))]
    values = [100 * ours.value for _, ours in measured]
    heights = [height for height, _ in measured]
    low, high = zip(*(_bounds(ours) for _, ours in measured), strict=True)
    axes.hlines(heights, low, high, color="C0", linewidth=2, alpha=0.6)
    axes.plot(values, heights, "o", color="C0", label="ours")
    printed = [(value, n) for n, row in enumerate(result.rows) if (value := panel.published(row)) is not None]
    if printed:
        axes.plot(*zip(*printed, strict=True), "x", color="grey", label=_published(result))
    axes.set_yticks(range(len(result.rows)), [" ".join(row.labels.values()) for row in result.rows])
    axes.set_ylim(len(result.rows) - 0.5, -0.5)


def _bounds(ours: Ours) -> tuple[float, float]:
    """The interval in percent, as far as it lies between 0 and 100."""
    return 100 * max(ours.low, 0.0), 100 * min(ours.high, 1.0)


def _published(result: TableResult) -> str:
    return "published" if result.scale == "paper" else "published, other data"


def _of(what: str, name: str) -> str:
    return f"{name}, {what}" if name else what


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _write_words(figure: "Figure", result: TableResult, width: float) -> None:
    """Put the title above the panels, and what was measured below them."""
    title = textwrap.fill(title_of(result), int(8 * width))  # beside the legend
    figure.suptitle(title, x=0.01, horizontalalignment="left")
    caption = " ".join([*facts(result), f"Intervals are 95 % ones and cover {covers(result)}."])
    figure.supxlabel(textwrap.fill(caption, int(18 * width)), fontsize=7, x=0.01, horizontalalignment="left")
