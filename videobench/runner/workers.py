"""Processes that run one unit after another, each at the end of a pipe of its own.

Nothing is shared between them, no queue and no lock, so a process that is killed at any moment takes nobody along.
Both directions use the pipe: units go in; events and each unit's end come out. While a unit runs, any message, and
the end of the pipe, mean stop: so a worker whose parent was killed saves and ends within a step.
"""

import contextlib
import multiprocessing
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

from videobench.errors import VideobenchError
from videobench.runner.events import Event, Report
from videobench.runner.plan import Node
from videobench.training.signals import stop_on_signals

RunNode = Callable[[Node, Report, Callable[[], bool]], None]
"""Runs one unit; must be picklable. Told how to report and whether to stop."""

SECONDS_TO_END = 5.0


@dataclass(frozen=True)
class _Ended:
    """A unit is over: well, with an error for users, or with a bug's traceback."""

    error: VideobenchError | None = None
    bug: str | None = None


@dataclass
class _Worker:
    process: SpawnProcess
    pipe: "Connection[Node | None, Event | _Ended]"
    node: Node | None = None


class Workers:
    """Up to ``num_workers`` processes, started when first needed."""

    def __init__(self, num_workers: int, run: RunNode) -> None:
        self._num_workers = num_workers
        self._run = run
        self._workers: list[_Worker] = []

    def has_room(self) -> bool:
        return len(self._busy()) < self._num_workers

    def is_busy(self) -> bool:
        return bool(self._busy())

    def start(self, node: Node) -> None:
        """Run ``node`` in an idle process."""
        idle = [worker for worker in self._workers if worker.node is None]
        worker = idle[0] if idle else self._spawn()
        worker.node = node
        try:
            worker.pipe.send(node)
        except OSError:
            return  # it was killed while idle; wait() finds out and says so

    def wait(self, seconds: float, report: Report) -> Iterator[tuple[Node, VideobenchError | None]]:
        """Pass on events for up to ``seconds`` and yield the units that end, with their errors.

        Raises RuntimeError with the worker's traceback when a unit ended by a bug.
        """
        by_pipe = {worker.pipe: worker for worker in self._busy()}
        for ready in wait(list(by_pipe), timeout=seconds):
            worker = next(worker for pipe, worker in by_pipe.items() if pipe is ready)
            node = worker.node
            assert node is not None
            try:
                message = worker.pipe.recv()
            except (EOFError, OSError):
                self._workers.remove(worker)
                yield node, _killed(node)
                continue
            if isinstance(message, Event):
                report(message)
                continue
            worker.node = None
            if message.bug:
                raise RuntimeError(f"{node.label}: a bug in videobench, please report it\n\n{message.bug}")
            yield node, message.error

    def stop(self) -> None:
        """Ask every process to save and end."""
        for worker in self._workers:
            try:
                worker.pipe.send(None)
            except OSError:
                continue  # it has ended already

    def close(self) -> None:
        """Stop the processes and wait until the last has saved."""
        self.stop()
        for worker in self._workers:
            while worker.node is not None:  # whoever writes into a full pipe can't end
                try:
                    worker.node = None if isinstance(worker.pipe.recv(), _Ended) else worker.node
                except (EOFError, OSError):
                    break
            worker.process.join(SECONDS_TO_END)
            if worker.process.is_alive():
                worker.process.terminate()
            worker.pipe.close()
        self._workers.clear()

    def _busy(self) -> list[_Worker]:
        return [worker for worker in self._workers if worker.node is not None]

    def _spawn(self) -> _Worker:
        # Spawned, not forked: this process holds threads of torch and FFmpeg.
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_work, args=(theirs, self._run))
        process.start()
        theirs.close()  # or the end of the process would not end the pipe
        worker = _Worker(process, ours)
        self._workers.append(worker)
        return worker


def _killed(node: Node) -> VideobenchError:
    return VideobenchError(
        "the process that ran this was killed from outside (out of memory?)",
        where=node.label,
        hint="run the same command again: it goes on from the last checkpoint",
    )


def _work(pipe: "Connection[Event | _Ended, Node | None]", run: RunNode) -> None:
    """Run the units that come through the pipe until it ends."""
    try:
        with stop_on_signals() as signalled:
            while (node := pipe.recv()) is not None:
                pipe.send(_run_one(node, pipe, run, lambda: signalled() or pipe.poll()))
    except (EOFError, OSError, KeyboardInterrupt):
        return  # nobody listens any more, or a second Ctrl-C


def _run_one(
    node: Node, pipe: "Connection[Event | _Ended, Node | None]", run: RunNode, should_stop: Callable[[], bool]
) -> _Ended:
    def report(event: Event) -> None:
        with contextlib.suppress(OSError):  # the parent was killed: should_stop is true by now
            pipe.send(event)

    try:
        run(node, report, should_stop)
    except VideobenchError as error:
        return _Ended(error=error)
    except Exception:
        return _Ended(bug=traceback.format_exc())
    return _Ended()
