"""Pools that don't outlive whoever started them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from videobench.data.worker_pool import worker_pool

SCRIPT = """\
import os, sys, time
from pathlib import Path
from videobench.data.worker_pool import worker_pool

def touch_and_sleep(path):
    Path(path).touch()
    time.sleep(120)

if __name__ == "__main__":
    with worker_pool(2) as pool:
        list(pool.map(touch_and_sleep, sys.argv[1:]))
"""


@pytest.mark.parametrize("busy", [True, False])
def test_a_killed_parent_leaves_nobody_behind(tmp_path: Path, busy: bool) -> None:
    """After kill -9 of the parent, its processes end within seconds, at work or waiting for work."""
    script = tmp_path / "script.py"
    script.write_text(
        SCRIPT if busy else SCRIPT.replace("time.sleep(120)\n\n", "pass\n\n") + "        time.sleep(120)\n"
    )
    touched = [tmp_path / "one", tmp_path / "two"]
    process = subprocess.Popen([sys.executable, script, *touched], start_new_session=True)
    try:
        _until(lambda: all(path.exists() for path in touched))
        process.kill()
        process.wait()
        _until(lambda: not _is_alive(process.pid))
    finally:
        if _is_alive(process.pid):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_an_error_drops_what_has_not_started() -> None:
    """Leaving the block by an error waits for the work in hand only, not for all that was handed in."""
    started = time.monotonic()

    def fail_after_the_first() -> None:
        with worker_pool(1) as pool:
            next(pool.map(time.sleep, [0.01] + [0.5] * 200))
            raise KeyError

    with pytest.raises(KeyError):
        fail_after_the_first()
    assert time.monotonic() - started < 60


def _until(condition: object) -> None:
    deadline = time.monotonic() + 60
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _is_alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
