"""`videobench finetune`: train an experiment from somebody's weights."""

from pathlib import Path
from typing import Annotated

import typer

from . import options
from .running import run_experiment


def register(app: typer.Typer) -> None:
    app.command()(finetune)


def finetune(
    experiment: options.Experiment,
    start: Annotated[
        str,
        typer.Option("--from", metavar="RUN|FILE", help="experiment#row, or a .safetensors, .pth or .pt file."),
    ],
    scale: options.Scale = None,
    settings: options.Settings = None,
    only: options.Only = None,
    failed: options.Failed = False,
    keep_going: options.KeepGoing = False,
    jobs: options.Jobs = 1,
    device: options.Device = "auto",
    home: options.Home = options.HOME,
) -> None:
    """Like train, but every row starts from given weights; a classifier of another size is replaced.

    [bold]Examples[/bold]

      videobench finetune my.yaml --from 'closer_look/table2#R(2+1)D/8'

      videobench finetune my.yaml --from r2plus1d_18-91a641e6.pth --set network.flavour=torchvision
    """
    key = "init.run" if "#" in start and not Path(start).is_file() else "init.file"
    value = start if key == "init.run" else str(Path(start).absolute())
    run_experiment(
        experiment, scale=scale, settings=[*(settings or []), f'{key}="{value}"'], only=only or [], failed=failed,
        keep_going=keep_going, jobs=jobs, device=device, home=Path(home),
    )  # fmt: skip
