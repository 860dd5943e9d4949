"""`videobench data flow`: the optical flow of the videos an experiment reads."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from . import options
from .data_findings import data_sets_of, findings_as_json, print_findings

Algorithm = Annotated[
    Literal["tvl1", "farneback"] | None,
    typer.Option(help="TV-L1 (P2) or Farneback (P1). Default: what the clips' flow_algorithm says."),
]
Out = Annotated[
    Path | None, typer.Option(help="Folder for it; then set data.flow to it. Default: beside the data set.")
]
Bound = Annotated[
    float, typer.Option(min=1, help="Pixels that the ends of the 8 bits stand for; what is beyond is cut off.")
]


def register(data: typer.Typer) -> None:
    data.command("flow")(flow)


def flow(
    experiment: options.Experiment,
    algorithm: Algorithm = None,
    out: Out = None,
    bound: Bound = 20.0,
    size: options.FrameSize = None,
    scale: options.Scale = None,
    settings: options.Settings = None,
    only: options.Only = None,
    jobs: options.ReadingJobs = None,
    home: options.Home = options.HOME,
    as_json: options.Json = False,
) -> None:
    """Compute the optical flow of every video an experiment reads.

    For clips with modality: flow. Each video's flow is one file, done once: stop it whenever you like and run it \
again to go on. At the end stands whether it can be right: levels far from rest, cut off or the same everywhere.
    Ends with 3 when something is off.

    [bold]Examples[/bold]
      videobench data flow my.yaml --jobs 8
      videobench data flow my.yaml --algorithm farneback --size 128x171
      videobench data flow demo --set clip.modality=flow
    """
    from videobench.data.flow import require_opencv
    from videobench.runner.flow_extraction import compute_flow, flow_jobs

    from .console import print_json, print_table

    require_opencv()
    frame_size = options.parse_frame_size(size)
    with data_sets_of(experiment, scale, settings, only, jobs, home) as (data_sets, nodes):
        wanted = flow_jobs(nodes, data_sets.workspace, algorithm=algorithm, bound=bound, size=frame_size, out=out)
        results = [compute_flow(job, data_sets) for job in wanted]
    is_fine = not any(finding.is_problem for result in results for finding in result.findings)
    if as_json:
        subsets = [result.facts for result in results]
        print_json({"ok": is_fine, "subsets": subsets, "findings": findings_as_json(results)})
    else:
        columns = ["data", "subset", "algorithm", "videos", "done", "fields", "mean x", "mean y", "cut off", "folder"]
        print_table(columns, [_row(result.facts) for result in results])
        print_findings(results)
    if not is_fine:
        raise typer.Exit(3)


def _row(facts: dict[str, Any]) -> list[Any]:
    names = ("data", "subset", "algorithm", "videos", "done", "fields")
    if not facts["done"]:
        return [*(facts[name] for name in names), "-", "-", "-", facts["folder"]]
    levels = (f"{facts[name]:.1f}" for name in ("mean_x", "mean_y"))
    return [*(facts[name] for name in names), *levels, f"{facts['saturated']:.2%}", facts["folder"]]
