"""`videobench plan`: what an experiment needs before anything runs."""

from collections.abc import Sequence
from pathlib import Path

import typer

from . import options


def register(app: typer.Typer) -> None:
    app.command()(plan)


def plan(
    experiment: options.Experiment,
    scale: options.Scale = None,
    settings: options.Settings = None,
    only: options.Only = None,
    home: options.Home = options.HOME,
    as_json: options.Json = False,
) -> None:
    """Show the trainings and evaluations of an experiment, what is done, what is missing and what it costs.

    The cost in time is measured: it comes from finished runs of the same network under --home.

    [bold]Examples[/bold]

      videobench plan closer_look/table2

      videobench plan closer_look/table3 --scale cpu --json
    """
    from rich.markup import escape

    from videobench.runner.plan import make_plan
    from videobench.runner.survey import survey
    from videobench.runner.workspace import Workspace

    from .console import console, print_json, print_table
    from .loading import load
    from .progress import duration

    workspace = Workspace(Path(home))
    loaded = load(experiment, scale, settings)
    made = make_plan(loaded, workspace, only=only or ())
    found = survey(made, workspace)
    if as_json:
        print_json(found.as_dict())
        return
    out = console()
    out.print(f"[bold]{loaded.title}[/bold]  ({loaded.name}, scale {loaded.scale})\n")
    print_table(
        ["training", "rows", "state", "parameters", "GMAC a clip", "clips", "time"],
        [
            [
                item.digest,
                _rows(item.rows),
                item.state,
                item.parameters,
                f"{item.macs / 1e9:.2f}",
                item.clips,
                "not measured yet" if item.seconds is None else duration(item.seconds),
            ]
            for item in found.trainings
        ],
    )
    print_table(
        ["evaluation", "rows", "state", "views a video", "training"],
        [
            [item.digest, _rows(item.rows), item.state, item.views, item.training or "file"]
            for item in found.evaluations
        ],
    )
    left = found.seconds_left
    todo = sum(item.state != "done" for item in found.trainings)
    time = "unknown: run one row to measure it" if left is None else f"{duration(left)} one after the other"
    out.print(f"{todo} of {len(found.trainings)} trainings to do; time for them: {time}")
    for line in found.missing:
        out.print(f"[bold red]missing[/bold red] {escape(line)}")


def _rows(names: Sequence[str]) -> str:
    shown = ", ".join(names[:2])
    return f"{shown} and {len(names) - 2} more" if len(names) > 2 else shown
