"""`videobench ls`: what can be named: experiments, protocols."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from . import options


def register(app: typer.Typer) -> None:
    app.command()(ls)


def ls(
    what: Annotated[
        Literal["experiments", "protocols"], typer.Argument(metavar="WHAT", help="experiments or protocols.")
    ] = "experiments",
    home: options.Home = options.HOME,
    as_json: options.Json = False,
) -> None:
    """List the shipped experiments, or the named protocols.

    Experiments come with how much of each is done: the evaluations whose results lie under --home.
    Protocols are what evaluate.protocol may name: which views of a video are scored, and what is averaged.

    [bold]Examples[/bold]
      videobench ls
      videobench ls protocols
      videobench ls --home /data/videobench --json
    """
    from .console import print_json, print_table

    rows = _protocols() if what == "protocols" else _experiments(Path(home))
    if as_json:
        print_json(rows)
    elif what == "protocols":
        columns = ["protocol", "digest", "description"]
        print_table(columns, [[row[name] for name in columns] for row in rows])
    else:
        columns = ["experiment", "title", "published", "scale", "rows"]
        done = [f"{row['done']}/{row['evaluations']}" for row in rows]
        print_table(
            [*columns, "done"], [[*(row[name] for name in columns), n] for row, n in zip(rows, done, strict=True)]
        )


def _experiments(home: Path) -> list[dict[str, Any]]:
    from videobench.records import has_record
    from videobench.spec.experiment import shipped_names

    from .loading import load, results_folder, scales_of

    rows = []
    for name in shipped_names():
        for scale in scales_of(name):
            experiment = load(name, scale, None)
            digests = [replica.digest for row in experiment.rows for replica in row.replicas]
            rows.append(
                {
                    "experiment": name,
                    "title": experiment.title,
                    "published": experiment.table,
                    "scale": scale,
                    "rows": len(experiment.rows),
                    "evaluations": len(digests),
                    "done": sum(has_record(results_folder(home), key) for key in digests),
                }
            )
    return rows


def _protocols() -> list[dict[str, Any]]:
    from videobench.spec.base import digest
    from videobench.spec.protocol import PRESETS, preset

    protocols = {name: preset(name) for name in PRESETS}
    return [
        {
            "protocol": name,
            "digest": digest(protocol),
            "description": protocol.description,
            "views": protocol.num_views,
            "fields": PRESETS[name],
        }
        for name, protocol in protocols.items()
    ]
