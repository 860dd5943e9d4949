"""The order in which units run, and what a failure takes along."""

from pathlib import Path

import pytest
from small_experiment import load, write_experiment

from videobench.errors import DataError
from videobench.runner.plan import Node, Plan, TrainingNode, make_plan
from videobench.runner.schedule import Schedule
from videobench.runner.workspace import Workspace

ROWS = """\
rows:
  source: {}
  tuned: {init: {run: "#source"}, clip: {frames: 4}}
  other: {network: {name: MC3}}
"""


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return make_plan(load(write_experiment(tmp_path, ROWS)), Workspace(tmp_path))


def nodes(plan: Plan) -> list[Node]:
    return [*plan.needed_trainings(), *plan.missing_evaluations()]


def kind(node: Node | None) -> tuple[str, str] | None:
    if node is None:
        return None
    return ("train" if isinstance(node, TrainingNode) else "evaluate", node.rows[-1])


def test_a_unit_waits_for_what_it_needs(plan: Plan) -> None:
    """First what starts from nothing; after a training its evaluation comes first, and its followers can start."""
    schedule = Schedule(nodes(plan), keep_going=False)
    source, other = schedule.next(), schedule.next()
    assert (kind(source), kind(other)) == (("train", "tuned"), ("train", "other"))
    assert schedule.next() is None
    assert source is not None
    schedule.finish(source)
    assert kind(schedule.next()) == ("evaluate", "source")
    assert kind(schedule.next()) == ("train", "tuned")
    assert schedule.next() is None


def test_a_failure_takes_along_what_needs_it(plan: Plan) -> None:
    """With keep_going, all that depends on the failed unit is skipped, however indirectly, and the rest runs."""
    schedule = Schedule(nodes(plan), keep_going=True)
    source = schedule.next()
    assert source is not None
    schedule.fail(source, DataError("broken"))
    left = []
    while node := schedule.next():
        left.append(kind(node))
        schedule.finish(node)
    assert left == [("train", "other"), ("evaluate", "other")]
    outcome = schedule.close()
    assert sorted(str(kind(node)) for node in outcome.skipped) == sorted(
        str(item) for item in [("train", "tuned"), ("evaluate", "source"), ("evaluate", "tuned")]
    )


def test_nothing_starts_after_a_failure_or_a_signal(plan: Plan) -> None:
    """Without keep_going the first failure ends it; so does an interruption."""
    for keep_going in (False, True):
        schedule = Schedule(nodes(plan), keep_going=keep_going)
        first = schedule.next()
        assert first is not None
        if keep_going:
            schedule.interrupted = True
        else:
            schedule.fail(first, DataError("broken"))
        assert schedule.next() is None


def test_every_unit_is_accounted_for(plan: Plan) -> None:
    """Finished, failed and skipped units together are all of them."""
    schedule = Schedule(nodes(plan), keep_going=False)
    first, second = schedule.next(), schedule.next()
    assert first is not None
    assert second is not None
    schedule.finish(first)
    schedule.fail(second, DataError("broken"))
    outcome = schedule.close()
    digests = [*outcome.finished, *(failure.node.digest for failure in outcome.failures)]
    digests += [node.digest for node in outcome.skipped]
    assert sorted(digests) == sorted(node.digest for node in nodes(plan))
