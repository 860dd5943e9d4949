"""Running a plan from the command line and showing how it goes."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from videobench.errors import VideobenchError, WeightsError

from .console import console
from .loading import load

if TYPE_CHECKING:
    from videobench.runner.plan import Plan
    from videobench.runner.schedule import Outcome
    from videobench.spec.experiment import Scale
    from videobench.training.distributed import Ranks


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
    from_scores: bool = False,
) -> None:
    """Do what is missing of an experiment, then print its table; ``from_scores`` takes neither weights nor videos."""
    with _ranks() as ranks:
        plan = ranks.first(lambda: _plan(name, scale, settings, only=only, failed=failed, home=home))
        if from_scores:
            plan = replace(plan, trainings=())
        elif not may_train:
            _refuse_training(plan)
        if plan.is_done:
            if ranks.is_first:
                _show_done(plan, home, only=only, failed=failed)
            return
        if from_scores:
            outcome = ranks.first(lambda: _run_from_scores(plan, home, keep_going=keep_going))
        else:
            outcome = _run(plan, home, jobs=jobs, keep_going=keep_going, device=device, ranks=ranks)
        if ranks.is_first and (keep_going or not outcome.failures):
            from .table import print_result

            print_result(plan.experiment, home, only=only)
        _raise_failures(outcome, keep_going)


@contextmanager
def _ranks() -> Iterator["Ranks"]:
    """Join the processes that torchrun started; what all of them end with, the first one tells."""
    from videobench.training.distributed import launched_ranks

    with launched_ranks() as ranks:
        try:
            yield ranks
        except VideobenchError as error:
            if ranks.is_first:
                raise
            raise SystemExit(error.exit_code) from None


def _plan(
    name: str, scale: "Scale | None", settings: Sequence[str], *, only: Sequence[str], failed: bool, home: Path
) -> "Plan":
    experiment = load(name, scale, settings)
    from videobench.runner.plan import make_plan
    from videobench.runner.workspace import Workspace

    return make_plan(experiment, Workspace(home), only=only, failed=failed)


def _show_done(plan: "Plan", home: Path, *, only: Sequence[str], failed: bool) -> None:
    if failed and not plan.evaluations:
        console().print("nothing failed last time")
        return
    from .table import print_result

    console(stderr=True).print(f"{plan.experiment.name} at {plan.experiment.scale} scale: everything is done")
    print_result(plan.experiment, home, only=only)


def _run(plan: "Plan", home: Path, *, jobs: int, keep_going: bool, device: str, ranks: "Ranks") -> "Outcome":
    from videobench.runner.execute import execute
    from videobench.runner.workspace import Workspace

    from .progress import watching

    if ranks.is_first:
        _announce(plan, f"{jobs} at a time" + (f", on {ranks.size} processes" if ranks.size > 1 else ""))
    with watching(plan) if ranks.is_first else nullcontext(lambda _: None) as report:
        return execute(
            plan, Workspace(home), jobs=jobs, keep_going=keep_going, device=device, report=report, ranks=ranks
        )  # fmt: skip


def _run_from_scores(plan: "Plan", home: Path, *, keep_going: bool) -> "Outcome":
    from videobench.runner.from_scores import execute_from_scores
    from videobench.runner.workspace import Workspace

    from .progress import watching

    _announce(plan, "1 at a time")
    with watching(plan) as report:
        return execute_from_scores(plan, Workspace(home), keep_going=keep_going, report=report)


def _refuse_training(plan: "Plan") -> None:
    missing = plan.needed_trainings()
    if missing:
        rows = ", ".join(row for node in missing for row in node.rows)
        raise WeightsError(
            f"{len(missing)} trainings are not finished: {rows}",
            hint=f"`videobench train {plan.experiment.name}` does them, or name trained rows with --only",
        )


def _announce(plan: "Plan", how: str) -> None:
    trainings, evaluations, fusions = plan.needed_trainings(), plan.missing_evaluations(), plan.missing_fusions()
    experiment = plan.experiment
    done = sum(node.state == "done" for node in plan.evaluations)
    fused = f", {len(fusions)} fusions" if plan.fusions else ""
    console(stderr=True).print(
        f"{experiment.name} at {experiment.scale} scale: {len(trainings)} trainings and {len(evaluations)} evaluations"
        f"{fused} to do, {done} evaluations done; {how}"
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
