"""Progress: bars on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .console import console

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

    from videobench.runner.events import Event
    from videobench.runner.plan import Plan

SECONDS_BETWEEN_LINES = 10.0


@contextmanager
def watching(plan: "Plan") -> Iterator[Callable[["Event"], None]]:
    """Yield a function that shows events as they come."""
    num_units = len(plan.needed_trainings()) + len(plan.missing_evaluations())
    if sys.stderr.isatty():
        with _bars() as progress:
            yield _Bars(progress, num_units)
    else:
        yield _Lines(console(stderr=True), num_units)


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
        self._print(event)

    def _print(self, event: "Event") -> None:
        if event.kind in ("finished", "failed") and event.unit != "data":
            self._done += 1
            count = f"[{self._done}/{self._num_units}] "
        else:
            count = ""
        text = describe(event)
        if text:
            self._out.print(f"{count}{event.label}: {text}", markup=False)


class _Bars:
    """One bar per running unit and one for the whole."""

    def __init__(self, progress: "Progress", num_units: int) -> None:
        self._progress = progress
        self._total = progress.add_task("all", total=num_units, text="") if num_units else None
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, event: "Event") -> None:
        progress = self._progress
        key = f"{event.unit} {event.key}"
        if key not in self._tasks and event.kind in ("started", "progress"):
            verb = {"data": "data", "training": "train", "evaluation": "eval"}[event.unit]
            self._tasks[key] = progress.add_task(f"{verb} {event.label}", total=None, text="")
        if key in self._tasks:
            done, total = counts(event)
            shown = describe(event)
            progress.update(self._tasks[key], completed=done, total=total, text=shown)
        if event.kind in ("finished", "failed"):
            if key in self._tasks:
                progress.remove_task(self._tasks.pop(key))
            if event.unit != "data":
                progress.console.print(f"{event.label}: {describe(event)}", markup=False)
                if self._total is not None:
                    progress.advance(self._total)


def counts(event: "Event") -> tuple[int | None, int | None]:
    """Return how many of how many, as far as the event says."""
    values = event.values
    if event.unit == "data":
        return values.get("done"), values.get("total")
    if event.unit == "training":
        return values.get("step"), values.get("num_steps")
    return values.get("views"), values.get("num_views")


def describe(event: "Event") -> str:
    """Say in one line what an event says."""
    values = event.values
    if event.kind == "failed":
        return f"FAILED: {values['message']}"
    if event.unit == "data":
        if event.kind == "started":
            return str(values["text"])
        return f"{values['done']}/{values['total']} videos" if event.kind == "progress" else ""
    if event.kind == "started":
        if event.unit == "training":
            return f"training, {values['num_steps']} steps"
        return f"evaluating {values['num_views']} views, {values['stored']} stored already"
    if event.kind == "finished":
        result = f", video@1 {values['video@1']:.1f} %" if "video@1" in values else ""
        verb = "trained" if event.unit == "training" else "evaluated"
        return f"{verb} in {duration(values['seconds'])}{result}"
    if event.unit == "evaluation":
        return f"{values['views']}/{values['num_views']} views"
    return training_line(values)


def training_line(values: "dict[str, float] | object") -> str:
    """Say where a training stands: loss, accuracy, rate, share of time spent waiting for data, time left."""
    assert hasattr(values, "__getitem__")
    line = (
        f"step {values['step']}/{values['num_steps']}  loss {values['loss']:.3f}  clip@1 {values['clip_at_1']:.1f} %"
        f"  {values['clips_per_second']:.0f} clips/s  data-wait {100 * values['data_wait_share']:.0f} %"
        f"  eta {duration(values['eta_seconds'])}"
    )
    validation = values["validation"]
    return line + "".join(f"  val[clip {name}] {value:.1f} %" for name, value in validation.items())


def duration(seconds: float) -> str:
    """Return seconds as 8 s, 2:05 or 1:02:05."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _bars() -> "Progress":
    from rich.progress import BarColumn, Progress, TextColumn

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=20),
        TextColumn("{task.fields[text]}", markup=False),
        console=console(stderr=True),
        refresh_per_second=4,
    )
