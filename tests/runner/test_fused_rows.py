"""Rows that join the scores of others, from the plan to the record."""

import re
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from small_experiment import load, records_by_digest, run, write_experiment

from videobench.errors import DataError
from videobench.records import Record, read_videos
from videobench.run_reference import find_run
from videobench.runner.from_scores import execute_from_scores
from videobench.runner.fuse import fuse_runs
from videobench.runner.plan import FusionNode, make_plan
from videobench.runner.schedule import Schedule
from videobench.runner.survey import survey
from videobench.runner.workspace import Workspace

ROWS = """\
seeds: [0, 1]
rows:
  Both: {fuse: {one: "#R3D", two: "#MC3"}, fusion: {form: l2norm_sum, weights: {one: 3, two: 2}}}
  R3D: {}
  MC3: {network: {name: MC3}}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_experiment(tmp_path, ROWS)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which all is done; the experiment and its videos lie in it."""
    home = tmp_path_factory.mktemp("trained")
    assert run(write_experiment(home, ROWS), home).outcome.failures == []
    return home


@pytest.fixture
def home(trained: Path, tmp_path: Path) -> Path:
    """A copy of that home of one's own."""
    shutil.copytree(trained, tmp_path / "home")
    return tmp_path / "home"


def fused_records(home: Path) -> dict[str, Record]:
    return {digest: record for digest, record in records_by_digest(home).items() if "fusion" in record.evaluation}


def what_counts(record: Record) -> Mapping[str, Any]:
    """Return a record without when it was made and how long that took, and where the experiment lay."""
    notes = tuple(re.sub(r"/\S*/", "", note) for note in record.notes)
    return vars(replace(record, created="", notes=notes, cost=replace(record.cost, evaluation_seconds=0)))


def test_its_record_is_that_of_the_command(home: Path) -> None:
    """`eval --fuse` of the same rows writes the very same records under the same digests, videos included."""
    of_row, folder = fused_records(home), Workspace(home).records
    assert {record.seed for record in of_row.values()} == {0, 1}
    videos = {digest: read_videos(folder, digest) for digest in of_row}
    for digest in of_row:
        (folder / f"{digest}.json").unlink()
    runs = {
        stream: find_run(f"{home / 'small.yaml'}#{row}", scale=None, folder=folder)
        for stream, row in (("one", "R3D"), ("two", "MC3"))
    }
    fuse_runs(runs, form="l2norm_sum", weights=[3, 2], workspace=Workspace(home))
    by_command = fused_records(home)
    assert by_command.keys() == of_row.keys()
    for digest, record in by_command.items():
        assert what_counts(record) == what_counts(of_row[digest])
        assert read_videos(folder, digest) == videos[digest]


def test_it_runs_after_what_it_joins(path: Path, tmp_path: Path) -> None:
    """Although it stands first in the file; what it joins goes by the names of its own rows."""
    plan = make_plan(load(path), Workspace(tmp_path))
    assert [node.label for node in plan.evaluations] == ["R3D seed 0", "R3D seed 1", "MC3 seed 0", "MC3 seed 1"]
    assert [node.label for node in plan.fusions] == ["Both seed 0", "Both seed 1"]
    assert plan.fusions[0].needs == (plan.evaluations[0].digest, plan.evaluations[2].digest)
    order = [event.label for event in run(path, tmp_path).events if event.kind == "finished" and event.unit != "data"]
    assert order.index("Both seed 0") > order.index("MC3 seed 0")
    assert order[-1] == "Both seed 1"


def test_chosen_alone_it_brings_along_what_is_missing(home: Path, path: Path, tmp_path: Path) -> None:
    """With names that say what for; what is done of it is taken, and once it is done nothing is needed."""
    plan = make_plan(load(path), Workspace(tmp_path), only=["Both"])
    assert [node.label for node in plan.needed_trainings()] == [
        f"Both seed {seed} ({stream})" for seed in (0, 1) for stream in ("one", "two")
    ]
    assert run(path, tmp_path, only=["Both"]).outcome.failures == []
    assert make_plan(load(path), Workspace(tmp_path)).is_done

    one = load(home / "small.yaml").rows[0].replicas[0].measured[0]
    (Workspace(home).records / f"{one.digest}.json").unlink()
    assert make_plan(load(home / "small.yaml"), Workspace(home), only=["Both"]).is_done
    missing = make_plan(load(home / "small.yaml"), Workspace(home))
    assert [node.digest for node in missing.to_do()] == [one.digest]


