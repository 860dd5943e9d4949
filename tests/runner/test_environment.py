"""The machine: devices, threads, and whether it can do what is needed."""

from pathlib import Path

import pytest
import torch

from videobench.errors import ConfigError, VideobenchError
from videobench.runner import environment
from videobench.runner.environment import checks, device_of_rank, pick_device, threads_per_job


def test_devices() -> None:
    """A device is found by name; an unknown or absent one is an error that says what there is."""
    assert pick_device("cpu").type == "cpu"
    assert pick_device("auto").type in ("cpu", "cuda", "mps", "xpu")
    with pytest.raises(ConfigError, match=r"no device 'gpu'\nlegal: auto, cpu"):
        pick_device("gpu")
    absent = "mps" if pick_device("auto").type != "mps" else "cuda"
    with pytest.raises(ConfigError, match=f"has no {absent} device"):
        pick_device(absent)


def test_every_rank_has_its_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes on one machine take its devices in turn, unless one is named; more than there are is an error."""
    assert [device_of_rank("cpu", rank) for rank in (0, 5)] == ["cpu", "cpu"]
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda **_: torch.device("cuda"))
    monkeypatch.setattr(torch.accelerator, "device_count", lambda: 2)
    assert [device_of_rank("auto", rank) for rank in (0, 1)] == ["cuda:0", "cuda:1"]
    assert [device_of_rank("cuda:1", rank) for rank in (0, 1)] == ["cuda:1", "cuda:1"]
    with pytest.raises(ConfigError, match=r"has 2 cuda devices, too few for process 2.*\n.*--device cuda:0"):
        device_of_rank("cuda", 2)


def test_threads_are_shared_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every job gets an equal share of the cores, at least one thread; OMP_NUM_THREADS has the last word."""
    monkeypatch.setattr(environment, "num_cores", lambda: 8)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert [threads_per_job(jobs) for jobs in (1, 2, 3, 16)] == [8, 4, 2, 1]
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert threads_per_job(1) == 2
    monkeypatch.setenv("OMP_NUM_THREADS", "many")
    assert threads_per_job(1) == 8


def test_this_machine_can_do_what_is_needed(tmp_path: Path) -> None:
    """The checks pass where the tests do; a home in the making is judged by the folder it will lie in."""
    found = {name: ok for name, ok, _ in checks(tmp_path / "not" / "there")}
    assert found == dict.fromkeys(found, True)
    assert {"torch", "device", "video", "disk", "results"} <= found.keys()


def test_a_decoder_that_fails_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When writing or reading video doesn't work, the check says so instead of raising."""

    def fail(*_: object, **__: object) -> None:
        raise VideobenchError("no H.264 here")

    monkeypatch.setattr(environment, "write_video", fail)
    found = {name: (ok, text) for name, ok, text in checks(tmp_path)}
    assert found["video"][0] is False
    assert "no H.264 here" in found["video"][1]
