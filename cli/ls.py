"""`videobench ls`: the shipped experiments."""

from pathlib import Path

import typer

from . import options


def register(app: typer.Typer) -> None:
    app.command()(ls)


def ls(home: options.Home = options.HOME, as_json: options.Json = False) -> None:
    """List the shipped experiments and how much of each is done.

    Done are the evaluations whose results lie under --home.

    [bold]Examples[/bold]
      videobench ls
      videobench ls --home /data/videobench --json
    """
    from videobench.records import has_record
    from videobench.spec.experiment import shipped_names

    from .console import print_json, print_table
    from .loading import load, results_folder, scales_of

    rows = []
    for name in shipped_names():
        for scale in scales_of(name):
            experiment = load(name, scale, None)
            digests = [replica.digest for row in experiment.rows for replica in row.replicas]
            done = sum(has_record(results_folder(Path(home)), key) for key in digests)
            rows.append(
                {
                    "experiment": name,
                    "title": experiment.title,
                    "published": experiment.table,
                    "scale": scale,
                    "rows": len(experiment.rows),
                    "evaluations": len(digests),
                    "done": done,
                }
            )
    if as_json:
        print_json(rows)
        return
    print_table(
        ["experiment", "title", "published", "scale", "rows", "done"],
        [
            [row["experiment"], row["title"], row["published"], row["scale"], row["rows"],
             f"{row['done']}/{row['evaluations']}"]
            for row in rows
        ],
    )  # fmt: skip
