"""Running a plan: data first, then trainings and evaluations as their turn comes, in this process or several."""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from videobench.errors import Interrupted, VideobenchError
from videobench.runner.environment import Machine, pick_device, threads_per_job
from videobench.runner.evaluate_unit import run_evaluation
from videobench.runner.events import Report
from videobench.runner.plan import Node, Plan, TrainingNode
from videobench.runner.prepare import prepare
from videobench.runner.schedule import Outcome, Schedule
from videobench.runner.train_unit import run_training
from videobench.runner.workers import Workers
from videobench.runner.workspace import Workspace, explaining_full_disk
from videobench.spec.experiment import Scale
from videobench.training.signals import stop_on_signals

SECONDS_BETWEEN_LOOKS = 0.5
"""How long a request to stop may go unseen while units run in other processes."""


def execute(plan: Plan, workspace: Workspace, *, jobs: int, keep_going: bool, device: str, report: Report) -> Outcome:
    """Run what is missing of ``plan``, ``jobs`` units side by side.

    Without ``keep_going`` the first failure stops everything that has not started. Raises Interrupted when a signal
    asked to stop: what runs has been saved then.
    """
    nodes: list[Node] = [*plan.needed_trainings(), *plan.missing_evaluations()]
    schedule = Schedule(nodes, keep_going=keep_going)
    if not nodes:
        return schedule.close()
    pick_device(device)  # a device that isn't there is no training's failure
    workspace.check_writable()
    with stop_on_signals() as should_stop:
        with explaining_full_disk():
            prepare(nodes, workspace, report, should_stop)
        jobs = min(jobs, len(nodes))
        run = _RunNode(plan.experiment.scale, workspace, Machine(device=device, threads=threads_per_job(jobs)))
        if jobs == 1:
            _run_here(schedule, run, report, should_stop)
        else:
            _run_side_by_side(schedule, run, report, should_stop, jobs)
        if schedule.interrupted or (should_stop() and schedule.waiting):
            raise Interrupted("stopped; everything that ran is saved", hint="Run the same command again to go on.")
    return schedule.close()


@dataclass(frozen=True)
class _RunNode:
    """Runs one unit in whatever process it is called."""

    scale: Scale
    workspace: Workspace
    machine: Machine

    def __call__(self, node: Node, report: Report, should_stop: Callable[[], bool]) -> None:
        torch.set_num_threads(self.machine.threads)
        with explaining_full_disk():
            if isinstance(node, TrainingNode):
                run_training(node, self.workspace, self.machine, report, should_stop)
            else:
                run_evaluation(node, self.scale, self.workspace, self.machine, report, should_stop)


def _run_here(schedule: Schedule, run: _RunNode, report: Report, should_stop: Callable[[], bool]) -> None:
    while not should_stop() and (node := schedule.next()):
        try:
            run(node, report, should_stop)
        except VideobenchError as error:
            _settle(schedule, node, error, report)
        else:
            schedule.finish(node)


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
