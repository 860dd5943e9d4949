"""Every shipped experiment at each of its scales."""

import time

import pytest

from videobench.spec.base import digest
from videobench.spec.expand import Experiment, load_experiment
from videobench.spec.experiment import Scale, Source, find_experiment, read_experiment, shipped_names
from videobench.spec.problems import Problems
from videobench.spec.units import Training


def source(name: str) -> Source:
    problems = Problems()
    found = read_experiment(*find_experiment(name), problems)
    problems.raise_any()
    assert found is not None
    return found


def scales(name: str) -> list[Scale]:
    file = source(name).file
    return list(dict.fromkeys((file.scale, *file.scales)))


CASES = [(name, scale) for name in shipped_names() for scale in scales(name)]


TWINS = {
    ("late_temporal/table1", "cpu"): {("Average, AdamW", "Average, AdamW, FRMB")},
    ("late_temporal/table6", "cpu"): {("BERT, early fusion", "BERT, late fusion")},
}
"""Rows that one small network in place of all others makes the same."""


def trainings(experiment: Experiment) -> set[str]:
    replicas = [part for row in experiment.rows for replica in row.replicas for part in replica.measured]
    return {digest(replica.training) for replica in replicas if replica.training}


@pytest.mark.parametrize(("name", "scale"), CASES)
def test_every_shipped_experiment_expands_at_every_scale(name: str, scale: Scale) -> None:
    """Without a mistake, every row with its own evaluations, and all on data that the scale has."""
    experiment = load_experiment(name, scale=scale)
    assert (experiment.name, experiment.scale) == (name, scale)
    assert experiment.rows
    rows: dict[str, list[str]] = {replica.digest: [] for row in experiment.rows for replica in row.replicas}
    for row in experiment.rows:
        for replica in row.replicas:
            rows[replica.digest].append(row.name)
    twins = {tuple(names) for names in rows.values() if len(names) > 1}
    assert twins == TWINS.get((name, scale), set())
    if scale in ("cpu", "smoke") and name.startswith(("closer_look", "late_temporal")):
        replicas = [part for row in experiment.rows for replica in row.replicas for part in replica.measured]
        assert {replica.evaluation.data.type for replica in replicas} == {"synthetic_motion"}


@pytest.mark.parametrize(("name", "scale"), CASES)
def test_scales_share_nothing(name: str, scale: Scale) -> None:
    """An experiment's trainings at one scale are none of those at another."""
    for other in scales(name):
        if other != scale:
            assert not trainings(load_experiment(name, scale=scale)) & trainings(load_experiment(name, scale=other))


@pytest.mark.parametrize("name", shipped_names())
def test_shipped_files_hold_no_paths(name: str) -> None:
    """A shipped experiment names no folder of anybody's machine."""
    experiment = load_experiment(name)
    for row in experiment.rows:
        assert not row.settings.get("data.root")
        assert not row.settings.get("evaluate.data.root")


@pytest.mark.parametrize("scale", ["paper", "cpu", "smoke"])
def test_tables_2_and_3_share_their_trainings(scale: Scale) -> None:
    """R(2+1)D at 8 frames is trained once for Tables 2 and 3."""
    if "closer_look/table3" not in shipped_names():
        pytest.skip("Table 3 is not there yet")
    second, third = (
        load_experiment("closer_look/table2", scale=scale),
        load_experiment("closer_look/table3", scale=scale),
    )
    (shared,) = (row for row in second.rows if row.name == "R(2+1)D/8")
    of_table_2 = {digest(replica.training) for replica in shared.replicas if replica.training}
    assert of_table_2 <= trainings(third)
    fine_tuned = [row for row in third.rows if row.replicas[0].training and row.replicas[0].training.init]
    assert fine_tuned
    for row in fine_tuned:
        starts = {
            digest(replica.training.init) for replica in row.replicas if isinstance(replica.training.init, Training)
        }  # type: ignore[union-attr]
        assert starts == of_table_2


def test_expanding_is_fast() -> None:
    """Table 2 at cpu scale, 24 rows at three seeds with all their digests, takes less than half a second."""
    before = time.process_time()
    experiment = load_experiment("closer_look/table2", scale="cpu")
    assert len({replica.digest for row in experiment.rows for replica in row.replicas}) == 72
    assert time.process_time() - before < 0.5
