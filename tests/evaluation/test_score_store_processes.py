"""Stores that several processes write to, and processes that are killed while they write."""

import os
import signal
import subprocess
import sys
import time

import numpy as np

from videobench.evaluation.score_store import ScoreKey, existing_store, open_store
from videobench.evaluation.views import View

KEY = ScoreKey("weights", "data", "rgb", "128x171 bilinear, 112 crop")
CLASSES = ("run", "walk", "jump")

WRITER = """
import os, signal, sys
from pathlib import Path
import numpy as np
from videobench import atomic
from videobench.evaluation.score_store import ScoreKey, open_store
from videobench.evaluation.views import View

root, writer = Path(sys.argv[1]), int(sys.argv[2])
if "die" in sys.argv:
    atomic.flush_to_disk = lambda path: "shard-" in path.name and os.kill(os.getpid(), signal.SIGKILL)
key = ScoreKey("weights", "data", "rgb", "128x171 bilinear, 112 crop")
store = open_store(root, key, ["run", "walk", "jump"])
for number in range(int(sys.argv[3])):
    views = [(f"video{writer}", View(100 * number + i, 16, 1, "centre", False)) for i in range(100)]
    store.write(views, np.full((100, 3), 1000 * writer + number, np.float32))
    print(number, flush=True)
"""


def start_writer(root, writer, num_shards, *options):
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(root), str(writer), str(num_shards), *options],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def test_a_killed_writer_leaves_a_readable_store(tmp_path):
    """kill -9 in the middle of writing: every shard it had reported is there, whole, and others can go on."""
    with start_writer(tmp_path, 1, 100_000) as process:
        for line in process.stdout:
            if int(line) >= 5:
                break
        time.sleep(0.003)
        process.send_signal(signal.SIGKILL)
        reported = [5, *map(int, process.stdout)][-1]
    assert process.returncode == -signal.SIGKILL
    store = open_store(tmp_path, KEY, CLASSES)
    wanted = {"video1": [View(start, 16, 1, "centre", False) for start in range(100 * (reported + 1))]}
    scores = store.logits(wanted)
    assert (scores.logits[:, 0].reshape(-1, 100) == 1000 + np.arange(reported + 1)[:, None]).all()
    assert store.unreadable == {}
    store.write([("video2", View(0, 16, 1, "centre", False))], np.ones((1, 3), np.float32))
    assert len(store.logits({"video2": [View(0, 16, 1, "centre", False)]}).logits) == 1


def test_a_writer_killed_before_the_rename_leaves_only_a_temporary_file(tmp_path):
    """Killed when the shard is written but not yet renamed: the store is as it was before."""
    with start_writer(tmp_path, 1, 1, "die") as process:
        assert process.stdout.read() == ""
    assert process.returncode == -signal.SIGKILL
    store = open_store(tmp_path, KEY, CLASSES)
    assert [path.suffix for path in store.folder.glob(".shard-*")] == [".tmp"]
    assert store.frame().empty
    assert store.unreadable == {}


def test_two_writers_at_once_lose_nothing(tmp_path):
    """Two processes open the same store and write side by side; the union has all rows of both."""
    processes = [start_writer(tmp_path, writer, 15) for writer in (1, 2)]
    for process in processes:
        process.communicate(timeout=60)
        assert process.returncode == 0
    store = existing_store(tmp_path / KEY.hash16)
    for writer in (1, 2):
        wanted = {f"video{writer}": [View(start, 16, 1, "centre", False) for start in range(1500)]}
        rows = store.logits(wanted).logits
        assert (rows.reshape(15, 100, 3) == 1000 * writer + np.arange(15)[:, None, None]).all()
