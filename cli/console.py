"""Printing: one console, plain tables, JSON."""

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console, RenderableType


WIDTH_IN_PIPES = 1000
"""Nothing is folded to fit a terminal that isn't there."""


def console(*, stderr: bool = False) -> "Console":
    """Return a console that wraps on a terminal and leaves lines whole in a pipe or file."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    if stream.isatty():
        return Console(stderr=stderr, highlight=False)
    return Console(stderr=stderr, highlight=False, soft_wrap=True, width=WIDTH_IN_PIPES)


def print_table(headings: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print a table without rules; numbers to the right."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for number, heading in enumerate(headings):
        numeric = bool(rows) and all(isinstance(row[number], int | float) for row in rows)
        table.add_column(heading, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(shown(value)) for value in row))
    print_block(table)


def print_block(block: "RenderableType") -> None:
    """Print tables and the like; in a pipe without the blanks that fill their lines up."""
    out = console()
    if sys.stdout.isatty():
        out.print(block)
        return
    with out.capture() as captured:
        out.print(block, soft_wrap=False)
    for line in captured.get().splitlines():
        print(line.rstrip())


def shown(value: Any) -> str:
    """Return a value as YAML would have it."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple | list):
        return f"[{', '.join(shown(item) for item in value)}]"
    if isinstance(value, int):
        return f"{value:,}" if abs(value) >= 10_000 else str(value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def print_json(value: Any) -> None:
    print(json.dumps(value, indent=2, ensure_ascii=False, default=str))
