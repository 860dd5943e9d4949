"""An evaluation on the processes of torchrun: what one process gives, or no record."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from broken_videos import rot
from small_experiment import BASE, load, records_by_digest, run, write_experiment

from videobench.errors import ConfigError
from videobench.evaluation.score_store import ScoreStore, existing_store
from videobench.records import Record, read_videos
from videobench.runner.execute import execute
from videobench.runner.plan import make_plan
from videobench.runner.workspace import Workspace
from videobench.training.distributed import Ranks

PATIENCE_SECONDS = 120
NUM_VIEWS = 60  # of six videos


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which one process has trained and measured the small experiment, which lies in it too."""
    home = tmp_path_factory.mktemp("measured")
    run(write_experiment(home), home)
    return home


@pytest.fixture
def trained(measured: Path, tmp_path: Path) -> Path:
    """The same home without its record and scores."""
    home = tmp_path / "home"
    shutil.copytree(measured, home)
    shutil.rmtree(home / "results")
    shutil.rmtree(home / "runs" / "scores")
    return home


_running: list[subprocess.Popen[str]] = []


@pytest.fixture(autouse=True)
def _end_all() -> Iterator[None]:
    _running.clear()
    yield
    for process in _running:
        if process.poll() is None:
            process.kill()
            process.wait()


