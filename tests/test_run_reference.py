"""A run as people name it, and the records it stands for."""

from pathlib import Path

import pytest

from videobench.errors import ConfigError
from videobench.records import Cost, Environment, EvaluatedData, Metric, NetworkSize, Record, write_record
from videobench.run_reference import find_run
from videobench.spec.expand import load_experiment

EXPERIMENT = """\
title: Two networks
scale: cpu
base:
  data: {type: class_folders, name: small, folds: 2}
  clip: {frames: 2, resize: [16, 16], crop: 16}
  network: {type: video_resnet, width: 2}
seeds: [3, 1]
splits: [1, 2]
matrix:
  network.name: [R3D, R2D]
"""


@pytest.fixture
def experiment(tmp_path: Path) -> str:
    path = tmp_path / "two.yaml"
    path.write_text(EXPERIMENT)
    return str(path)


def write(folder: Path, digest: str, seed: int | None = 0) -> Record:
    """Write a record of which only the digest matters."""
    record = Record(
        digest=digest,
        training_digest=None,
        scale="cpu",
        seed=seed,
        training=None,
        evaluation={},
        data=EvaluatedData(name="small", fingerprint="f", num_expected=1, num_evaluated=1, classes_sha256="c"),
        metrics={"video@1": Metric(value=1.0, low=0.0, high=1.0, covers="videos", method="wilson", n=1)},
        network=NetworkSize(parameters=1, conv_fc_weights=1, macs=1),
        cost=Cost(evaluation_seconds=1.0, clips=1, device="cpu", threads=1),
        weights_sha256="w",
        environment=Environment(
            git_sha=None, dirty=None, python="3.11", torch="2", av="17", ffmpeg="8", platform="Linux"
        ),
        created="2026-01-02T03:04:05+00:00",
    )
    write_record(folder, record, [])
    return record


def test_a_row_is_all_its_seeds_and_splits(experiment: str, tmp_path: Path) -> None:
    """Its records come split by split and, within one, in the order of the seeds, and no others with them."""
    rows = load_experiment(experiment).rows
    for row in rows:
        for replica in row.replicas:
            write(tmp_path, replica.digest, replica.seed)
    run = find_run(f"{experiment}#R2D", scale=None, folder=tmp_path)
    assert run.name == f"{experiment}#R2D"
    assert [record.digest for record in run.records] == [replica.digest for replica in rows[1].replicas]
    assert [record.seed for record in run.records] == [3, 1, 3, 1]


def test_a_row_with_a_record_missing_is_an_error_with_the_command(experiment: str, tmp_path: Path) -> None:
    """It says how many are missing and how to make them; half a row is never taken for the whole."""
    first, *_ = load_experiment(experiment).rows[0].replicas
    write(tmp_path, first.digest)
    with pytest.raises(ConfigError, match=r"3 of 4 evaluations of .*two.yaml#R3D, cpu scale, have no record") as error:
        find_run(f"{experiment}#R3D", scale=None, folder=tmp_path)
    assert f"videobench eval '{experiment}' --scale cpu --only 'R3D'" in str(error.value)


def test_the_scale_is_the_one_asked_for() -> None:
    """A row of a shipped experiment is looked for at the scale given, the file's own without one."""
    for scale, shown in ((None, "paper"), ("cpu", "cpu")):
        with pytest.raises(ConfigError, match=f"closer_look/table2#R3D/8, {shown} scale"):
            find_run("closer_look/table2#R3D/8", scale=scale, folder=Path("nowhere"))


def test_no_such_row(experiment: str, tmp_path: Path) -> None:
    """The nearest name is offered."""
    with pytest.raises(ConfigError, match=r"has no row 'R3B'\n.*R3D"):
        find_run(f"{experiment}#R3B", scale=None, folder=tmp_path)


def test_the_beginning_of_a_digest_is_one_record(tmp_path: Path) -> None:
    """Six digits or more, as many as tell it from the others."""
    record = write(tmp_path, "3f3d59c3eeccc688")
    other = write(tmp_path, "3f3d59ffffffffff")
    assert find_run("3f3d59c3", scale=None, folder=tmp_path).records == (record,)
    assert find_run("3f3d59ffffffffff", scale=None, folder=tmp_path).records == (other,)
    with pytest.raises(ConfigError, match="2 records begin with it: 3f3d59c3eeccc688, 3f3d59ffffffffff"):
        find_run("3f3d59", scale=None, folder=tmp_path)
    with pytest.raises(ConfigError, match="aaaaaaaa: no record begins with it\n--home"):
        find_run("aaaaaaaa", scale=None, folder=tmp_path)


@pytest.mark.parametrize("reference", ["R3D", "3f3d5", "3f3d59c3eeccc6880", "3F3D59C3", ""])
def test_what_is_neither_is_refused(reference: str, tmp_path: Path) -> None:
    """The message shows both ways to name a run."""
    with pytest.raises(ConfigError, match=r"names no run\nwrite EXPERIMENT#ROW, .*3f3d59c3"):
        find_run(reference, scale=None, folder=tmp_path)
