"""The command line as one of torchrun's processes, and what a test lets happen to it.

Called with what is to happen, the home, and the arguments of `videobench`.
"""

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from videobench_cli.app import main

from videobench.errors import DataError
from videobench.runner import inputs, measure
from videobench.runner.inputs import Input

RANK = int(os.environ["RANK"])
VIEWS_PER_BATCH = 4

read = Input.read


def fail_on_second_rank(self: Input, video_id: str, clips: Any) -> Iterator[Any]:
    if RANK == 1:
        raise DataError("can't be read here", where=video_id)
    yield from read(self, video_id, clips)


def kill_second_rank(self: Input, video_id: str, clips: Any) -> Iterator[Any]:
    """Kill it once the first one has stored scores."""
    while RANK == 1:
        if list((HOME / "runs" / "scores").glob("*/shard-*")):
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.01)
    yield from read(self, video_id, clips)


def dawdle(self: Input, video_id: str, clips: Any) -> Iterator[Any]:
    """Give the test the time to interfere."""
    (HOME / f"begun.{RANK}").touch()
    for clip in read(self, video_id, clips):
        time.sleep(0.2)
        yield clip


READ = {
    "nothing": read,
    "fail": fail_on_second_rank,
    "kill": kill_second_rank,
    "dawdle": dawdle,
    "apart": read,
    "uncached": read,
}

if __name__ == "__main__":
    what, HOME = sys.argv[1], Path(sys.argv[2])
    Input.read = READ[what]  # type: ignore[method-assign]
    measure._batch_views = lambda *_: VIEWS_PER_BATCH  # type: ignore[assignment]
    inputs.MAX_CACHE_BYTES = 0 if what == "uncached" else inputs.MAX_CACHE_BYTES
    home = HOME / "other" if (what, RANK) == ("apart", 1) else HOME
    sys.argv = ["videobench", *sys.argv[3:], "--home", str(home)]
    code: object = 0
    try:
        main()
    except SystemExit as end:
        code = end.code
    (HOME / f"exit.{RANK}").write_text(str(code))
    sys.exit(code)  # type: ignore[arg-type]
