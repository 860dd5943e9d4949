"""Showing how far a download is."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from videobench.runner.download import Progress


@contextmanager
def showing_transfer(name: str) -> "Iterator[Progress]":
    """Show a bar on a terminal, and nothing elsewhere."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    from .console import console

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    quiet = not sys.stderr.isatty()
    with Progress(*columns, TimeRemainingColumn(), console=console(stderr=True), disable=quiet) as bars:
        bar = bars.add_task(name, total=None)
        yield lambda have, total: bars.update(bar, completed=have, total=total)
