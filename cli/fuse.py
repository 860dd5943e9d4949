"""`videobench eval --fuse`: runs of several streams become one result, from stored scores alone."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from videobench.errors import ConfigError

from .console import console, print_json, print_table

if TYPE_CHECKING:
    from videobench.evaluation.statistics import Interval
    from videobench.run_reference import Run
    from videobench.runner.fuse import FusedRuns
    from videobench.spec.experiment import Scale
    from videobench.tables.streams import Accuracies, FusionSummary
    from videobench.tables.weight_curve import WeightCurve

Form = Literal["mean", "l2norm_sum"]

_NEXT_STREAM = re.compile(r",(?=\s*[A-Za-z][\w-]*=)")


def run_fusion(
    streams: Sequence[str],
    *,
    form: Form,
    weights: str | None,
    scale: "Scale | None",
    home: Path,
    plot: Path | None,
    as_json: bool,
) -> None:
    """Fuse the runs, write their records, and show streams, result and curve."""
    references = parse_streams(streams)
    numbers = None if weights is None else parse_weights(weights)
    from videobench.run_reference import find_run
    from videobench.runner.fuse import fuse_runs
    from videobench.runner.workspace import Workspace
    from videobench.tables.picture import check_picture
    from videobench.tables.render import finite
    from videobench.tables.streams import summarise_fusion
    from videobench.tables.weight_curve import draw

    workspace = Workspace(home)
    if plot:
        check_picture(plot)
        if len(references) != 2:
            raise ConfigError(f"there is no curve for {len(references)} streams", where="--plot", hint="fuse two")
    runs = {name: find_run(text, scale=scale, folder=workspace.records) for name, text in references.items()}
    fused = fuse_runs(runs, form=form, weights=numbers, workspace=workspace)
    summary = summarise_fusion(fused.streams, fused.records, workspace.records)
    curve = _curve(fused, summary.fused)
    if plot and curve:
        draw(curve, plot)
    if as_json:
        print_json(finite(_as_json(form, runs, fused, summary, curve)))
        return
    _print(fused, summary)
    _print_curve(curve)
    if plot:
        console(stderr=True).print(f"wrote {plot}", markup=False)


def parse_streams(texts: Sequence[str]) -> dict[str, str]:
    """Return stream -> run from ``rgb=RUN,flow=RUN``, or from one text a stream; names of runs may hold commas."""
    hint = "write --fuse rgb=RUN,flow=RUN, or --fuse rgb=RUN --fuse flow=RUN"
    parts = _NEXT_STREAM.split(texts[0]) if len(texts) == 1 else texts
    streams: dict[str, str] = {}
    for part in parts:
        name, _, run = (word.strip() for word in part.partition("="))
        if not name or not run:
            raise ConfigError(f"{part!r} is no stream", where="--fuse", hint=hint)
        if name in streams:
            raise ConfigError(f"there are two streams {name}", where="--fuse", hint=hint)
        streams[name] = run
    return streams


def parse_weights(text: str) -> list[float]:
    """Return the numbers of ``0.6,0.4``."""
    try:
        return [float(word) for word in text.split(",")]
    except ValueError:
        raise ConfigError(
            f"{text!r} is no list of weights", where="--weights", hint="write one number a stream, such as 0.6,0.4"
        ) from None


def _curve(fused: "FusedRuns", accuracies: "Accuracies") -> "WeightCurve | None":
    from videobench.evaluation.fusion import CURVE_WEIGHTS
    from videobench.tables.streams import METRIC
    from videobench.tables.weight_curve import WeightCurve

    if fused.curve is None:
        return None
    stream, share = next(iter(fused.weights.items()))
    interval = accuracies[METRIC].interval
    return WeightCurve(METRIC, stream, CURVE_WEIGHTS, fused.curve, share, (interval.low, interval.high))


def _print(fused: "FusedRuns", summary: "FusionSummary") -> None:
    from videobench.tables.document import p_value

    out = console()
    for note in dict.fromkeys(note for record in fused.records for note in record.notes):
        out.print(note, markup=False)
    lines = [(name, f"{fused.weights[name]:.3g}", found) for name, found in summary.streams.items()]
    lines.append(("fused", "", summary.fused))
    print_table(
        ["stream", "weight", *(name.partition("/")[2] or name for name in summary.fused)],
        [
            [name, weight, *(_percent(mean.value, mean.interval) for mean in found.values())]
            for name, weight, found in lines
        ],
    )
    gain = summary.gain
    out.print(
        f"fused - {summary.best}, the best alone: {_percent(gain.value, gain.interval, sign=True)},"
        f" p {p_value(gain.p)} ({gain.test});"
        f" ± is half of the 95 % interval, which covers {gain.interval.covers}",
        markup=False,
    )
    out.print(f"kept as {', '.join(record.digest[:8] for record in fused.records)}")


def _print_curve(curve: "WeightCurve | None") -> None:
    from videobench.tables.document import percent

    out = console()
    if curve is None:
        out.print("\nmore than two streams: no curve of their weights")
        return
    out.print(f"\n{curve.caption}", markup=False)
    for line in curve.sparkline():
        out.print(f"  {line}")
    chosen = range(0, len(curve.shares), 5)
    print_table(
        [f"weight of {curve.stream}", *(f"{curve.shares[place]:g}" for place in chosen)],
        [[curve.metric, *(percent(curve.accuracies[place], 1) for place in chosen)]],
    )


def _percent(value: float, interval: "Interval", *, sign: bool = False) -> str:
    from videobench.tables.document import with_half

    return with_half(value, interval.low, interval.high, 1, sign=sign)


def _as_json(
    form: Form,
    runs: Mapping[str, "Run"],
    fused: "FusedRuns",
    summary: "FusionSummary",
    curve: "WeightCurve | None",
) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "form": form,
        "weights": dict(fused.weights),
        "runs": {name: run.name for name, run in runs.items()},
        "evaluations": {name: [record.digest for record in records] for name, records in fused.streams.items()},
        "records": [record.digest for record in fused.records],
        **asdict(summary),
        "curve": curve and {"about": curve.caption, **asdict(curve)},
    }
