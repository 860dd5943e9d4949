"""`videobench data flow`: flow for the clips that ask for it, with a word on whether it can be right."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from commands import call, write_experiment

from videobench.data.encode import write_video
from videobench.records import all_records

FLOW = "rows:\n  flow: {clip: {modality: flow, flow_algorithm: farneback}}\n"


@pytest.fixture
def small(tmp_path: Path) -> Path:
    return write_experiment(tmp_path, FLOW)


def flow(path: Path, home: Path, *more: str | Path) -> tuple[int, dict]:
    result = call("data", "flow", path, "--home", home, "--jobs", "1", "--json", *more)
    return result.code, json.loads(result.out)


def test_from_videos_to_a_table_of_flow(small: Path, tmp_path: Path) -> None:
    """Without flow the training says what to do; then that command, and the training goes through."""
    before = call("train", small, "--home", tmp_path)
    assert before.code == 3
    assert "`videobench data flow EXPERIMENT`" in before.err
    computed = call("data", "flow", small, "--home", tmp_path, "--jobs", "1")
    assert computed.code == 0
    assert "farneback" in computed.out
    assert "nothing is wrong" in computed.out
    assert call("train", small, "--home", tmp_path).code == 0
    (record,) = all_records(tmp_path / "results" / "records")
    assert record.evaluation["clip"]["modality"] == "flow"
    assert record.training
    assert record.training["clip"]["flow_algorithm"] == "farneback"


def test_what_it_reports(small: Path, tmp_path: Path) -> None:
    """How many videos and fields there are, where they lie, and what their levels are on average."""
    code, report = flow(small, tmp_path, "--bound", "30", "--size", "20x24", "--out", tmp_path / "out")
    assert (code, report["ok"], report["findings"]) == (0, True, [])
    train, test = report["subsets"]
    assert (train["videos"], train["done"], train["fields"]) == (4, 4, 20)
    assert (test["subset"], test["algorithm"]) == ("test", "farneback")
    assert test["folder"] == str(tmp_path / "out" / "farneback")
    assert test["mean_x"] == pytest.approx(127.5, abs=5)
    held = json.loads((tmp_path / "out" / "farneback" / "flow.json").read_text())
    assert (held["bound_px"], held["size"]) == (30, [20, 24])


def test_what_is_off_ends_with_3(small: Path, tmp_path: Path) -> None:
    """Videos in which nothing moves, as an extraction that went wrong leaves them, and one that can't be read."""
    for path in (tmp_path / "videos" / "train").rglob("*.mp4"):
        write_video(path, np.full((5, 16, 16, 3), 90, np.uint8), fps=25, crf=20, gop=4)
    (tmp_path / "videos" / "test" / "dark" / "0.mp4").write_bytes(b"no video")
    code, report = flow(small, tmp_path)
    assert (code, report["ok"]) == (3, False)
    found = [(finding["kind"], finding["in"]) for finding in report["findings"]]
    assert found == [("still", "small, train, farneback")] * 4 + [("unreadable", "small, test, farneback")]
    shown = call("data", "flow", small, "--home", tmp_path, "--jobs", "1")
    assert shown.code == 3
    assert "small, train, farneback: 4 videos with flow in which nothing ever moves" in shown.out


@pytest.mark.parametrize("size", ["0", "128x", "12x34x56", "big"])
def test_a_size_is_height_and_width_or_a_side(small: Path, tmp_path: Path, size: str) -> None:
    """Anything else is told before a video is opened."""
    result = call("data", "flow", small, "--home", tmp_path, "--size", size)
    assert result.code == 2
    assert f"--size: '{size}' is no size" in result.err


def test_missing_opencv_ends_with_the_way_to_install_it(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only this command needs it."""
    monkeypatch.setitem(sys.modules, "cv2", None)
    result = call("data", "flow", small, "--home", tmp_path)
    assert result.code == 2
    assert 'pip install "videobench[flow]"' in result.err
    assert call("plan", small, "--home", tmp_path).code == 0
