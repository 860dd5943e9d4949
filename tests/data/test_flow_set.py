"""The flow of a set is computed once a video, survives a kill, and is checked for what broken extractions look like."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from painted_videos import painted_set

from videobench.data import flow_set
from videobench.data.decode import decode_frames, probe
from videobench.data.encode import write_video
from videobench.data.flow import flow_fields, quantise
from videobench.data.flow_check import flow_findings
from videobench.data.flow_set import FlowSettings, VideoFlow, extract_flow, flow_file, read_manifest
from videobench.data.index import index_videos
from videobench.data.video_set import VideoInfo, VideoSet
from videobench.errors import ConfigError, Interrupted

LENGTHS = (6, 2, 9)
SETTINGS = FlowSettings("farneback", 20.0, (24, 32))


@pytest.fixture
def videos(tmp_path: Path) -> VideoSet:
    return index_videos(painted_set(tmp_path, LENGTHS), cache=tmp_path / "index")


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Keep a list of the videos whose flow is computed."""
    names: list[str] = []
    whole = flow_set._compute

    def spy(job):
        names.append(job[0].id)
        return whole(job)

    monkeypatch.setattr(flow_set, "_compute", spy)
    return names


def test_every_video_gets_its_flow_and_its_line(videos: VideoSet, tmp_path: Path) -> None:
    """The packed fields are those of the scaled frames; the manifest says how they were made, and of what."""
    told: list[tuple[int, int]] = []
    out = tmp_path / "flow" / "farneback"
    flows, failures = extract_flow(videos, out, SETTINGS, progress=lambda *counts: told.append(counts))
    assert (failures, told) == ([], [(1, 3), (2, 3), (3, 3)])
    assert [(flow.video, flow.num_fields) for flow in flows] == [("v0", 5), ("v1", 1), ("v2", 8)]
    frames = decode_frames(videos.videos[2].path, range(9), size=(24, 32))
    expected = np.stack([quantise(field, bound=20.0) for field in flow_fields(frames, "farneback")])
    levels = decode_frames(flow_file(out, "v2"), range(8), modality="flow")
    np.testing.assert_array_equal(levels, expected)
    header = json.loads((out / "flow.json").read_text())
    assert (header["algorithm"], header["bound_px"], header["size"]) == ("farneback", 20.0, [24, 32])
    assert header["parameters"]["window"] == 10
    line = read_manifest(out)["v2"]
    assert line == flows[2]
    assert line.original == videos.videos[2].info
    assert "OpenCV" in line.made_by
    assert (line.mean_x, line.mean_y) == pytest.approx(tuple(levels.mean(axis=(0, 1, 2))))
    assert line.saturated == pytest.approx(np.isin(levels, [0, 255]).mean())
    assert line.size_bytes == probe(flow_file(out, "v2"), "flow").size_bytes


def test_only_what_is_missing_is_computed(videos: VideoSet, tmp_path: Path, computed: list[str]) -> None:
    """A second call does nothing; a video that changed, a file that is gone and a torn line are done again."""
    out = tmp_path / "flow"
    first, _ = extract_flow(videos, out, SETTINGS)
    computed.clear()
    assert extract_flow(videos, out, SETTINGS) == (first, [])
    assert computed == []
    os.utime(videos.videos[0].path, ns=(0, 0))
    flow_file(out, "v1").unlink()
    lines = (out / "videos.jsonl").read_text().splitlines()
    (out / "videos.jsonl").write_text("\n".join(lines)[:-20])
    again, _ = extract_flow(videos, out, SETTINGS)
    assert computed == ["v0", "v1", "v2"]
    assert [replace(flow, modified_ns=0) for flow in again] == [replace(flow, modified_ns=0) for flow in first]


def test_processes_give_the_same(videos: VideoSet, tmp_path: Path) -> None:
    """Side by side or one after the other, the fields and lines are equal."""
    alone, _ = extract_flow(videos, tmp_path / "one", SETTINGS)
    shared, _ = extract_flow(videos, tmp_path / "two", SETTINGS, num_workers=2)
    assert shared == alone


def test_a_stopped_extraction_goes_on(videos: VideoSet, tmp_path: Path, computed: list[str]) -> None:
    """What was done before the stop is not done again."""

    def stop(done: int, _: int) -> None:
        if done == 2:
            raise Interrupted("stopped")

    with pytest.raises(Interrupted):
        extract_flow(videos, tmp_path / "flow", SETTINGS, progress=stop)
    assert computed == ["v0", "v1"]
    flows, _ = extract_flow(videos, tmp_path / "flow", SETTINGS)
    assert computed == ["v0", "v1", "v2"]
    assert len(flows) == 3


KILLED = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from painted_videos import painted_set
from videobench.data.flow_set import FlowSettings, extract_flow
from videobench.data.index import index_videos

