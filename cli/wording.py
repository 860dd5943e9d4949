"""What happens, said in one line."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from videobench.runner.events import Event

WIDE = 120
MEDIUM = 80
"""Columns from which a line of progress says all or most of what there is to say."""


def describe(event: "Event", *, width: int = WIDE) -> str:
    """Say in one line what an event says; on a narrow terminal, only what matters most."""
    values = event.values
    if event.kind == "failed":
        return f"FAILED: {values['message']}"
    if event.unit == "data":
        return _data(event)
    if event.unit == "training":
        return _training(event.kind, values, width)
    return _evaluation(event.kind, values, width)


def _data(event: "Event") -> str:
    if event.kind == "started":
        return str(event.values["text"])
    if event.kind == "progress":
        return f"{event.values['done']}/{event.values['total']} videos"
    return "ready"


def _training(kind: str, values: Mapping[str, Any], width: int) -> str:
    if kind == "started":
        return f"training {values['num_steps']} steps {values['start']}"
    if kind == "finished":
        return f"trained in {duration(values['seconds'])}"
    return training_line(values, width=width)


def training_line(values: Mapping[str, Any], *, width: int = WIDE) -> str:
    """Say where a training stands: loss, accuracy, rate, share of time spent waiting for data, memory, time left."""
    eta = f"eta {duration(values['eta_seconds'])}"
    rate = f"{values['clips_per_second']:.0f} clips/s"
    if width < MEDIUM:
        return f"{rate}  {eta}"
    loss = f"loss {values['loss']:.3f}"
    if width < WIDE:
        return f"{loss}  {rate}  {eta}"
    wait = f"data-wait {100 * values['data_wait_share']:.0f} %"
    validation = "".join(f"  test {name} {value:.1f} %" for name, value in values["validation"].items())
    memory = f"{values['max_memory_bytes'] / 2**30:.1f} GiB"
    return f"{loss}  clip@1 {values['clip_at_1']:.1f} %  {rate}  {wait}  {memory}  {eta}{validation}"


def _evaluation(kind: str, values: Mapping[str, Any], width: int) -> str:
    if kind == "started":
        stored = f", {values['stored']} are stored" if values["stored"] else ""
        return f"evaluating {values['num_views']} views{stored}"
    if kind == "finished":
        return f"evaluated in {duration(values['seconds'])}, video@1 {values['video@1']:.1f} %"
    rate = values["views"] / max(values["seconds"], 1e-9)
    left = (values["num_views"] - values["views"]) / rate
    shown = f"{rate:.0f} views/s  eta {duration(left)}"
    return shown if width < MEDIUM else f"{values['views']}/{values['num_views']} views  {shown}"


def duration(seconds: float) -> str:
    """Return seconds as 8 s, 2:05 or 1:02:05."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
