"""Running a plan from the command line and showing how it goes."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from videobench.errors import WeightsError

from .console import console
from .loading import load

if TYPE_CHECKING:
    from videobench.runner.plan import Plan
    from videobench.runner.schedule import Outcome
    from videobench.runner.workspace import Workspace
    from videobench.spec.experiment import Scale


def run_experiment(
    name: str,
    *,
    scale: "Scale | None",
    settings: Sequence[str],
    only: Sequence[str],
    failed: bool,
    keep_going: bool,
    jobs: int,
    device: str,
    home: Path,
    may_train: bool = True,
) -> None:
    """Do what is missing of an experiment, then print its table."""
    experiment = load(name, scale, settings)
    from videobench.runner.plan import make_plan
    from videobench.runner.workspace import Workspace

    from .table import print_result

    workspace = Workspace(home)
    plan = make_plan(experiment, workspace, only=only, failed=failed)
    if failed and not plan.evaluations:
        console().print("nothing failed last time")
        return
    if not may_train:
        _refuse_training(plan)
    if plan.is_done:
        console(stderr=True).print(f"{experiment.name} at {experiment.scale} scale: everything is done")
        print_result(experiment, home, only=only)
        return
    outcome = _run(plan, workspace, jobs=jobs, keep_going=keep_going, device=device)
    if keep_going or not outcome.failures:
        print_result(experiment, home, only=only)
    _raise_failures(outcome, keep_going)


def _run(plan: "Plan", workspace: "Workspace", *, jobs: int, keep_going: bool, device: str) -> "Outcome":
    from videobench.runner.execute import execute

    from .progress import watching

    _announce(plan, jobs)
    with watching(plan) as report:
        return execute(plan, workspace, jobs=jobs, keep_going=keep_going, device=device, report=report)


def _refuse_training(plan: "Plan") -> None:
    missing = plan.needed_trainings()
    if missing:
        rows = ", ".join(row for node in missing for row in node.rows)
        raise WeightsError(
            f"{len(missing)} trainings are not finished: {rows}",
            hint=f"`videobench train {plan.experiment.name}` does them, or name trained rows with --only",
        )


def _announce(plan: "Plan", jobs: int) -> None:
    trainings, evaluations = plan.needed_trainings(), plan.missing_evaluations()
    experiment = plan.experiment
    done = len(plan.evaluations) - len(evaluations)
    console(stderr=True).print(
        f"{experiment.name} at {experiment.scale} scale: {len(trainings)} trainings and {len(evaluations)} evaluations"
        f" to do, {done} evaluations done; {jobs} at a time"
    )


def _raise_failures(outcome: "Outcome", keep_going: bool) -> None:
    """End with the first failure's message and exit code."""
    if not outcome.failures:
        return
    first = outcome.failures[0]
    number, left = len(outcome.failures), len(outcome.skipped)
    error = first.error
    if number == 1 and not left:
        raise error
    hint = "fix it and run the same command again" + ("" if keep_going else "; --keep-going does the others first")
    summary = f"{number} failed, {left} not run; first: {first.node.label}: {error}\n{hint}"
    raise type(error)(summary)
