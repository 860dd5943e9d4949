"""The benchmarks start without their peers; what they share and what needs no peer does what it says."""

import importlib
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from videobench.data.encode import write_video

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted(path.stem for path in (ROOT / "benchmarks").glob("*.py") if "\ndef main()" in path.read_text())


@pytest.fixture
def common(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(ROOT)
    return importlib.import_module("benchmarks.common")


def run(*arguments: str) -> str:
    done = subprocess.run([sys.executable, *arguments], cwd=ROOT, check=True, capture_output=True, text=True)
    return done.stdout


def test_every_script_can_be_loaded_without_the_peers() -> None:
    """torchcodec, decord and torchvision are imported only when they are raced against."""
    assert {"evaluation", "memory"} <= set(SCRIPTS)
    code = f"import sys, {', '.join(f'benchmarks.{name}' for name in SCRIPTS)}\nprint(*sys.modules)"
    assert not {"torchcodec", "decord", "torchvision"} & set(run("-c", code).split())


def test_memory_of_a_minute(tmp_path: Path) -> None:
    """The script makes its video, evaluates 100 clips of it and writes what that took and where."""
    path = tmp_path / "figures.json"
    run("-m", "benchmarks.memory", "--minutes", "1", "--width", "1", "--frames", "2", "--json", str(path))
    figures = json.loads(path.read_text())
    assert figures["views"] == 100
    assert 1 < figures["MB above the loaded model"] < figures["goal MB"]
    assert {"date", "processor", "cores", "git_sha", "torch", "torchcodec"} <= figures.keys()


def test_memory_is_read_after_every_thousand_clips(tmp_path: Path) -> None:
    """The script indexes what videos it finds, and tells what this process and its workers hold."""
    noise = np.random.default_rng(0).integers(0, 256, (20, 16, 16, 3), np.uint8)
    write_video(tmp_path / "below" / "a.mp4", noise, fps=25)
    path = tmp_path / "figures.json"
    run("-m", "benchmarks.growth", str(tmp_path), "--clips", "2000", "--workers", "0", "--json", str(path))
    figures = json.loads(path.read_text())
    first, second = figures["resident bytes"]["0"]
    assert figures["videos"] == 1
    assert 5e7 < first < 1e9
    assert 5e7 < second < 1e9


def test_contestants_take_turns(common: ModuleType) -> None:
    """Everyone runs once a round, and each round begins with the next one."""
    ran = []
    spent = common.in_turn({name: lambda name=name: ran.append(name) for name in "abc"}, rounds=4)
    assert "".join(ran) == "abcbcacababc"
    assert [len(spent[name].wall) for name in "abc"] == [4, 4, 4]
    assert [len(spent[name].cpu) for name in "abc"] == [4, 4, 4]


def test_ratios_are_taken_within_a_round(common: ModuleType) -> None:
    """A round in which everything is slow changes nothing."""
    assert common.median_ratio([2, 2, 200], [1, 1, 100]) == 2
    assert common.median_ratio([3, 2, 100], [1, 1, 100]) == 2
