"""`videobench data`: the videos an experiment reads, looked at before anything is trained."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import data_flow, data_prepare, data_preview, options
from .data_findings import data_sets_of, findings_as_json, print_findings

if TYPE_CHECKING:
    from videobench.runner.data_sets import Checked

data = typer.Typer(no_args_is_help=True, rich_markup_mode="rich")

HELP = """Probe, check and show the videos of an experiment, and compute their optical flow.

[bold]Examples[/bold]
  videobench data check my.yaml
  videobench data preview my.yaml
  videobench data index my.yaml --jobs 8
  videobench data flow my.yaml --algorithm farneback
"""


def register(app: typer.Typer) -> None:
    data_flow.register(data)
    data_prepare.register(data)
    data_preview.register(data)
    app.add_typer(data, name="data", help=HELP)


@data.command("index")
def index(
    experiment: options.Experiment,
    scale: options.Scale = None,
    settings: options.Settings = None,
    only: options.Only = None,
    jobs: options.ReadingJobs = None,
    home: options.Home = options.HOME,
    as_json: options.Json = False,
) -> None:
    """Count the frames of every video an experiment reads.

    Each file is opened once, whatever clips are read of it later; stop it whenever you like and run it again to go on.
    Ends with 3 when a video is missing or can't be decoded.

    [bold]Examples[/bold]
      videobench data index my.yaml --jobs 8
      videobench data index my.yaml --set data.root=/data/UCF101
    """
    from videobench.runner.data_sets import uses_of

    from .console import console, print_json, print_table

    rows = []
    with data_sets_of(experiment, scale, settings, only, jobs, home) as (data_sets, nodes):
        for use in uses_of(nodes):
            found = data_sets.index(use)
            rows.append(
                {
                    "data": use.label,
                    "listed": len(found.listed.videos),
                    "usable": len(found.videos.videos),
                    "missing": len(found.missing),
                    "broken": len(found.failures),
                }
            )
    if as_json:
        print_json(rows)
    else:
        print_table(list(rows[0]), [list(row.values()) for row in rows])
    if any(row["missing"] or row["broken"] for row in rows):
        if not as_json:
            console(stderr=True).print("`videobench data check` says what is wrong")
        raise typer.Exit(3)


@data.command("check")
def check(
    experiment: options.Experiment,
    scale: options.Scale = None,
    settings: options.Settings = None,
    only: options.Only = None,
    deep: Annotated[bool, typer.Option("--deep", help="Decode every frame, also of files known to be whole.")] = False,
    jobs: options.ReadingJobs = None,
    home: options.Home = options.HOME,
    as_json: options.Json = False,
) -> None:
    """Say what is wrong with the videos an experiment reads.

    Missing, unreadable, truncated; the same video, source or content on both sides of a split; another number of \
videos than the official lists have; and which videos are shorter than the clip. Videos are indexed first.
    Ends with 3 when there is something to mend; --json names every video.

    [bold]Examples[/bold]
      videobench data check my.yaml
      videobench data check my.yaml --deep --json
    """
    from videobench.runner.data_sets import uses_of

    from .console import print_json

    with data_sets_of(experiment, scale, settings, only, jobs, home) as (data_sets, nodes):
        results = list(data_sets.check(uses_of(nodes), deep=deep))
    is_fine = not any(finding.is_problem for result in results for finding in result.findings)
    if as_json:
        print_json({"ok": is_fine, "subsets": _subsets(results), "findings": findings_as_json(results)})
    else:
        _print(results)
    if not is_fine:
        raise typer.Exit(3)


def _subsets(results: "Sequence[Checked]") -> list[dict[str, Any]]:
    return [result.facts for result in results if result.facts]


def _print(results: "Sequence[Checked]") -> None:
    from .console import console, print_table

    if subsets := _subsets(results):
        columns = ["data", "subset", "classes", "listed", "official", "usable"]
        print_table(
            [*columns, "frames", "fps", "size"],
            [[*(row[name] for name in columns), *_pictures(row)] for row in subsets],
        )
    out = console()
    for row in subsets[:1]:
        out.print(f"\nThe first videos of {row['data']}, {row['subset']}, were read as", markup=False)
        for example in row["examples"]:
            out.print(f"  {', '.join(example['classes'])}: {example['id']}", markup=False)
    print_findings(results)


def _pictures(row: dict[str, Any]) -> tuple[str, str, str]:
    """Return how long, how fast and how large the videos are."""
    if row["frames"] is None:
        return "-", "-", "-"
    length = row["frames"]
    return f"{length['min']}-{length['max']}", _usual(row["fps"]), _usual(row["size"])


def _usual(fact: dict[str, Any] | None) -> str:
    """Return the most frequent value, with its share where there are others."""
    if fact is None:
        return "-"
    return f"{fact['value']}" + (f" ({fact['share']:.0%})" if fact["share"] < 1 else "")
