"""`videobench show`: an experiment with everything filled in, and where each value comes from."""

import typer

from . import options


def register(app: typer.Typer) -> None:
    app.command()(show)


def show(
    experiment: options.Experiment,
    scale: options.Scale = None,
    settings: options.Settings = None,
    only: options.Only = None,
    as_json: options.Json = False,
) -> None:
    """Show every setting of an experiment and where it was given.

    The table lists the first row's settings; what the other rows change follows below it.

    [bold]Examples[/bold]
      videobench show closer_look/table2 --only R3D/8
      videobench show demo --set recipe.epochs=1 --json
    """
    from videobench.runner.plan import select_rows

    from .console import console, print_json, print_table
    from .loading import load

    loaded = load(experiment, scale, settings)
    rows = select_rows(loaded, only or ())
    if as_json:
        print_json(
            [
                {
                    "row": row.name,
                    "settings": dict(row.settings),
                    "origins": dict(row.origins),
                    "evaluations": [replica.digest for replica in row.replicas],
                    "published": row.published,
                }
                for row in rows
            ]
        )
        return
    first = rows[0]
    console().print(f"[bold]{loaded.title}[/bold]  ({loaded.name}, scale {loaded.scale})\n")
    print_table(
        [f"setting of {first.name}", "value", "given in"],
        [[name, value, first.origins.get(name, "default")] for name, value in first.settings.items()],
    )
    if len(rows) > 1:
        varying = [
            name for name in first.settings if any(row.settings.get(name) != first.settings[name] for row in rows)
        ]
        varying = [name for name in varying if name.removeprefix("evaluate.") not in varying or "evaluate" not in name]
        console().print("\nwhat differs between the rows:")
        print_table(["row", *varying], [[row.name, *(row.settings.get(name) for name in varying)] for row in rows])
