"""The arguments that several commands share, spelled and explained once."""

from pathlib import Path
from typing import Annotated, Literal

import typer

ScaleName = Literal["paper", "gpu", "cpu", "smoke"]

Experiment = Annotated[
    str, typer.Argument(metavar="EXPERIMENT", help="A shipped name (see `videobench ls`) or a YAML file of your own.")
]
Scale = Annotated[
    ScaleName | None,
    typer.Option(help="Size of data, network and recipe. Default: the scale the file is written for, usually paper."),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="FIELD=VALUE", help="Change one field of every row, e.g. recipe.epochs=2. Repeatable."
    ),
]
Only = Annotated[
    list[str] | None,
    typer.Option(metavar="ROW", help="Only rows of this name or pattern, e.g. 'R3D' or '*/8'. Repeatable."),
]
Home = Annotated[Path, typer.Option(help="Folder that holds runs/ and results/.", file_okay=False)]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")]
Jobs = Annotated[int, typer.Option(min=1, help="How many trainings or evaluations run side by side.")]
ReadingJobs = Annotated[
    int | None, typer.Option("--jobs", min=1, help="How many processes read videos. Default: one a core.")
]
KeepGoing = Annotated[bool, typer.Option("--keep-going", help="After a failure, go on with what doesn't depend on it.")]
Failed = Annotated[bool, typer.Option("--failed", help="Only rows whose training failed last time.")]
FrameSize = Annotated[
    str | None, typer.Option("--size", metavar="HxW|SHORT", help="Size of the frames. Default: that of the clips.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]

HOME = Path()


def parse_frame_size(text: str | None) -> tuple[int, int] | int | None:
    """Return (height, width) px, or the length of the shorter side; ConfigError for another text."""
    from videobench.errors import ConfigError

    if text is None:
        return None
    sides = text.split("x")
    if len(sides) > 2 or not all(side.isdecimal() and int(side) > 0 for side in sides):
        hint = "write height and width in px, 128x171, or the shorter side, 256"
        raise ConfigError(f"{text!r} is no size", where="--size", hint=hint)
    return int(sides[0]) if len(sides) == 1 else (int(sides[0]), int(sides[1]))