def test_side_by_side(path: Path, tmp_path: Path) -> None:
    """Several processes wait for what a fusion needs, too."""
    assert run(path, tmp_path, jobs=2).outcome.failures == []
    assert len(fused_records(tmp_path)) == 2


def test_a_failure_takes_it_along(path: Path, tmp_path: Path) -> None:
    """It is not run where one of what it joins failed; the other seeds are."""
    plan = make_plan(load(path), Workspace(tmp_path))
    schedule = Schedule(plan.to_do(), keep_going=True)
    failed = schedule.next()
    assert failed is not None
    schedule.fail(failed, DataError("broken"))
    left = []
    while node := schedule.next():
        left.append(node.label)
        schedule.finish(node)
    skipped = [node.label for node in schedule.close().skipped]
    assert failed.label == "R3D seed 0"
    assert skipped == ["R3D seed 0", "Both seed 0"]
    assert "Both seed 1" in left


def test_failed_rows(home: Path) -> None:
    """Where a training of what it joins failed, it is among the failed rows, with all that it joins."""
    workspace, experiment = Workspace(home), load(home / "small.yaml")
    assert make_plan(experiment, workspace, failed=True).fusions == ()
    (part, _) = experiment.rows[0].replicas[1].measured
    (node,) = [node for node in make_plan(experiment, workspace).evaluations if node.digest == part.digest]
    assert node.training
    folder = workspace.training(node.training)
    shutil.rmtree(folder.path)
    folder.path.mkdir()
    folder.remember_failure(DataError("it broke"))
    plan = make_plan(experiment, workspace, failed=True)
    assert [node.label for node in plan.fusions] == ["Both seed 1"]
    assert [node.label for node in plan.evaluations] == ["R3D seed 1", "Both seed 1 (two)"]


def test_from_stored_scores_alone(home: Path) -> None:
    """Without videos and weights, what it joins and the row itself come out as they were."""
    before = {digest: what_counts(record)["metrics"] for digest, record in records_by_digest(home).items()}
    shutil.rmtree(home / "videos")
    shutil.rmtree(Workspace(home).records)
    plan = make_plan(load(home / "small.yaml"), Workspace(home), only=["Both"])
    plan = replace(plan, trainings=())
    outcome = execute_from_scores(plan, Workspace(home), keep_going=False, report=lambda _: None)
    assert not outcome.failures
    assert {digest: record.metrics for digest, record in records_by_digest(home).items()} == before


def test_it_needs_no_videos(home: Path) -> None:
    """Where all that it joins is measured, they may be gone; without the stored scores, that is said."""
    shutil.rmtree(home / "videos")
    for digest in fused_records(home):
        (Workspace(home).records / f"{digest}.json").unlink()
    shutil.copytree(home, home.with_name("without"))
    again = run(home / "small.yaml", home)
    assert {event.unit for event in again.events} == {"fusion"}
    assert len(fused_records(home)) == 2
    shutil.rmtree(home.with_name("without") / "runs" / "scores")
    (failure, *_) = run(home.with_name("without") / "small.yaml", home.with_name("without")).outcome.failures
    assert isinstance(failure.node, FusionNode)
    assert "not here" in str(failure.error)
    assert f"#R3D is {failure.node.needs[0]}" in str(failure.error)


def test_what_a_plan_says_of_it(home: Path) -> None:
    """Size and trainings are those of its streams together; its own evaluations are counted."""
    found = survey(make_plan(load(home / "small.yaml"), Workspace(home)), Workspace(home))
    both, one, other = found.rows
    assert dict(both.fuses) == {"one": f"{home}/small.yaml#R3D", "two": f"{home}/small.yaml#MC3"}
    assert both.parameters == (one.parameters or 0) + (other.parameters or 0)
    assert (both.trainings, both.clips, both.views) == (4, one.clips + other.clips, 20)
    assert (both.evaluations, both.evaluated) == (2, 2)
    assert [item.rows for item in found.fusions] == [("Both seed 0",), ("Both seed 1",)]
    assert not one.fuses
