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
    if event.unit == "fusion":
        return _fusion(event.kind, values)
    return _evaluation(event.kind, values, width)


def _data(event: "Event") -> str:
    if event.kind == "started":
        return str(event.values["text"])
    if event.kind == "progress":
        left = f"  eta {duration(event.values['eta_seconds'])}" if "eta_seconds" in event.values else ""
        return f"{event.values['done']}/{event.values['total']} videos{left}"
    if skipped := event.values.get("skipped"):
        return f"{skipped} of {event.values['total']} videos skipped, see {event.values['ledger']}"
    return "ready"


def _training(kind: str, values: Mapping[str, Any], width: int) -> str:
    if kind == "started":
        return f"training {values['num_steps']} steps {values['start']}"
    if kind == "finished":
        selected = values.get("selected")
        chosen = f", best {selected['metric']} after step {selected['step']}" if selected else ""
        return f"trained in {duration(values['seconds'])}{chosen}"
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
    memory = f"{values['max_memory_bytes'] / 2**30:.1f} GiB"
    measured = _validation(values["validation"])
    return f"{loss}  clip@1 {values['clip_at_1']:.1f} %  {rate}  {wait}  {memory}  {eta}{measured}"


def _validation(named: Mapping[str, float]) -> str:
    """List accuracies called ``test[10 views] clip@1``, and a loss, without saying the same views twice."""
    shown, before = "", ""
    for name, value in named.items():
        views, _, metric = name.rpartition(" ")
        figure = f"{value:.3f}" if metric == "loss" else f"{value:.1f} %"
        shown += f"  {metric if views == before else name} {figure}"
        before = views
    return shown


def _evaluation(kind: str, values: Mapping[str, Any], width: int) -> str:
    processes = values.get("processes", 1)
    if kind == "started":
        computed, stored = values["num_views"], values["stored"]
        views = f"{computed:,} of {computed + stored:,} views to compute, {stored:,} stored"
        views += f", on {processes} processes" if processes > 1 else ""
        return views + _left_out(values["unreadable"])
    if kind == "finished":
        views = f"{values['computed']:,} views computed, {values['stored']:,} from the store"
        text = f"video@1 {values['video@1']:.1f} %, {views}, {duration(values['seconds'])}"
        return text + _left_out(values["unreadable"])
    rate = values["views"] / max(values["seconds"], 1e-9)
    left = (values["num_views"] - values["views"]) / rate
    shown = f"{rate:.0f} views/s  eta {duration(left)}"
    if width < MEDIUM:
        return shown
    share = f" of rank 0's share of {processes}" if processes > 1 else ""
    return f"{values['views']}/{values['num_views']} views{share}  {shown}"


def _fusion(kind: str, values: Mapping[str, Any]) -> str:
    if kind == "started":
        return f"fusing the stored scores of {' and '.join(values['streams'])}"
    return f"video@1 {values['video@1']:.1f} %, {duration(values['seconds'])}"


def _left_out(num_unreadable: int) -> str:
    return f"; {num_unreadable} damaged shards left out, `videobench scores ls` names them" if num_unreadable else ""


def size(num_bytes: int) -> str:
    """Return bytes as 812 B, 3.4 kB, 27.0 MB or 1.5 GB."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if num_bytes >= factor:
            return f"{num_bytes / factor:.1f} {unit}"
    return f"{num_bytes} B"


def duration(seconds: float) -> str:
    """Return seconds as 8 s, 2:05 or 1:02:05."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
