"""Running a plan: data first, then trainings and evaluations as their turn comes, in this process or several."""

import multiprocessing
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from typing import Any

import torch

from videobench.errors import Interrupted, VideobenchError
from videobench.runner.environment import Machine, num_cores
from videobench.runner.evaluate_unit import run_evaluation
from videobench.runner.events import Event, Report
from videobench.runner.inputs import open_input
from videobench.runner.plan import EvaluationNode, Plan, TrainingNode
from videobench.runner.train_unit import run_training
from videobench.runner.workspace import Workspace
from videobench.spec.clip import Clip
from videobench.spec.dataset import Dataset, Subset
from videobench.spec.experiment import Scale
from videobench.training.signals import stop_on_signals

Node = TrainingNode | EvaluationNode


@dataclass(frozen=True)
class Failure:
    """A unit that failed, and the units that could not run because of it."""

    node: Node
    error: Exception


@dataclass
class Outcome:
    """What became of a plan's units."""

    finished: list[str] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    skipped: list[Node] = field(default_factory=list)


def execute(plan: Plan, workspace: Workspace, *, jobs: int, keep_going: bool, device: str, report: Report) -> Outcome:
    """Run what is missing of ``plan``, ``jobs`` units side by side.

    Without ``keep_going`` the first failure stops everything that has not started. Raises Interrupted when a signal
    asked to stop: what runs has been saved then.
    """
    workspace.check_writable()
    nodes: list[Node] = [*plan.needed_trainings(), *plan.missing_evaluations()]
    prepare(nodes, workspace, report)
    threads = max(1, num_cores() // jobs)
    machine = Machine(device=device, threads=threads)
    schedule = _Schedule(nodes, keep_going)
    with stop_on_signals() as should_stop:
        if jobs == 1 or len(nodes) == 1:
            _run_here(schedule, plan.experiment.scale, workspace, machine, report, should_stop)
        else:
            _run_side_by_side(schedule, plan.experiment.scale, workspace, machine, report, should_stop, jobs)
        if should_stop() and (schedule.waiting or schedule.interrupted):
            raise Interrupted("stopped; everything that ran is saved", hint="Run the same command again to go on.")
    return schedule.outcome()


def prepare(nodes: Sequence[Node], workspace: Workspace, report: Report) -> None:
    """Find, make, probe and (where small) decode all data the nodes need, so that nothing is missing halfway."""
    wanted: dict[tuple[Dataset, Subset, Clip], None] = {}
    for node in nodes:
        if isinstance(node, TrainingNode):
            training = node.training
            wanted[training.data, training.subset, training.clip] = None
            if training.validation.videos:
                wanted[training.data, training.validation.subset, training.clip] = None
        else:
            evaluation = node.evaluation
            wanted[evaluation.data, evaluation.subset, evaluation.clip] = None
    for data, subset, clip in wanted:
        key, label = f"{data.name} {subset}", f"{data.name}, {subset}"

        def progress(done: int, total: int, key: str = key, label: str = label) -> None:
            report(Event("progress", "data", key, label, {"done": done, "total": total}))

        def notify(text: str, key: str = key, label: str = label) -> None:
            report(Event("started", "data", key, label, {"text": text}))

        open_input(data, subset, clip, workspace, num_workers=num_cores(), progress=progress, notify=notify)
        report(Event("finished", "data", key, label))


class _Schedule:
    """Which nodes may start: a training after its source, an evaluation after its training."""

    def __init__(self, nodes: Sequence[Node], keep_going: bool) -> None:
        self.waiting: list[Node] = list(nodes)
        self.interrupted = False
        self._keep_going = keep_going
        self._unfinished = {node.digest for node in nodes}
        self._finished: list[str] = []
        self._failures: list[Failure] = []
        self._skipped: list[Node] = []

    def next(self) -> Node | None:
        """Take the next node that can start now; evaluations first, so that results appear early."""
        if self.interrupted or (self._failures and not self._keep_going):
            return None
        ready = [node for node in self.waiting if _needs(node) not in self._unfinished]
        if not ready:
            return None
        chosen = min(ready, key=lambda node: isinstance(node, TrainingNode))
        self.waiting.remove(chosen)
        return chosen

    def finish(self, node: Node) -> None:
        self._finished.append(node.digest)
        self._unfinished.discard(node.digest)

    def fail(self, node: Node, error: Exception) -> None:
        self._failures.append(Failure(node, error))
        lost = {node.digest}
        while blocked := [other for other in self.waiting if _needs(other) in lost]:
            for other in blocked:
                self.waiting.remove(other)
                self._skipped.append(other)
                lost.add(other.digest)

    def outcome(self) -> Outcome:
        return Outcome(self._finished, self._failures, [*self._skipped, *self.waiting])


def _needs(node: Node) -> str | None:
    return node.source if isinstance(node, TrainingNode) else node.training


def _run_node(
    node: Node, scale: Scale, workspace: Workspace, machine: Machine, report: Report, should_stop: Callable[[], bool]
) -> None:
    torch.set_num_threads(machine.threads)
    if isinstance(node, TrainingNode):
        run_training(node, workspace, machine, report, should_stop)
    else:
        run_evaluation(node, scale, workspace, machine, report, should_stop)


def _run_here(
    schedule: _Schedule,
    scale: Scale,
    workspace: Workspace,
    machine: Machine,
    report: Report,
    should_stop: Callable[[], bool],
) -> None:
    while not should_stop() and (node := schedule.next()):
        try:
            _run_node(node, scale, workspace, machine, report, should_stop)
        except Interrupted:
            schedule.interrupted = True
        except VideobenchError as error:
            schedule.fail(node, error)
            report(_failed(node, error))
        else:
            schedule.finish(node)


def _run_side_by_side(
    schedule: _Schedule,
    scale: Scale,
    workspace: Workspace,
    machine: Machine,
    report: Report,
    should_stop: Callable[[], bool],
    jobs: int,
) -> None:
    context = multiprocessing.get_context("spawn")
    events = context.Queue()
    stop = context.Event()
    pump = threading.Thread(target=_pass_on, args=(events, report), daemon=True)
    pump.start()
    running: dict[Future[None], Node] = {}
    with ProcessPoolExecutor(jobs, context, _begin_worker, (events, stop, os.getpid())) as pool:
        while True:
            if should_stop():
                stop.set()
                schedule.interrupted = True
            while len(running) < jobs and (node := schedule.next()):
                running[pool.submit(_run_in_worker, node, scale, workspace, machine)] = node
            if not running:
                break
            done, _ = wait(running, timeout=0.5, return_when=FIRST_COMPLETED)
            for future in done:
                node = running.pop(future)
                try:
                    future.result()
                except Interrupted:
                    schedule.interrupted = True
                except (VideobenchError, BrokenProcessPool) as error:
                    failure = _killed(node) if isinstance(error, BrokenProcessPool) else error
                    schedule.fail(node, failure)
                    report(_failed(node, failure))
                else:
                    schedule.finish(node)
    events.put(None)
    pump.join(timeout=5)


def _killed(node: Node) -> VideobenchError:
    return VideobenchError(
        "the process that ran this was killed from outside (out of memory?)",
        where=", ".join(node.rows),
        hint="run the same command again: it goes on from the last checkpoint",
    )


def _failed(node: Node, error: Exception) -> Event:
    unit: Any = "training" if isinstance(node, TrainingNode) else "evaluation"
    return Event("failed", unit, node.digest, ", ".join(node.rows), {"message": str(error)})


def _pass_on(events: "multiprocessing.Queue[Event | None]", report: Report) -> None:
    while (event := events.get()) is not None:
        report(event)


_worker: dict[str, Any] = {}
"""What a worker process was given at its start: the queue of events, the flag to stop, its parent."""


def _begin_worker(events: Any, stop: Any, parent: int) -> None:
    _worker.update(events=events, stop=stop, parent=parent)


def _run_in_worker(node: Node, scale: Scale, workspace: Workspace, machine: Machine) -> None:
    with stop_on_signals() as signalled:

        def should_stop() -> bool:
            # A parent that was killed can't ask; without it nobody would see the result.
            return signalled() or _worker["stop"].is_set() or os.getppid() != _worker["parent"]

        _run_node(node, scale, workspace, machine, _worker["events"].put, should_stop)


__all__ = ["Failure", "Outcome", "execute", "prepare"]