folder = Path(sys.argv[1])
videos = index_videos(painted_set(folder, (3, 400)), cache=folder / "index")
extract_flow(videos, folder / "flow", FlowSettings("farneback", 20.0, (192, 256)))
"""


def test_a_killed_extraction_leaves_only_whole_files(tmp_path: Path) -> None:
    """Killed within the second video: the first stays as it is, of the second nothing counts."""
    out = tmp_path / "flow"
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path), str(Path(__file__).parent)])
    while process.poll() is None and not list(out.glob(".v1.mkv.*")):
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert (flow_file(out, "v0").exists(), flow_file(out, "v1").exists()) == (True, False)
    assert list(read_manifest(out)) == ["v0"]


def test_a_folder_holds_one_kind_of_flow(videos: VideoSet, tmp_path: Path) -> None:
    """Another bound or size would mix what can't be told apart afterwards."""
    extract_flow(videos, tmp_path / "flow", SETTINGS)
    for other in (replace(SETTINGS, bound=15.0), replace(SETTINGS, size=24), FlowSettings("tvl1", 20.0, (24, 32))):
        with pytest.raises(ConfigError, match="holds other flow: "):
            extract_flow(videos, tmp_path / "flow", other)


def test_a_shorter_side_keeps_the_shape() -> None:
    """A number is the length of the shorter side."""
    wide, tall = (VideoInfo(10, *size, 25.0, 1) for size in ((320, 240), (100, 300)))
    settings = FlowSettings("tvl1", 20.0, 128)
    assert (settings.frame_size(wide), settings.frame_size(tall)) == ((128, 171), (384, 128))


def test_what_has_no_flow_is_named(tmp_path: Path) -> None:
    """A single frame, and a video that breaks off after it was indexed; the others are done."""
    videos = index_videos(painted_set(tmp_path, (1, 4, 12)), cache=tmp_path / "index")
    path = videos.videos[2].path
    path.write_bytes(path.read_bytes()[:300])
    flows, failures = extract_flow(videos, tmp_path / "flow", SETTINGS)
    assert [flow.video for flow in flows] == ["v1"]
    assert [failure.video.id for failure in failures] == ["v0", "v2"]
    assert failures[0].what == "has a single frame: no flow"
    assert {path.name for path in (tmp_path / "flow").iterdir()} == {"v1.mkv", "flow.json", "videos.jsonl"}


@pytest.mark.parametrize("video_id", ["a/b (1).avi", "v.1"])
def test_files_are_called_like_their_videos(video_id: str) -> None:
    """Whatever dots, blanks and folders are in the name."""
    assert flow_file(Path("f"), video_id) == Path(f"f/{video_id}.mkv")


@pytest.mark.parametrize("video_id", ["/data/a.mp4", "../a.mp4", "a/../../b.mp4"])
def test_no_file_leaves_the_folder(video_id: str) -> None:
    """A list may name videos anywhere; their flow lies in the folder all the same, each in a file of its own."""
    path = flow_file(Path("f"), video_id)
    assert path.parent == Path("f")
    assert path != flow_file(Path("f"), f"{video_id}.mp4")


def line(video: str, *, mean: float = 127.5, saturated: float = 0.0, still: bool = False) -> VideoFlow:
    info = VideoInfo(5, 32, 24, 25.0, 100)
    return VideoFlow(video, info, 0, 4, 24, 32, 10, mean, mean, saturated, still, "a test")


@pytest.mark.parametrize(
    ("flows", "found"),
    [
        ([line("a"), line("b", mean=128.0)], []),
        ([line("a", mean=140.0), line("b", mean=138.0)], [("off centre", True), ("off centre", True)]),
        ([line("a", mean=90.0), line("b", mean=165.0)], []),  # two cameras that pan
        ([line("a", saturated=0.03), line("b")], [("saturated", True)]),
        ([line("a", still=True), line("b")], [("still", True)]),
        ([line("still", still=True), *(line(str(number)) for number in range(19))], [("still", False)]),
    ],
)
def test_findings(flows: list[VideoFlow], found: list[tuple[str, bool]]) -> None:
    """Levels far from rest over the whole set, values at the bound, and many videos in which nothing moves."""
    assert [(finding.kind, finding.is_problem) for finding in flow_findings(flows, [])] == found


def test_a_still_video_is_told(tmp_path: Path) -> None:
    """One picture, repeated, has flow of one level."""
    videos = painted_set(tmp_path, (1,))
    path = videos.videos[0].path
    write_video(path, decode_frames(path, [0, 0, 0]), fps=25, crf=10)
    flows, _ = extract_flow(index_videos(videos, cache=tmp_path), tmp_path / "flow", SETTINGS)
    assert [(flow.still, flow.mean_x) for flow in flows] == [(True, 128.0)]
