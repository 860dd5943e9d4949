"""What the `data` commands share: the data sets of an experiment, and how findings about them are shown."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import options

if TYPE_CHECKING:
    from videobench.data.check import Finding
    from videobench.runner.data_sets import Checked, DataSets
    from videobench.runner.plan import Node

NUM_SHOWN = 5


@contextmanager
def data_sets_of(
    experiment: str,
    scale: options.ScaleName | None,
    settings: list[str] | None,
    only: list[str] | None,
    jobs: int | None,
    home: Path,
) -> "Iterator[tuple[DataSets, list[Node]]]":
    """Yield what works on the data sets of an experiment, and its nodes, which read them; signals stop the work."""
    from videobench.runner.data_sets import DataSets
    from videobench.runner.environment import num_cores
    from videobench.runner.plan import make_plan
    from videobench.runner.workspace import Workspace
    from videobench.training.signals import stop_on_signals

    from .loading import load
    from .progress import watching

    workspace = Workspace(Path(home))
    plan = make_plan(load(experiment, scale, settings), workspace, only=only or ())
    workspace.check_writable()
    with watching() as report, stop_on_signals() as should_stop:
        yield DataSets(workspace, jobs or num_cores(), report, should_stop), [*plan.trainings, *plan.evaluations]


def findings_as_json(results: "Sequence[Checked]") -> list[dict[str, Any]]:
    return [
        {
            "kind": finding.kind,
            "problem": finding.is_problem,
            "in": result.label,
            "videos": list(finding.videos),
            "what": finding.what,
        }
        for result in results
        for finding in result.findings
    ]


def print_findings(results: "Sequence[Checked]") -> None:
    """Print what was found, a paragraph for each kind of it."""
    from .console import console

    for result in results:
        by_kind: dict[str, list[Finding]] = {}
        for finding in result.findings:
            by_kind.setdefault(finding.kind, []).append(finding)
        for findings in by_kind.values():
            _print_kind(result.label, findings)
    if not any(result.findings for result in results):
        console().print("\nnothing is wrong")


def _print_kind(label: str, findings: "list[Finding]") -> None:
    from videobench.data.check import KINDS

    from .console import console

    out = console()
    kind, is_problem = findings[0].kind, findings[0].is_problem
    number = "" if kind in ("list", "count") else f"{len(findings)} "
    out.print(f"\n{label}: {number}{KINDS[kind]}", style="bold red" if is_problem else "bold", markup=False)
    for finding in findings[:NUM_SHOWN]:
        out.print(f"  {finding.what}", markup=False)
    if len(findings) > NUM_SHOWN:
        out.print(f"  and {len(findings) - NUM_SHOWN} more", markup=False)
