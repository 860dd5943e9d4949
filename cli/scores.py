"""`videobench scores`: the stored scores of single views, listed, exported and cleared up."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from . import options
from .report import report

Per = Literal["view", "video"]

scores = typer.Typer(no_args_is_help=True, rich_markup_mode="rich")

HELP = """List, export and clear up the stored scores of single views.

Every evaluation keeps them, so that no view is computed twice.

[bold]Examples[/bold]
  videobench scores ls
  videobench scores export 'demo#R3D' r3d.csv --per video
  videobench scores report 'demo#R3D'
  videobench scores gc
"""


def register(app: typer.Typer) -> None:
    app.add_typer(scores, name="scores", help=HELP)


@scores.command("ls")
def ls(home: options.Home = options.HOME, as_json: options.Json = False) -> None:
    """List the stores: one for each weights, data and preprocessing.

    Damaged shards, whose views are computed again when they are needed, are named below.

    [bold]Examples[/bold]
      videobench scores ls
      videobench scores ls --home /data/videobench --json
    """
    from dataclasses import asdict

    from videobench.runner.score_stores import list_stores
    from videobench.runner.workspace import Workspace

    from .console import console, print_json, print_table
    from .wording import size

    stores = list_stores(Workspace(Path(home)))
    if as_json:
        print_json([asdict(store) for store in stores])
        return
    if not stores:
        console().print("no scores are stored here")
        return
    print_table(
        ["data", "weights", "preprocessing", "classes", "videos", "views", "shards", "damaged", "size"],
        [
            [
                store.data or f"videos {store.data_fingerprint[:8]}",
                f"{store.weights or 'weights'} ({store.training or store.weights_sha256:.8})",
                store.preprocessing.partition(" normalise ")[0],
                store.num_classes,
                store.num_videos,
                store.num_views,
                store.num_shards,
                len(store.unreadable),
                size(store.num_bytes),
            ]
            for store in stores
        ],
    )
    for store in stores:
        for shard, why in store.unreadable.items():
            console().print(f"damaged and left out: {store.folder}/{shard}: {why}", markup=False)


@scores.command("export")
def export(
    run: Annotated[str, typer.Argument(metavar="RUN", help="EXPERIMENT#ROW, or what a table prints under run.")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A new .csv or .parquet file.")],
    per: Annotated[Per, typer.Option(help="A row a view, with its logits, or a row a video.")] = "video",
    scale: options.Scale = None,
    home: options.Home = options.HOME,
) -> None:
    """Write the scores of a run as one table, which pandas reads.

    A row of an experiment is exported at all its seeds and splits, which the first columns name.

    [bold]Examples[/bold]
      videobench scores export 'demo#R3D' r3d.csv
      videobench scores export 3f3d59c3 views.parquet --per view
    """
    from videobench.run_reference import find_run
    from videobench.runner.export_scores import export_scores
    from videobench.runner.workspace import Workspace

    from .console import console

    workspace = Workspace(Path(home))
    found = find_run(run, scale=scale, folder=workspace.records)
    num_rows = export_scores(found.records, file, per=per, workspace=workspace)
    console().print(f"wrote {num_rows:,} {per}s of {len(found.records)} evaluations to {file}", markup=False)


scores.command()(report)


@scores.command("gc")
def gc(
    yes: Annotated[bool, typer.Option("--yes", help="Delete it.")] = False,
    home: options.Home = options.HOME,
) -> None:
    """List what of the stores nothing needs any more; --yes deletes it.

    Stores of weights that no training and no record here speaks of, shards whose views others have,
    damaged shards, and what killed processes left. Evaluations may run meanwhile.

    [bold]Examples[/bold]
      videobench scores gc
      videobench scores gc --yes
    """
    from videobench.runner.score_stores import delete, find_garbage
    from videobench.runner.workspace import Workspace

    from .console import console, print_table
    from .wording import size

    found = find_garbage(Workspace(Path(home)))
    if not found:
        console().print("there is nothing to clear up")
        return
    print_table(["file or folder", "why", "size"], [[str(one.path), one.why, size(one.num_bytes)] for one in found])
    if yes:
        for one in found:
            delete(one)
    total = size(sum(one.num_bytes for one in found))
    console().print(f"deleted {total}" if yes else f"{total} in all; nothing is deleted without --yes")
