"""`videobench doctor`: is this machine ready."""

import typer

from . import options


def register(app: typer.Typer) -> None:
    app.command()(doctor)


def doctor(home: options.Home = options.HOME, as_json: options.Json = False) -> None:
    """Check that this machine is ready.

    Versions, devices, writing and reading video, and the disk; ends with 3 when something needed doesn't work.

    [bold]Examples[/bold]
      videobench doctor
      videobench doctor --json
    """
    from pathlib import Path

    from videobench.runner.environment import checks

    from .console import print_json, print_table

    results = checks(Path(home))
    if as_json:
        print_json([{"check": name, "ok": ok, "found": found} for name, ok, found in results])
    else:
        print_table(
            ["check", "state", "found"], [[name, "ok" if ok else "FAILS", found] for name, ok, found in results]
        )
    if not all(ok for _, ok, _ in results):
        raise typer.Exit(3)
