"""What can't be decoded is an error that names the file and, where there is one, the frame; nothing waits for ever."""

import os
from pathlib import Path

import av
import numpy as np
import pytest
from painted_videos import numbers, truncated, write_painted

from videobench.data import decode
from videobench.data.decode import decode_frames, probe, stream_frames
from videobench.errors import DataError


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a whole file of 60 frames in two containers."""
    folder = tmp_path_factory.mktemp("videos")
    for name in ("b_frames.mp4", "b_frames.mkv"):
        write_painted(folder / name, 60, gop=12, max_b_frames=3)
    return folder


def test_a_file_that_breaks_off_is_an_error_naming_the_frame(tmp_path: Path) -> None:
    """A truncated file is broken, even where its header is whole; frames before the break can be had."""
    whole = write_painted(tmp_path / "whole.mp4", 60, container_options={"movflags": "faststart"})
    path = truncated(whole, tmp_path / "cut.mp4", 0.8)
    with pytest.raises(DataError, match=r"cut\.mp4: frame \d+ can't be decoded"):
        probe(path)
    with pytest.raises(DataError, match=r"cut\.mp4: (frame \d+ can't be decoded|has no frame 59)"):
        decode_frames(path, [59])
    assert numbers(decode_frames(path, [3])) == [3]


@pytest.mark.parametrize("function", [probe, lambda path: decode_frames(path, [0])], ids=["probe", "decode"])
def test_what_is_not_a_video_is_an_error_naming_the_file(function, tmp_path: Path) -> None:
    """Missing, empty, text, cut before its header, a folder, sound only: DataError, at once."""
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("not a video\n" * 100)
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "box.mp4").write_bytes(b"\0\0\0\x20ftypisom" + bytes(100))
    truncated(write_painted(tmp_path / "whole.mp4", 20), tmp_path / "no_header.mp4", 0.5)
    with av.open(str(tmp_path / "sound.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    for name, what in {
        "missing": "no such file",
        "empty": "can't be opened as a video",
        "text": "can't be opened as a video",
        "folder": "",
        "box": "can't be opened as a video",
        "no_header": "can't be opened as a video",
        "sound": "holds no video stream",
    }.items():
        with pytest.raises(DataError, match=rf"{name}\.mp4: {what}"):
            function(tmp_path / f"{name}.mp4")


def test_a_video_without_a_frame_is_an_error(tmp_path: Path) -> None:
    """A header is no video."""
    path = write_painted(tmp_path / "a.mp4", 5, container_options={"movflags": "frag_keyframe+empty_moov"})
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"moof") - 4])
    with pytest.raises(DataError, match=r"a\.mp4: holds no frame that can be decoded"):
        probe(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_what_would_wait_for_ever_is_not_opened(tmp_path: Path) -> None:
    """A pipe that nobody writes to is no file."""
    os.mkfifo(tmp_path / "pipe.mp4")
    with pytest.raises(DataError, match=r"pipe\.mp4: no such file"):
        probe(tmp_path / "pipe.mp4")


class Clock:
    """Time that passes only when somebody looks."""

    def __init__(self, seconds_per_look: float) -> None:
        self.now, self.step = 0.0, seconds_per_look

    def monotonic(self) -> float:
        self.now += self.step
        return self.now


@pytest.mark.parametrize("function", [probe, lambda path: decode_frames(path, [50])], ids=["probe", "decode"])
def test_a_frame_that_takes_too_long_is_an_error(function, videos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It names the file and the frame. The limit is for a frame, not for the file."""
    path = videos / "b_frames.mkv"
    monkeypatch.setattr(decode, "time", Clock(seconds_per_look=10))
    function(path)
    monkeypatch.setattr(decode, "time", Clock(seconds_per_look=40))
    with pytest.raises(DataError, match=r"b_frames\.mkv: frame 0 can't be decoded \(it didn't come within 60 s\)"):
        function(path)


def test_a_reader_that_takes_its_time_is_not_to_blame(videos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What passes between one frame and asking for the next doesn't count."""
    clock = Clock(seconds_per_look=0)
    monkeypatch.setattr(decode, "time", clock)
    frames = stream_frames(videos / "b_frames.mkv", [0, 59])
    next(frames)
    clock.now += 1000
    assert next(frames)[0] == 59


def test_reading_that_takes_too_long_is_an_error(videos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """FFmpeg gives up by itself."""
    monkeypatch.setattr(decode, "MAX_SECONDS_PER_FRAME", 1e-9)
    with pytest.raises(DataError, match=r"b_frames\.mkv: can't be opened .*nothing could be read for 1e-09 s"):
        probe(videos / "b_frames.mkv")


@pytest.mark.parametrize("name", ["b_frames.mp4", "b_frames.mkv"])
@pytest.mark.parametrize("num_frames", [None, 60])
@pytest.mark.parametrize("index", [60, 1000, -1])
def test_a_frame_that_does_not_exist_is_an_error(videos: Path, name: str, num_frames: int | None, index: int) -> None:
    """Past the end or negative: DataError names the file, the frame and, where known, what is legal."""
    with pytest.raises(DataError, match=rf"{name}: has no frame {index}"):
        decode_frames(videos / name, [0, index], num_frames=num_frames)


def test_no_indices_is_a_programming_error(videos: Path) -> None:
    """There is no clip of no frames."""
    with pytest.raises(ValueError, match="indices"):
        decode_frames(videos / "b_frames.mp4", [])
