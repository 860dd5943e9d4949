"""What is left of a command that was killed or told to stop, and what the same command makes of it."""

import fcntl
import os
import random
import signal
import time
from collections.abc import Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path

import impatient
import pytest
from small_experiment import TWO_ROWS, load, write_experiment

from videobench.runner.plan import make_plan
from videobench.runner.workspace import TrainingFolder, Workspace

NUM_STEPS = 60
PATIENCE_SECONDS = 240
LONG = [f"--set=recipe.epochs={NUM_STEPS // 2}"]  # an epoch is two steps


@pytest.fixture(scope="module")
def experiment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_experiment(tmp_path_factory.mktemp("experiment"), TWO_ROWS)


@pytest.fixture(scope="module")
def uninterrupted(experiment: Path) -> list[bytes]:
    """The weights of both rows, each trained in one go."""
    home = experiment.parent / "uninterrupted"
    assert _wait(_start(experiment, home)) == 0
    return [folder.weights.read_bytes() for folder in _folders(experiment, home)]


@pytest.fixture(autouse=True)
def _kill_all() -> Iterator[None]:
    """Whatever a test started ends with it."""
    _processes.clear()
    yield
    for process in _processes:
        if process.is_alive():
            process.kill()
        process.join()


_processes: list[BaseProcess] = []


def _start(experiment: Path, home: Path, *options: str) -> BaseProcess:
    home.mkdir(exist_ok=True)
    process = impatient.start(
        "train", str(experiment), f"--home={home}", *LONG, *options, output=home / "output.txt"
    )  # fmt: skip
    _processes.append(process)
    return process


def _wait(process: BaseProcess) -> int | None:
    """Return the exit code."""
    process.join(PATIENCE_SECONDS)
    return process.exitcode


def _pid(process: BaseProcess) -> int:
    assert process.pid is not None
    return process.pid


def _folders(experiment: Path, home: Path) -> list[TrainingFolder]:
    workspace = Workspace(home)
    plan = make_plan(load(experiment, f"recipe.epochs={NUM_STEPS // 2}"), workspace)
    return [workspace.training(node.digest) for node in plan.trainings]


def _wait_for_steps(folder: TrainingFolder, num_lines: int, process: BaseProcess) -> None:
    """Wait until the log has that many lines."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not folder.log.is_file() or len(folder.log.read_bytes().splitlines()) < num_lines:
        assert process.exitcode is None, f"it ended by itself with {process.exitcode}"
        assert time.monotonic() < deadline
        time.sleep(0.005)


def _num_lines(folder: TrainingFolder) -> int:
    return len(folder.log.read_bytes().splitlines()) if folder.log.is_file() else 0


def test_killed_at_random_moments(experiment: Path, tmp_path: Path, uninterrupted: list[bytes]) -> None:
    """After kills without warning, the same command ends with the weights of an uninterrupted run, bit for bit."""
    folder = _folders(experiment, tmp_path)[0]
    moments = [(random.randint(2, 20), random.random() * 0.05) for _ in range(2)]
    for lines, seconds in moments:
        process = _start(experiment, tmp_path, "--only=R3D")
        _wait_for_steps(folder, _num_lines(folder) + lines, process)
        time.sleep(seconds)
        process.kill()
        process.join()
        assert folder.is_begun(), moments
        assert not folder.is_done(), moments
    assert _wait(_start(experiment, tmp_path, "--only=R3D")) == 0
    assert folder.weights.read_bytes() == uninterrupted[0], moments
    starts = [line for line in folder.log.read_text().splitlines() if '"started"' in line]
    assert ["checkpoint" in line for line in starts] == [False, True, True], moments


def test_told_to_stop_and_a_second_process(experiment: Path, tmp_path: Path, uninterrupted: list[bytes]) -> None:
    """A second process on the same training is refused; SIGTERM saves and exits 75; then the same command goes on."""
    folder = _folders(experiment, tmp_path)[0]
    first = _start(experiment, tmp_path, "--only=R3D")
    _wait_for_steps(folder, 3, first)
    os.kill(_pid(first), signal.SIGSTOP)  # or it would be done before the second one has begun
    second = _start(experiment, tmp_path, "--only=R3D")
    assert _wait(second) == 2
    output = (tmp_path / "output.txt").read_text()
    assert f"process {_pid(first)} is running this training already" in output
    assert "Traceback" not in output
    first.terminate()
    os.kill(_pid(first), signal.SIGCONT)
    assert _wait(first) == 75
    assert "Run the same command again" in (tmp_path / "output.txt").read_text()
    assert _wait(_start(experiment, tmp_path, "--only=R3D")) == 0
    assert folder.weights.read_bytes() == uninterrupted[0]


def test_workers_end_with_their_parent(experiment: Path, tmp_path: Path, uninterrupted: list[bytes]) -> None:
    """kill -9 of the command leaves no worker at work: the locks come free and the same command goes on."""
    folders = _folders(experiment, tmp_path)
    process = _start(experiment, tmp_path, "--jobs=2")
    for folder in folders:
        _wait_for_steps(folder, 3, process)
    process.kill()
    process.join()
    deadline = time.monotonic() + 20
    while not all(_is_free(folder) for folder in folders):
        assert time.monotonic() < deadline, "a lock is still held"
        time.sleep(0.02)
    while _is_alive(_pid(process)):
        assert time.monotonic() < deadline, "a worker is still there"
        time.sleep(0.02)
    assert not any(folder.has_failed() for folder in folders)
    assert _wait(_start(experiment, tmp_path, "--jobs=2")) == 0
    assert [folder.weights.read_bytes() for folder in folders] == uninterrupted


def _is_free(folder: TrainingFolder) -> bool:
    with (folder.path / "lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def _is_alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