def start(home: Path, what: str = "nothing", *arguments: str) -> subprocess.Popen[str]:
    """Start `videobench eval` on two processes, to which ``what`` is going to happen (see ranked.py)."""
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    command = [Path(__file__).with_name("ranked.py"), what, home, "eval", home / "small.yaml", *arguments]
    process = subprocess.Popen(
        [*torchrun, *map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    _running.append(process)
    return process


def finish(process: subprocess.Popen[str], home: Path) -> tuple[list[str | None], str, str]:
    """Return the ranks' exit codes and what was printed."""
    out, err = process.communicate(timeout=PATIENCE_SECONDS)
    codes = [path.read_text() if (path := home / f"exit.{rank}").is_file() else None for rank in range(2)]
    return codes, out, err


def scores(home: Path) -> ScoreStore:
    (key,) = (home / "runs" / "scores").glob("*/key.json")
    return existing_store(key.parent)


def only_record(home: Path) -> Record:
    (record,) = records_by_digest(home).values()
    return record


def test_two_processes_measure_what_one_does(trained: Path, measured: Path) -> None:
    """The same views, each once, with the same logits, and the same record; both have done a part of it."""
    codes, out, err = finish(start(trained), trained)
    assert codes == ["0", "0"], err
    ours, theirs = scores(trained), scores(measured)
    both = [store.frame().sort_values(["video", "start"], ignore_index=True) for store in (ours, theirs)]
    assert len(both[0]) == NUM_VIEWS
    assert both[0].drop(columns="logits").equals(both[1].drop(columns="logits"))
    np.testing.assert_allclose(*(np.stack(frame["logits"].to_list()) for frame in both), atol=1e-5, rtol=0)
    shards = [set(pd.read_parquet(ours.folder / shard)["video"]) for shard in ours.contents().shards]
    assert [len(videos) for videos in shards] == [3, 3]
    assert not shards[0] & shards[1]
    record, alone = only_record(trained), only_record(measured)
    assert record.metrics == alone.metrics
    assert read_videos(trained / "results" / "records", record.digest) == read_videos(
        measured / "results" / "records", alone.digest
    )
    assert (record.cost.clips, record.cost.processes, alone.cost.processes) == (NUM_VIEWS, 2, 1)
    assert err.count("60 of 60 views to compute, 0 stored, on 2 processes") == 1
    assert out.count("clip@1") == 1
    assert "error" not in err


def test_a_failure_on_one_is_the_end_of_all(trained: Path) -> None:
    """Both end with the exit code of what one of them met, which is told once; what the other computed is kept."""
    codes, _, err = finish(start(trained, "fail"), trained)
    assert codes == ["3", "3"], err
    assert re.search(r"^error: test/\w+/\d.mp4: can't be read here$", err, flags=re.MULTILINE)
    assert err.count("\nerror: ") == 1
    assert not records_by_digest(trained)
    assert 0 < len(scores(trained).frame()) <= NUM_VIEWS // 2


def test_one_is_killed(trained: Path) -> None:
    """kill -9 of one ends both without a record; the same command then computes only what is missing."""
    process = start(trained, "kill")
    codes, _, err = finish(process, trained)
    assert process.returncode != 0
    assert codes in (["75", None], [None, None]), err
    assert not records_by_digest(trained)
    num_stored = len(scores(trained).frame())
    assert 0 < num_stored <= NUM_VIEWS // 2
    codes, _, err = finish(start(trained), trained)
    assert codes == ["0", "0"]
    assert f"{NUM_VIEWS - num_stored} of 60 views to compute, {num_stored} stored, on 2 processes" in err
    assert only_record(trained).cost.clips == NUM_VIEWS - num_stored


def test_told_to_stop(trained: Path) -> None:
    """SIGTERM to torchrun reaches all; they save, exit with 75 and leave no record."""
    process = start(trained, "dawdle")
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not all((trained / f"begun.{rank}").is_file() for rank in range(2)):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    codes, _, err = finish(process, trained)
    assert codes == ["75", "75"], err
    assert err.count("Run the same command again") == 1
    assert not records_by_digest(trained)
    assert 0 < len(scores(trained).frame()) < NUM_VIEWS


def test_what_one_cannot_read_all_leave_out(tmp_path: Path) -> None:
    """Videos that fail on either process are skipped on both; the scores of the others are computed once."""
    path = write_experiment(tmp_path, base=BASE.replace("name: small,", "name: small, on_error: skip,"))
    run(path, tmp_path, "evaluate.protocol=clip")
    for video in ("dark/0", "red/1"):
        rot(tmp_path / "videos" / "test" / f"{video}.mp4")
    codes, _, err = finish(start(tmp_path, "uncached"), tmp_path)
    assert codes == ["0", "0"], err
    assert err.count("small, test: 2 of 6 videos skipped, see ") == 1
    (record,) = (record for record in records_by_digest(tmp_path).values() if record.cost.processes == 2)
    assert [skipped.video for skipped in record.data.skipped] == ["test/dark/0.mp4", "test/red/1.mp4"]
    assert record.cost.clips == 4 * 9, "one clip of each was stored"
    assert len((tmp_path / "runs" / "index" / "small.failures.jsonl").read_text().splitlines()) == 2
    again = run(path, tmp_path, "evaluate.protocol=video_20")
    assert again.started("evaluation")[0].values["stored"] > 0
    assert {record.data.num_evaluated for record in records_by_digest(tmp_path).values()} == {6, 4}


def test_homes_that_are_not_shared(trained: Path) -> None:
    """Where each process has a home of its own, the scores of the other are missing: exit code 5, no record."""
    shutil.copytree(trained, other := trained / "other")
    codes, _, err = finish(start(trained, "apart"), trained)
    assert codes == ["5", "5"], err
    assert "error: " in err
    assert "3 of 6 videos lack views, 30 views in all" in err
    assert "one --home" in err
    assert not records_by_digest(trained)
    assert not records_by_digest(other)


def test_what_processes_under_torchrun_cannot_do(measured: Path, tmp_path: Path) -> None:
    """Trainings and --jobs are refused before anything is prepared, with what to do instead."""
    ranks = Ranks(rank=0, size=2)
    path = measured / "small.yaml"
    for jobs, text in ((1, r"1 trainings are not finished(.*\n)*.*videobench train .*small.yaml"), (2, "--jobs 2")):
        plan = make_plan(load(path), Workspace(tmp_path))
        with pytest.raises(ConfigError, match=text):
            execute(
                plan, Workspace(tmp_path), jobs=jobs, keep_going=False, device="cpu", report=lambda _: None, ranks=ranks
            )
    assert list(tmp_path.iterdir()) == []
