"""`videobench train`: do what is missing of an experiment, then print its table."""

from pathlib import Path

import typer

from . import options
from .running import run_experiment


def register(app: typer.Typer) -> None:
    app.command()(train)


def train(
    experiment: options.Experiment,
    scale: options.Scale = None,
    settings: options.Settings = None,
    only: options.Only = None,
    failed: options.Failed = False,
    keep_going: options.KeepGoing = False,
    jobs: options.Jobs = 1,
    device: options.Device = "auto",
    home: options.Home = options.HOME,
) -> None:
    """Train and evaluate what is missing, then print the table.

    What is done is not done again: stop it whenever you like and run the same command to go on.

    [bold]Examples[/bold]
      videobench train demo --jobs 2
      videobench train closer_look/table2 --scale cpu --only R3D
      videobench train my.yaml --set recipe.epochs=5
    """
    run_experiment(
        experiment, scale=scale, settings=settings or [], only=only or [], failed=failed, keep_going=keep_going,
        jobs=jobs, device=device, home=Path(home),
    )  # fmt: skip
