"""`videobench table`: results beside the published numbers. Computes nothing."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from . import options
from .console import console, print_block
from .loading import load, results_folder

if TYPE_CHECKING:
    from videobench.spec.expand import Experiment

Format = Literal["terminal", "markdown", "csv", "json", "latex", "html"]


def register(app: typer.Typer) -> None:
    app.command()(table)


def table(
    experiment: options.Experiment,
    scale: options.Scale = None,
    settings: options.Settings = None,
    only: options.Only = None,
    home: options.Home = options.HOME,
    format: Annotated[Format, typer.Option(help="How to print it.")] = "terminal",
    write: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Fill this file's <!-- table:begin EXPERIMENT SCALE --> block.")
    ] = None,
    against: Annotated[
        str | None, typer.Option(metavar="ROW", help="Compare every row with this one on the same videos.")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw the table too, as a .png, .svg or .pdf file.")
    ] = None,
    brief: Annotated[bool, typer.Option("--brief", help="Without the paper's claims and pairs.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Exit with 6 when a number misses its published one.")] = False,
    tolerance: Annotated[float, typer.Option(help="Points allowed by --check.")] = 1.0,
) -> None:
    """Show results beside the published numbers.

    Computes nothing: a pending cell comes with the command that fills it.

    [bold]Examples[/bold]
      videobench table closer_look/table2 --scale cpu
      videobench table demo --format markdown
      videobench table closer_look/table2 --scale cpu --brief --write README.md
      videobench table closer_look/table2 --scale cpu --against R3D/8
      videobench table closer_look/figure5b --scale cpu --plot clips.png
    """
    from videobench.tables import render
    from videobench.tables.block import write_block
    from videobench.tables.check import check as check_table
    from videobench.tables.from_experiment import table_request
    from videobench.tables.join import join
    from videobench.tables.picture import check_picture

    if plot:
        check_picture(plot)
    loaded = load(experiment, scale, settings)
    result = join(table_request(loaded, only=only or (), against=against), results_folder(Path(home)))
    whole, result = result, replace(result, statements=(), pairs=()) if brief else result
    if write:
        write_block(write, f"{loaded.name} {loaded.scale}", render.to_markdown(result))
        console().print(f"wrote {write}")
    elif format == "terminal":
        print_block(render.to_terminal(result))
    else:
        print(render.FORMATS[format](result))
    if plot:
        from videobench.tables.plots import plot_table

        plot_table(result, plot)
        console(stderr=True).print(f"wrote {plot}", markup=False)
    if check:
        check_table(whole, tolerance)


def print_result(experiment: "Experiment", home: Path, *, only: Sequence[str]) -> None:
    """Print the table of an experiment that has just run, and where the rest is to be seen."""
    from videobench.tables.from_experiment import table_request
    from videobench.tables.join import join
    from videobench.tables.render import to_terminal

    result = join(table_request(experiment, only=only), results_folder(home))
    print_block(to_terminal(replace(result, statements=(), pairs=())))
    if result.statements:
        command = f"videobench table {experiment.name} --scale {experiment.scale}"
        console().print(f"\nWhat becomes of the paper's claims: {command}")
