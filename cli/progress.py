"""Progress: bars on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .console import console
from .wording import MEDIUM, describe

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

    from videobench.runner.events import Event
    from videobench.runner.plan import Plan

SECONDS_BETWEEN_LINES = 10.0
VERBS = {"data": "data", "training": "train", "evaluation": "eval", "fusion": "fuse"}


@contextmanager
def watching(plan: "Plan | None" = None) -> Iterator[Callable[["Event"], None]]:
    """Yield a function that shows events as they come, and how much of ``plan`` is done."""
    num_units = len(plan.to_do()) if plan else 0
    out = console(stderr=True)
    if sys.stderr.isatty():
        with _bars(out) as progress:
            yield _Bars(progress, num_units)
    else:
        yield _Lines(out, num_units)


class _Lines:
    """A line when something starts or ends, and now and then in between."""

    def __init__(self, out: "Console", num_units: int) -> None:
        self._out = out
        self._num_units = num_units
        self._done = 0
        self._last: dict[str, float] = {}

    def __call__(self, event: "Event") -> None:
        now = time.monotonic()
        if event.kind == "progress":
            if now - self._last.setdefault(event.key, now) < SECONDS_BETWEEN_LINES:
                return
            self._last[event.key] = now
        count, step = "", ""
        if event.kind in ("finished", "failed") and event.unit != "data":
            self._done += 1
            count = f"[{self._done}/{self._num_units}] "
        if event.kind == "progress" and event.unit == "training":
            step = f"step {event.values['step']}/{event.values['num_steps']}  "
        if _is_news(event):
            self._out.print(f"{count}{event.label}: {step}{describe(event)}", markup=False)


class _Bars:
    """One bar per running unit and, below them, one for the whole."""

    def __init__(self, progress: "Progress", num_units: int) -> None:
        self._progress = progress
        self._num_units = num_units
        self._done = 0
        self._total: TaskID | None = None
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, event: "Event") -> None:
        progress, width = self._progress, self._progress.console.width
        key = f"{event.unit} {event.key}"
        if event.kind in ("finished", "failed"):
            if key in self._tasks:
                progress.remove_task(self._tasks.pop(key))
            if _is_news(event):
                self._conclude(event)
            return
        if key not in self._tasks:
            name = f"{VERBS[event.unit]} {event.label}"
            self._tasks[key] = progress.add_task(name, total=None, text="")
            self._show_total_last()
        done, total = counts(event)
        progress.update(self._tasks[key], completed=done, total=total, text=describe(event, width=width))

    def _conclude(self, event: "Event") -> None:
        self._done += event.unit != "data"
        style = "red" if event.kind == "failed" else None
        self._progress.console.print(f"{event.label}: {describe(event)}", markup=False, style=style)
        self._show_total_last()

    def _show_total_last(self) -> None:
        if not self._num_units:
            return
        if self._total is not None:
            self._progress.remove_task(self._total)
        self._total = self._progress.add_task(
            "all", completed=self._done, total=self._num_units, text=f"{self._done}/{self._num_units} units done"
        )


def _is_news(event: "Event") -> bool:
    """Whether it deserves a line: data that is ready doesn't, unless some of it is left out."""
    return event.unit != "data" or event.kind != "finished" or "skipped" in event.values


def counts(event: "Event") -> tuple[int | None, int | None]:
    """Return how many of how many, as far as the event says."""
    values = event.values
    if event.unit == "data":
        return values.get("done"), values.get("total")
    if event.unit == "training":
        return values.get("step"), values.get("num_steps")
    return values.get("views"), values.get("num_views")


def _bars(out: "Console") -> "Progress":
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
    from rich.table import Column

    # A name gives way to the figures, and no line is ever broken.
    return Progress(
        TextColumn(
            "{task.description}",
            markup=False,
            table_column=Column(no_wrap=True, overflow="ellipsis", max_width=max(16, out.width // 4)),
        ),
        BarColumn(bar_width=20 if out.width >= MEDIUM else 10),
        TaskProgressColumn("{task.percentage:>3.0f} %", text_format_no_percentage="     "),
        TextColumn("{task.fields[text]}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis")),
        console=out,
        refresh_per_second=4,
        transient=True,
    )
