"""`videobench compare`: runs beside each other on the same videos."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import options
from .console import console, print_json, print_table, shown

if TYPE_CHECKING:
    from videobench.run_reference import Run
    from videobench.tables.compare import Comparison

FLIPS_SHOWN = 10


def register(app: typer.Typer) -> None:
    app.command()(compare)


def compare(
    runs: Annotated[
        list[str], typer.Argument(metavar="RUN...", help="EXPERIMENT#ROW, or what a table prints under run.")
    ],
    metric: Annotated[
        list[str] | None, typer.Option(metavar="METRIC", help="Only this metric, e.g. video@1. Repeatable.")
    ] = None,
    flips: Annotated[Path | None, typer.Option(metavar="FILE", help="Write every video that flips as CSV.")] = None,
    scale: options.Scale = None,
    home: options.Home = options.HOME,
    as_json: options.Json = False,
) -> None:
    """Compare runs with the first one, video by video.

    Each difference has its interval and a paired test, p adjusted over all that is compared.
    Below stand the settings that differ, and the videos that only one of two runs has right.
    Runs of several seeds are paired by seed.

    [bold]Examples[/bold]
      videobench compare 'demo#f-R2D' 'demo#R3D'
      videobench compare 3f3d59c3 cffd658d --metric video@1
      videobench compare 'demo#f-R2D' 'demo#R3D' --flips flips.csv
    """
    from dataclasses import asdict

    from videobench.run_reference import find_run
    from videobench.tables.compare import compare_runs, write_flips
    from videobench.tables.render import finite

    from .loading import results_folder

    folder = results_folder(Path(home))
    found = [find_run(run, scale=scale, folder=folder) for run in runs]
    comparisons = compare_runs(found, folder, metrics=metric or ())
    if flips:
        write_flips(comparisons, flips)
    if as_json:
        print_json(finite([asdict(comparison) for comparison in comparisons]))
        return
    _print_runs(found)
    for number, comparison in enumerate(comparisons, start=1):
        _print(comparison, _letter(number), num_tests=sum(len(one.metrics) for one in comparisons))
    if flips:
        console().print(f"wrote {flips}", markup=False)


def _letter(number: int) -> str:
    return chr(ord("A") + number)


def _print_runs(runs: "list[Run]") -> None:
    from videobench.tables.document import run_text

    print_table(
        ["", "run", "evaluations"],
        [
            [_letter(number), run.name, run_text([record.digest for record in run.records])]
            for number, run in enumerate(runs)
        ],
    )
    for number, run in enumerate(runs):
        for note in dict.fromkeys(note for record in run.records for note in record.notes):
            console().print(f"{_letter(number)}: {note}", markup=False)


def _print(comparison: "Comparison", name: str, *, num_tests: int) -> None:
    from videobench.tables.result import SIGNIFICANT

    out = console()
    seeds = f", seed {', '.join(map(str, comparison.seeds))}" if comparison.seeds != (None,) else ""
    out.print(f"\n{name} - A on {comparison.num_videos:,} videos{seeds}", style="bold", markup=False)
    if comparison.num_left_out:
        out.print(f"without {comparison.num_left_out} videos that not all of the evaluations could read")
    _print_metrics(comparison, name)
    covers = " or ".join(dict.fromkeys(one.difference.interval.covers for one in comparison.metrics))
    out.print(
        f"± is half of the 95 % interval, which covers {covers}; p is adjusted over {num_tests} comparisons (Holm);"
        f" *: p ≤ {SIGNIFICANT:g}",
        markup=False,
    )
    if comparison.settings:
        out.print("\nwhat differs in the settings")
        print_table(
            ["setting", "A", name],
            [[one.name, _setting(one.first), _setting(one.second)] for one in comparison.settings],
        )
    else:
        out.print("\nno setting differs")
    _print_flips(comparison, name)


def _print_metrics(comparison: "Comparison", name: str) -> None:
    from videobench.tables.document import p_value, with_half
    from videobench.tables.result import SIGNIFICANT

    rows = []
    for one in comparison.metrics:
        means = [with_half(mean.value, mean.interval.low, mean.interval.high, 1) for mean in (one.first, one.second)]
        found = one.difference
        difference = with_half(found.value, found.interval.low, found.interval.high, 1, sign=True)
        mark = " *" if one.p_holm <= SIGNIFICANT else ""
        p = [p_value(found.p), found.test, p_value(one.p_holm) + mark]
        rows.append([one.metric, one.group or "all", *means, difference, *p])
    print_table(["metric", "videos", "A", name, f"{name} - A", "p", "test", "p (Holm)"], rows)


def _setting(value: Any) -> str:
    return "given" if isinstance(value, dict) else shown(value)


def _print_flips(comparison: "Comparison", name: str) -> None:
    out = console()
    flips, seeds = comparison.flips, len(comparison.seeds)
    only_first = sum(flip.right == "first" for flip in flips)
    each = f", each at {seeds} seeds" if seeds > 1 else ""
    out.print(
        f"\nof {comparison.num_videos:,} videos{each}, only A has {only_first} right, only {name}"
        f" {len(flips) - only_first}"
    )
    if not flips:
        return
    print_table(
        ["video", "seed", "class", "A says", f"{name} says", "right"],
        [
            [flip.video, shown(flip.seed), flip.label, flip.first, flip.second, "A" if flip.right == "first" else name]
            for flip in flips[:FLIPS_SHOWN]
        ],
    )
    if len(flips) > FLIPS_SHOWN:
        out.print(f"and {len(flips) - FLIPS_SHOWN:,} more; --flips FILE writes all of them")
