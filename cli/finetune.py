"""`videobench finetune`: train an experiment from somebody's weights."""

import json
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
        typer.Option(
            "--from", "--init", metavar="RUN|FILE|NAME", help="experiment#row, a file, or a name of `weights ls`."
        ),
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
    """Like train, but start every row from given weights.

    A classifier for other classes is replaced by a new one.
    Files may be of any format that `videobench weights inspect` knows.
    For another input or clip length, --set init.adapt says what is done to their tensors (docs/weights.md).

    [bold]Examples[/bold]
      videobench finetune my.yaml --from 'closer_look/table2#R3D/8'
      videobench finetune my.yaml --from r2plus1d_34.pth --jobs 2
      videobench finetune my.yaml --init ig65m_r2plus1d_34_32
    """
    run_experiment(
        experiment, scale=scale, settings=[*start_settings(start), *(settings or [])], only=only or [], failed=failed,
        keep_going=keep_going, jobs=jobs, device=device, home=Path(home),
    )  # fmt: skip


def start_settings(start: str) -> list[str]:
    """Return the settings that make every row start from ``experiment#row``, a file or a public file's name."""
    from videobench.errors import WeightsError
    from videobench.models.weights.native import WEIGHTS_FILE
    from videobench.published.released import released_weights

    path = Path(start) / WEIGHTS_FILE if Path(start).is_dir() else Path(start)
    if path.is_file():
        return [f"init.file={json.dumps(str(path.absolute()))}"]
    if "#" in start:
        return [f"init.run={json.dumps(start)}"]
    if path.name == start and not path.suffix:
        return [f"init.released={released_weights(start).name}"]
    raise WeightsError(
        "there is no such weights file",
        where=str(path),
        hint="a finished row is written experiment#row, e.g. 'demo#R3D'",
    )
