"""Running a plan: data first, then each unit as its turn comes, in this process or several."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch

from videobench.errors import ConfigError, Interrupted, VideobenchError
from videobench.runner.environment import Machine, device_of_rank, pick_device, threads_per_job
from videobench.runner.evaluate_unit import run_evaluation
from videobench.runner.events import Report
from videobench.runner.fuse_unit import run_fusion
from videobench.runner.plan import FusionNode, Node, Plan, TrainingNode
from videobench.runner.prepare import prepare
from videobench.runner.schedule import Outcome, Schedule
from videobench.runner.train_unit import run_training
from videobench.runner.workers import Workers
from videobench.runner.workspace import Workspace, explaining_full_disk
from videobench.spec.experiment import Scale
from videobench.training.distributed import ALONE, Ranks
from videobench.training.signals import stop_on_signals

SECONDS_BETWEEN_LOOKS = 0.5
"""How long a request to stop may go unseen while units run in other processes."""


def execute(
    plan: Plan,
    workspace: Workspace,
    *,
    jobs: int,
    keep_going: bool,
    device: str,
    report: Report,
    ranks: Ranks = ALONE,
) -> Outcome:
    """Run what is missing of ``plan``: ``jobs`` units side by side, or one by one, all ``ranks`` together.

    Without ``keep_going`` the first failure stops everything that has not started. Raises Interrupted when a signal
    asked to stop: what runs has been saved then.
    """
    nodes = plan.to_do()
    schedule = Schedule(nodes, keep_going=keep_going)
    if not nodes:
        return schedule.close()
    if ranks.size > 1:
        _refuse_what_ranks_cannot(plan, jobs)
    with ranks.in_step():  # a device that isn't there is no training's failure
        device = str(pick_device(device)) if ranks.size == 1 else device_of_rank(device, ranks.local_rank)
    with stop_on_signals() as should_stop:
        ranks.first(lambda: _prepare(nodes, workspace, report, should_stop))
        jobs = min(jobs, len(nodes))
        run = _RunNode(plan.experiment.scale, workspace, Machine(device=device, threads=threads_per_job(jobs)))
        if jobs == 1:
            _run_here(schedule, replace(run, ranks=ranks), report, should_stop)
        else:
            _run_side_by_side(schedule, run, report, should_stop, jobs)
    if schedule.interrupted:
        raise Interrupted("stopped; everything that ran is saved", hint="Run the same command again to go on.")
    return schedule.close()


def _refuse_what_ranks_cannot(plan: Plan, jobs: int) -> None:
    if jobs > 1:
        raise ConfigError(
            f"--jobs {jobs} and torchrun both share the work out among processes", hint="leave one of them away"
        )
    if missing := plan.needed_trainings():
        raise ConfigError(
            f"{len(missing)} trainings are not finished, and processes under torchrun share evaluations only",
            hint=f"first, without torchrun: videobench train {plan.experiment.name}; --jobs trains several at a time",
        )


def _prepare(nodes: Sequence[Node], workspace: Workspace, report: Report, should_stop: Callable[[], bool]) -> None:
    workspace.check_writable()
    with explaining_full_disk():
        prepare(nodes, workspace, report, should_stop)


@dataclass(frozen=True)
class _RunNode:
    """Runs one unit in whatever process it is called."""

    scale: Scale
    workspace: Workspace
    machine: Machine
    ranks: Ranks = ALONE

    def __call__(self, node: Node, report: Report, should_stop: Callable[[], bool]) -> None:
        torch.set_num_threads(self.machine.threads)
        device = self.machine.torch_device()
        if device.type == "cuda" and device.index is not None:
            torch.cuda.set_device(device)  # or every process would take memory on the first one, to pin its batches
        with explaining_full_disk():
            if isinstance(node, TrainingNode):
                run_training(node, self.workspace, self.machine, report, should_stop)
            elif isinstance(node, FusionNode):
                self.ranks.first(lambda: run_fusion(node, self.workspace, report))
            else:
                run_evaluation(node, self.scale, self.workspace, self.machine, report, should_stop, self.ranks)


def _run_here(schedule: Schedule, run: _RunNode, report: Report, should_stop: Callable[[], bool]) -> None:
    while schedule.waiting and not schedule.interrupted:
        if any(run.ranks.gather(should_stop())):
            schedule.interrupted = True
        elif node := schedule.next():
            try:
                run(node, report, should_stop)
            except VideobenchError as error:
                _settle(schedule, node, error, report)
            else:
                schedule.finish(node)
        else:
            break


def _run_side_by_side(
    schedule: Schedule, run: _RunNode, report: Report, should_stop: Callable[[], bool], jobs: int
) -> None:
    workers = Workers(jobs, run)
    try:
        while True:
            if should_stop() and not schedule.interrupted:
                schedule.interrupted = True
                workers.stop()
            while workers.has_room() and (node := schedule.next()):
                workers.start(node)
            if not workers.is_busy():
                break
            for node, error in workers.wait(SECONDS_BETWEEN_LOOKS, report):
                if error is None:
                    schedule.finish(node)
                else:
                    _settle(schedule, node, error, report)
    finally:
        workers.close()


def _settle(schedule: Schedule, node: Node, error: VideobenchError, report: Report) -> None:
    """Count a unit that ended with an error as interrupted or failed."""
    if isinstance(error, Interrupted):
        schedule.interrupted = True
    else:
        schedule.fail(node, error)
        report(node.event("failed", message=str(error)))
