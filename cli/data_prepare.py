"""`videobench data prepare`: a copy of the videos an experiment reads, at the size it trains at."""

from pathlib import Path
from typing import Annotated

import typer

from . import options
from .data_findings import data_sets_of

Out = Annotated[Path, typer.Option(help="Folder for the copy; then set data.root to it.", file_okay=False)]
Gop = Annotated[int, typer.Option(min=1, help="Frames from one key frame to the next.")]
Crf = Annotated[int, typer.Option(min=1, max=51, help="x264's constant quality: lower is better and larger.")]


def register(data: typer.Typer) -> None:
    data.command("prepare")(prepare)


def prepare(
    experiment: options.Experiment,
    out: Out,
    size: options.FrameSize = None,
    gop: Gop = 12,
    crf: Crf = 18,
    scale: options.Scale = None,
    settings: options.Settings = None,
    only: options.Only = None,
    jobs: options.ReadingJobs = None,
    home: options.Home = options.HOME,
    as_json: options.Json = False,
) -> None:
    """Copy the data set an experiment reads to the size it trains at.

    Reading a clip then costs a fraction. Same names, lists and frames, without sound; stop it whenever you like and \
run it again to go on.
    Ends with 3 when a video is missing or can't be decoded, unless data.on_error=skip.

    [bold]Examples[/bold]
      videobench data prepare my.yaml --out small
      videobench data prepare my.yaml --out small --size 128 --jobs 8
    """
    from videobench.runner.preparation import preparation, prepare_set

    from .console import print_json, print_table
    from .wording import size as in_bytes

    with data_sets_of(experiment, scale, settings, only, jobs, home) as (data_sets, nodes):
        wanted = preparation(nodes, data_sets.workspace, size=options.parse_frame_size(size), gop=gop, crf=crf)
        made = prepare_set(wanted, out, data_sets)
    source_bytes = sum(copy.source[0] or 0 for copy in made.copies)
    copied_bytes = sum(copy.size_bytes for copy in made.copies)
    counts = {
        "data": made.name,
        "videos": len(made.copies),
        "frames": sum(copy.num_frames for copy in made.copies),
        "broken": sum(copy.error is not None for copy in made.copies),
        "missing": made.num_missing,
    }
    if as_json:
        print_json({**counts, "source_bytes": source_bytes, "bytes": copied_bytes, "folder": str(out)})
    else:
        sizes = [in_bytes(source_bytes), in_bytes(copied_bytes)]
        print_table([*counts, "originals", "copies", "folder"], [[*counts.values(), *sizes, str(out)]])
