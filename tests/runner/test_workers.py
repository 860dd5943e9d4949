"""Processes that run units: what comes back from them, and what doesn't bring them down."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from small_experiment import TWO_ROWS, load, write_experiment

from videobench.errors import DataError, Interrupted, VideobenchError
from videobench.runner.events import Event, Report
from videobench.runner.plan import Node, make_plan
from videobench.runner.workers import Workers
from videobench.runner.workspace import Workspace


def fail_or_wait(node: Node, report: Report, should_stop: Callable[[], bool]) -> None:
    """R3D fails, MC3 waits until it is told to stop."""
    report(node.event("started", pid=os.getpid()))
    if node.label == "R3D":
        raise DataError("broken", where="somewhere", hint="do this")
    while not should_stop():
        time.sleep(0.005)
    raise Interrupted("stopped")


def crash(node: Node, *_: object) -> None:
    raise ZeroDivisionError(node.label)


@pytest.fixture
def nodes(tmp_path: Path) -> list[Node]:
    plan = make_plan(load(write_experiment(tmp_path, TWO_ROWS)), Workspace(tmp_path))
    return list(plan.trainings)


def ended(workers: Workers, report: Report) -> tuple[Node, VideobenchError | None]:
    """Wait for the next unit to end."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for end in workers.wait(0.1, report):
            return end
    raise AssertionError("nothing ended")


def test_an_error_arrives_whole(nodes: list[Node]) -> None:
    """What a unit reports and how it fails reach the parent with kind, place, hint and exit code."""
    events: list[Event] = []
    workers = Workers(1, fail_or_wait)
    try:
        workers.start(nodes[0])
        assert not workers.has_room()
        node, error = ended(workers, events.append)
    finally:
        workers.close()
    assert node == nodes[0]
    assert [event.label for event in events] == ["R3D"]
    assert isinstance(error, DataError)
    assert (error.what, error.where, error.hint, error.exit_code) == ("broken", "somewhere", "do this", 3)


def test_a_killed_process_fails_its_own_unit_only(nodes: list[Node]) -> None:
    """kill -9 of one worker is that unit's failure; another process takes its place and the other one goes on."""
    events: list[Event] = []
    workers = Workers(2, fail_or_wait)
    try:
        workers.start(nodes[1])
        while not events:
            list(workers.wait(0.1, events.append))
        os.kill(events[0].values["pid"], signal.SIGKILL)
        node, error = ended(workers, events.append)
        assert node == nodes[1]
        assert "was killed from outside" in str(error)
        workers.start(nodes[0])
        node, error = ended(workers, events.append)
        assert isinstance(error, DataError)
    finally:
        workers.close()


def test_stopping_asks_every_unit_to_save(nodes: list[Node]) -> None:
    """stop() reaches a unit at work, which ends as interrupted."""
    events: list[Event] = []
    workers = Workers(1, fail_or_wait)
    try:
        workers.start(nodes[1])
        while not events:
            list(workers.wait(0.1, events.append))
        workers.stop()
        _, error = ended(workers, events.append)
        assert isinstance(error, Interrupted)
    finally:
        workers.close()


def test_a_bug_keeps_its_traceback(nodes: list[Node]) -> None:
    """Anything but an error for users is a bug and is raised with the worker's traceback."""
    workers = Workers(1, crash)
    try:
        workers.start(nodes[0])
        with pytest.raises(RuntimeError, match="ZeroDivisionError: R3D"):
            ended(workers, lambda _: None)
    finally:
        workers.close()
