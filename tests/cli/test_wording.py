"""Progress in words: plain lines off a terminal, and what stays of a line on a narrow one."""

import io
from typing import Any

import pytest
from rich.console import Console
from videobench_cli import progress as progress_module
from videobench_cli.progress import _Bars, _bars, _Lines
from videobench_cli.wording import describe, duration

from videobench.runner.events import Event

TRAINING: dict[str, Any] = {
    "step": 50, "num_steps": 200, "loss": 1.2345, "clip_at_1": 41.26, "clips_per_second": 123.4,
    "data_wait_share": 0.034, "max_memory_bytes": 2**29, "eta_seconds": 125.0,
    "validation": {"test[1 view] clip@1": 33.3},
}  # fmt: skip


def event(kind: Any, unit: Any = "training", label: str = "R3D/8 [seed 1]", **values: Any) -> Event:
    return Event(kind, unit, "0123", label, values)


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0 s"), (59.4, "59 s"), (59.6, "1:00"), (3725, "1:02:05")])
def test_durations(seconds: float, text: str) -> None:
    """Seconds alone below a minute, then as a clock."""
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("width", "text"),
    [
        (160, "loss 1.234  clip@1 41.3 %  123 clips/s  data-wait 3 %  0.5 GiB  eta 2:05  test[1 view] clip@1 33.3 %"),
        (100, "loss 1.234  123 clips/s  eta 2:05"),
        (60, "123 clips/s  eta 2:05"),
    ],
)
def test_a_training_at_any_width(width: int, text: str) -> None:
    """The narrower the terminal, the less is said; the time left always is."""
    assert describe(event("progress", **TRAINING), width=width) == text


def test_views_are_named_once() -> None:
    """Two accuracies of the same views follow their name; other views have their own."""
    validation = {"test[10 views] clip@1": 33.3, "test[10 views] video@1": 44.4, "train[1 view] clip@1": 55.5}
    line = describe(event("progress", **{**TRAINING, "validation": validation}), width=160)
    assert line.endswith("eta 2:05  test[10 views] clip@1 33.3 %  video@1 44.4 %  train[1 view] clip@1 55.5 %")


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        (event("started", num_steps=200, start="from scratch"), "training 200 steps from scratch"),
        (event("finished", seconds=65.0, selected=None), "trained in 1:05"),
        (
            event("finished", seconds=65.0, selected={"metric": "video@1", "step": 120}),
            "trained in 1:05, best video@1 after step 120",
        ),
        (event("failed", message="no data"), "FAILED: no data"),
        (
            event("started", "evaluation", num_views=0, stored=3000, unreadable=0),
            "0 of 3,000 views to compute, 3,000 stored",
        ),
        (
            event("started", "evaluation", num_views=2, stored=4, unreadable=1),
            "2 of 6 views to compute, 4 stored; 1 damaged shards left out, `videobench scores ls` names them",
        ),
        (event("progress", "evaluation", views=20, num_views=60, seconds=2.0), "20/60 views  10 views/s  eta 4 s"),
        (
            event("finished", "evaluation", seconds=2.0, computed=60, stored=0, unreadable=0, **{"video@1": 66.66}),
            "video@1 66.7 %, 60 views computed, 0 from the store, 2 s",
        ),
        (event("started", "data", text="decoding 6 videos once"), "decoding 6 videos once"),
        (
            event("started", "evaluation", num_views=60, stored=0, unreadable=0, processes=2),
            "60 of 60 views to compute, 0 stored, on 2 processes",
        ),
        (
            event("progress", "evaluation", views=20, num_views=30, seconds=2.0, processes=2),
            "20/30 views of rank 0's share of 2  10 views/s  eta 1 s",
        ),
        (event("progress", "data", done=3, total=6), "3/6 videos"),
        (
            event("finished", "data", skipped=2, total=6, ledger="small.failures.jsonl"),
            "2 of 6 videos skipped, see small.failures.jsonl",
        ),
    ],
)
def test_every_event_has_words(shown: Event, text: str) -> None:
    """Each kind of event of each unit is one line."""
    assert describe(shown) == text


def test_lines_are_few_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Off a terminal: a line at the start and the end, one every ten seconds between, and ends counted."""
    now = [0.0]
    monkeypatch.setattr(progress_module.time, "monotonic", lambda: now[0])
    out = io.StringIO()
    lines = _Lines(Console(file=out, width=160), num_units=2)
    lines(event("started", num_steps=200, start="from scratch"))
    for second in range(25):
        now[0] = float(second)
        lines(event("progress", **TRAINING))
    lines(event("finished", seconds=25.0))
    lines(event("failed", "evaluation", message="[bold] is plain"))
    printed = out.getvalue().splitlines()
    assert printed[0] == "R3D/8 [seed 1]: training 200 steps from scratch"
    assert [line.startswith("R3D/8 [seed 1]: step 50/200  loss") for line in printed[1:3]] == [True, True]
    assert printed[3:] == ["[1/2] R3D/8 [seed 1]: trained in 25 s", "[2/2] R3D/8 [seed 1]: FAILED: [bold] is plain"]


@pytest.mark.parametrize("width", [40, 80, 120])
def test_bars_never_break_a_line(width: int) -> None:
    """Two trainings side by side are two lines and one for the whole, at any width."""
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=True, color_system=None)
    bars = _bars(console)
    show = _Bars(bars, num_units=4)
    for label in ("R(2+1)D/8 seed 1, R(2+1)D/8 seed 1 at 32 frames", "R3D"):
        show(Event("started", "training", label, label, {"num_steps": 200, "start": "from scratch"}))
        show(Event("progress", "training", label, label, TRAINING))
    shown = io.StringIO()
    Console(file=shown, width=width, color_system=None).print(bars.get_renderable())
    lines = shown.getvalue().splitlines()
    assert len(lines) == 3
    assert max(map(len, lines)) <= width
    assert "R3D" in lines[1]
    assert "0/4 units done" in lines[2]
    show(Event("finished", "training", "R3D", "R3D", {"seconds": 5.0}))
    assert "R3D: trained in 5 s" in out.getvalue()
    assert bars.tasks[-1].completed == 1
