"""`videobench data preview`: a picture of what an experiment reads."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from . import options

Subset = Annotated[
    Literal["train", "validation", "test"] | None,
    typer.Option(help="Which videos. Default: those that are trained on. Of others the clips of an evaluation."),
]
Videos = Annotated[int, typer.Option(min=1, help="How many videos, of as many classes as possible.")]
VideoIds = Annotated[list[str] | None, typer.Option("--video", metavar="ID", help="This video. Repeatable.")]
Protocol = Annotated[
    str | None, typer.Option(metavar="NAME", help="Draw the views of this protocol instead of the experiment's.")
]
Seed = Annotated[int | None, typer.Option(min=0, help="Of the clips, and of the choice of videos.")]
Out = Annotated[Path, typer.Option(metavar="FILE", help="png, pdf or svg.", dir_okay=False)]


def register(data: typer.Typer) -> None:
    data.command("preview")(preview)


def preview(
    experiment: options.Experiment,
    subset: Subset = None,
    videos: Videos = 4,
    video: VideoIds = None,
    protocol: Protocol = None,
    seed: Seed = None,
    out: Out = Path("preview.png"),
    scale: options.Scale = None,
    settings: options.Settings = None,
    only: options.Only = None,
    home: options.Home = options.HOME,
) -> None:
    """Draw clips before and after the transforms, and the views.

    For each video: frames of a training clip as they are resized, cropped and mirrored, and on a time line the clips \
that the evaluation looks at. It is the first row's that are drawn; --only picks another.

    [bold]Examples[/bold]
      videobench data preview demo --out demo.png
      videobench data preview my.yaml --subset test --protocol ten_crop
      videobench data preview my.yaml --video run/7.mp4 --set clip.frames=32
    """
    from videobench.runner.contact_sheet import DOTS_PER_INCH, draw
    from videobench.runner.plan import EvaluationNode
    from videobench.runner.preview import preview as preview_of
    from videobench.tables.picture import check_picture, save_picture

    from .console import console
    from .data_findings import data_sets_of

    check_picture(out)
    changes = [*(settings or ()), *([f"evaluate.protocol={protocol}"] if protocol else ())]
    with data_sets_of(experiment, scale, changes, only, None, home) as (data_sets, nodes):
        node = next(node for node in nodes if isinstance(node, EvaluationNode))
        found = preview_of(
            node.evaluation,
            data_sets.workspace,
            subset=subset,
            num_videos=videos,
            ids=video or (),
            seed=seed,
            num_workers=data_sets.jobs,
            progress=data_sets.progress(node.evaluation.data.name),
        )
        title = f"{experiment}, {node.rows[0]}: {found.data}, {found.subset}"
        save_picture(draw(found, title=title), out, dots_per_inch=DOTS_PER_INCH)
    err = console(stderr=True)
    for skipped in found.skipped:
        err.print(f"left out {skipped.video}: {skipped.reason}", markup=False)
    console().print(f"{len(found.videos)} videos of {found.data}, {found.subset}: {out}", markup=False)
