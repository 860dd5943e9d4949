"""`videobench eval`: measure what is trained already."""

from pathlib import Path

import typer

from . import options
from .running import run_experiment


def register(app: typer.Typer) -> None:
    app.command("eval")(evaluate)


def evaluate(
    experiment: options.Experiment,
    scale: options.Scale = None,
    settings: options.Settings = None,
    only: options.Only = None,
    keep_going: options.KeepGoing = False,
    jobs: options.Jobs = 1,
    device: options.Device = "auto",
    home: options.Home = options.HOME,
) -> None:
    """Evaluate trained rows and print the table; never trains.

    Views whose scores are stored are not computed again.

    [bold]Examples[/bold]
      videobench eval closer_look/table3 --scale cpu
      videobench eval my.yaml --set evaluate.protocol=video_20
    """
    run_experiment(
        experiment, scale=scale, settings=settings or [], only=only or [], failed=False, keep_going=keep_going,
        jobs=jobs, device=device, home=Path(home), may_train=False,
    )  # fmt: skip
