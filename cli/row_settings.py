"""Every setting of an experiment, filled in, and where each value comes from."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from videobench.spec.expand import Experiment


def print_settings(loaded: "Experiment", *, only: Sequence[str], as_json: bool) -> None:
    """Print the first row's settings, and what differs between it and the other rows."""
    from videobench.runner.plan import select_rows

    from .console import console, print_json, print_table

    rows = select_rows(loaded, only)
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
