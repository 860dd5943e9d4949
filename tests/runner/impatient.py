"""The command line, saving and reporting after every step, in a process that a test may kill at any moment."""

import functools
import multiprocessing
import os
import sys
from collections.abc import Callable
from pathlib import Path

from videobench_cli.app import main

from videobench.runner import execute
from videobench.runner.environment import Machine

# A process that has imported everything once and forks: importing torch for every command would take most of the time.
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["impatient", "pandas", "videobench.tables.join", "videobench.tables.render"])


def start(
    *arguments: str, output: Path, prepare: Callable[[], None] | None = None
) -> multiprocessing.process.BaseProcess:
    """Start `videobench` with these arguments as the leader of a session of its own; it calls ``prepare`` first."""
    process = _FORKS.Process(target=_command, args=(arguments, output, prepare), daemon=False)
    process.start()
    return process


def _command(arguments: tuple[str, ...], output: Path, prepare: Callable[[], None] | None) -> None:
    os.setsid()
    with output.open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.stdout, sys.stderr = os.fdopen(1, "w", buffering=1), os.fdopen(2, "w", buffering=1)
    os.environ["OMP_NUM_THREADS"] = "1"
    impatient = functools.partial(Machine, save_every_seconds=0.0, report_every_seconds=0.0)
    execute.Machine = impatient  # type: ignore[misc, assignment]
    if prepare:
        prepare()
    sys.argv = ["videobench", *arguments]
    main()
