"""Evaluations in real processes: one that is killed, and two of the same run at once."""

import functools
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path

import impatient
import numpy as np
import pandas as pd
import pytest
from small_experiment import records_by_digest, run, write_experiment, write_videos

from videobench.evaluation.score_store import ScoreStore, stores_under
from videobench.records import Record
from videobench.runner import measure
from videobench.runner.workspace import Workspace

PATIENCE_SECONDS = 240
NUM_VIEWS, BATCH_VIEWS = 600, 40  # six videos of a hundred clips
STORED_BEFORE_KILL = 4 * BATCH_VIEWS


@pytest.fixture(scope="module")
def direct(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which 100 clips of every video were measured in one go; the experiment lies in it."""
    home = tmp_path_factory.mktemp("direct")
    write_videos(home / "videos", num_frames=150)
    run(write_experiment(home), home, "evaluate.protocol=video_100")
    return home


@pytest.fixture
def home(direct: Path, tmp_path: Path) -> Path:
    """The same weights and videos with nothing measured."""
    home = tmp_path / "home"
    shutil.copytree(direct, home, ignore=lambda folder, _: ["results"] if Path(folder) == direct else [])
    shutil.rmtree(home / "runs" / "scores")
    return home


@pytest.fixture
def start(home: Path) -> Iterator[Callable[[Callable[[], None]], BaseProcess]]:
    """Starts `videobench eval` by 100 clips in a process that first calls what it is given; ends what it started."""
    processes = []

    def start(prepare: Callable[[], None]) -> BaseProcess:
        process = impatient.start(
            "eval", str(home / "small.yaml"), f"--home={home}", "--set=evaluate.protocol=video_100",
            output=home / f"output-{len(processes)}.txt", prepare=prepare,
        )  # fmt: skip
        processes.append(process)
        return process

    yield start
    for process in processes:
        if process.is_alive():
            process.kill()
        process.join()


def store_every_batch() -> None:
    """Have small batches, each a shard of its own."""
    measure._batch_views = lambda *_: BATCH_VIEWS
    measure.predict = functools.partial(measure.predict, flush_seconds=0.0)


def hang_half_way() -> None:
    """Write some shards and then hang for ever with the next one half written, whole but not yet renamed."""
    store_every_batch()
    write = ScoreStore.write
    written = 0

    def write_some(store: ScoreStore, views: list[object], logits: np.ndarray) -> None:
        nonlocal written
        if written == STORED_BEFORE_KILL:
            (store.folder / ".shard-half.parquet.tmp").write_bytes(b"half a shard")
            signal.pause()
        write(store, views, logits)
        written += len(views)

    ScoreStore.write = write_some


def wait_for_the_other() -> None:
    """Compute nothing before a second process has found the store as empty as this one did."""
    store_every_batch()
    predict = measure.predict

    def predict_together(*arguments: object, **options: object) -> int:
        folder = options["store"].folder
        (folder / f"waiting-{os.getpid()}").touch()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(list(folder.glob("waiting-*"))) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.005)
        return predict(*arguments, **options)

    measure.predict = predict_together


def ended(process: BaseProcess) -> int | None:
    """Return the exit code, or None if it hangs."""
    process.join(PATIENCE_SECONDS)
    return process.exitcode


def only_record(home: Path) -> Record:
    (record,) = records_by_digest(home).values()
    return record


def views(home: Path) -> pd.DataFrame:
    """What the union of all shards holds."""
    (store,) = stores_under(Workspace(home).scores)
    assert store.contents().unreadable == {}
    return store.frame().set_index(["video", "start", "frames", "stride", "crop", "flip"]).sort_index()


def assert_as_direct(home: Path, direct: Path) -> None:
    """Every view is there, every logit within 1e-5 and every metric equal."""
    found, expected = views(home), views(direct)
    assert len(expected) == NUM_VIEWS
    assert found.index.equals(expected.index)
    logits = [np.stack(frame["logits"].to_list()) for frame in (found, expected)]
    np.testing.assert_allclose(*logits, atol=1e-5, rtol=0)
    assert only_record(home).metrics == only_record(direct).metrics


def test_killed_and_run_again(direct: Path, home: Path, start: Callable[[Callable[[], None]], BaseProcess]) -> None:
    """kill -9 in the middle of writing a shard costs that shard: the same command computes only what is missing."""
    process = start(hang_half_way)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not list(Workspace(home).scores.glob("*/.shard-half*")):
        assert process.exitcode is None, (home / "output-0.txt").read_text()
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.kill()
    assert ended(process) == -signal.SIGKILL
    assert records_by_digest(home) == {}
    assert len(views(home)) == STORED_BEFORE_KILL
    assert ended(start(store_every_batch)) == 0
    missing = NUM_VIEWS - STORED_BEFORE_KILL
    said = f"{missing} of {NUM_VIEWS} views to compute, {STORED_BEFORE_KILL} stored"
    assert said in (home / "output-1.txt").read_text()
    assert only_record(home).cost.clips == missing
    assert_as_direct(home, direct)


def test_two_at_once(direct: Path, home: Path, start: Callable[[Callable[[], None]], BaseProcess]) -> None:
    """Two processes that find nothing and compute everything both end well, with the same numbers; no view is lost."""
    processes = [start(wait_for_the_other) for _ in range(2)]
    assert [ended(process) for process in processes] == [0, 0], [path.read_text() for path in home.glob("output-*")]
    results = []
    for number in range(2):
        lines = (home / f"output-{number}.txt").read_text().splitlines()
        assert f"small: {NUM_VIEWS} of {NUM_VIEWS} views to compute, 0 stored" in lines
        results.append([line.partition(",")[0] for line in lines if line.startswith("[1/1] small: video@1")])
    assert len(results[0]) == 1
    assert results[0] == results[1]
    assert_as_direct(home, direct)
