"""What the benchmarks share: taking turns, the machine they ran on, tables."""

import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from tabulate import tabulate

from videobench.runner.environment import environment, num_cores

PEERS = ("torchcodec", "decord")


@dataclass(frozen=True)
class Seconds:
    """What each round took, on the clock and of all cores together."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)


def in_turn(contestants: Mapping[str, Callable[[], object]], *, rounds: int) -> dict[str, Seconds]:
    """Time every contestant once a round, each round beginning with another one.

    Whatever else the machine does then slows all of them: ratios within a round mean more than seconds.
    """
    spent = {name: Seconds() for name in contestants}
    names = list(contestants)
    for number in range(rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            wall, cpu = time.perf_counter(), time.process_time()
            contestants[name]()
            spent[name].wall.append(time.perf_counter() - wall)
            spent[name].cpu.append(time.process_time() - cpu)
    return spent


def median_ratio(numerator: Sequence[float], denominator: Sequence[float]) -> float:
    """Return the median of the ratios of what was measured in the same round."""
    return statistics.median(above / below for above, below in zip(numerator, denominator, strict=True))


def surroundings() -> dict[str, Any]:
    """Describe where, when and with what is measured: processor, load, commit, versions (of the peers too)."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": processor(),
        "cores": num_cores(),
        "load": round(os.getloadavg()[0], 2),
        **asdict(environment()),
        **{peer: _version(peer) for peer in PEERS},
    }


def processor() -> str:
    """Return the processor's name as the kernel has it."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def print_table(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows as they are given."""
    print(tabulate(rows, headers=headers, disable_numparse=True), flush=True)


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None
