"""`videobench plan`: what an experiment needs before anything runs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import options

if TYPE_CHECKING:
    from videobench.runner.survey import RowCost


def register(app: typer.Typer) -> None:
    app.command()(plan)


def plan(
    experiment: options.Experiment,
    scale: options.Scale = None,
    settings: options.Settings = None,
    only: options.Only = None,
    all_settings: Annotated[
        bool, typer.Option("--settings", help="Show every setting and where it was given instead.")
    ] = False,
    home: options.Home = options.HOME,
    as_json: options.Json = False,
) -> None:
    """Show what an experiment needs, what is done, and what the rest costs.

    Times are measured: they come from finished runs of the same network under --home.
    Multiply-accumulates (GMAC, thousand millions) are of one clip, forward. --json has every training and evaluation.

    [bold]Examples[/bold]
      videobench plan closer_look/table2
      videobench plan closer_look/table3 --scale cpu --json
      videobench plan closer_look/table2 --settings --only R3D/8
    """
    from .loading import load

    loaded = load(experiment, scale, settings)
    if all_settings:
        from .row_settings import print_settings

        print_settings(loaded, only=only or (), as_json=as_json)
        return
    from rich.markup import escape

    from videobench.runner.plan import make_plan
    from videobench.runner.survey import survey
    from videobench.runner.workspace import Workspace

    from .console import console, print_json, print_table
    from .wording import duration

    workspace = Workspace(Path(home))
    made = make_plan(loaded, workspace, only=only or ())
    found = survey(made, workspace)
    if as_json:
        print_json(found.as_dict())
        return
    out = console()
    out.print(f"[bold]{escape(loaded.title)}[/bold]  ({loaded.name}, scale {loaded.scale})")
    print_table(
        ["row", "trained", "parameters", "GMAC a clip", "clips", "time", "evaluated", "views a video"],
        [
            [
                row.name,
                _trained(row),
                row.parameters,
                None if row.macs is None else float(f"{row.macs / 1e9:.3g}"),
                row.clips,
                "-" if row.seconds is None else duration(row.seconds),
                f"{row.evaluated} of {row.evaluations}",
                "by length" if row.views is None else row.views,
            ]
            for row in found.rows
        ],
    )
    left = found.seconds_left
    todo = sum(item.state != "done" for item in found.trainings)
    if not found.trainings:
        out.print("nothing to train")
    elif todo == 0:
        out.print(f"all {len(found.trainings)} trainings are done")
    else:
        time = "not known before one of each kind has run" if left is None else f"{duration(left)} one after the other"
        out.print(f"{todo} of {len(found.trainings)} trainings to do; time for them: {time}")
    for line in found.missing:
        out.print(f"[bold red]missing[/bold red] {escape(line)}")


def _trained(row: "RowCost") -> str:
    if row.fuses:
        return f"fuses {' and '.join(row.fuses)}"
    if row.same_training_as:
        return f"as {row.same_training_as}"
    if not row.trainings:
        return "weights from a file"
    more = "".join(f", {number} {word}" for number, word in ((row.begun, "begun"), (row.failed, "failed")) if number)
    return f"{row.trained} of {row.trainings}{more}"
