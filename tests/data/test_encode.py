"""Writing a video file."""

import errno
import resource
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest

from videobench.data.decode import decode_frames, probe
from videobench.data.encode import write_for_clips, write_video
from videobench.errors import DataError


def _gradient(num_frames: int = 20, height: int = 32, width: int = 48) -> npt.NDArray[np.uint8]:
    """A grey ramp that gets brighter by 5 levels a frame: uint8 [T, H, W, 3]."""
    ramp = np.arange(width)[None, None, :, None] + 5 * np.arange(num_frames)[:, None, None, None]
    return np.broadcast_to(ramp + 20, (num_frames, height, width, 3)).astype(np.uint8)


def _decode(path: Path) -> npt.NDArray[np.uint8]:
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


def test_written_frames_come_back(tmp_path: Path) -> None:
    """A written video decodes to as many frames of the same size, each close to what was written."""
    frames = _gradient()
    write_video(tmp_path / "new" / "ramp.mp4", frames, fps=25, crf=10)
    decoded = _decode(tmp_path / "new" / "ramp.mp4")
    assert decoded.shape == frames.shape
    assert np.abs(decoded.astype(int) - frames).mean(axis=(1, 2, 3)).max() < 3


def test_file_is_h264_at_the_given_rate(tmp_path: Path) -> None:
    """The stream is 4:2:0 H.264 with the rate asked for and a key frame at least every ``gop`` frames."""
    write_video(tmp_path / "ramp.mp4", _gradient(), fps=10, gop=5)
    with av.open(str(tmp_path / "ramp.mp4")) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert stream.codec_context.pix_fmt == "yuv420p"
        assert stream.average_rate == 10
        keys = [index for index, frame in enumerate(container.decode(video=0)) if frame.key_frame]
    assert keys[0] == 0
    assert max(np.diff(keys)) <= 5


def test_same_frames_give_the_same_bytes(tmp_path: Path) -> None:
    """Encoding is deterministic."""
    for name in ("a.mp4", "b.mp4"):
        write_video(tmp_path / name, _gradient(), fps=25)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_failure_leaves_the_old_file_and_no_rubbish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If encoding breaks off, the file of that name is untouched and no temporary file stays."""
    path = tmp_path / "ramp.mp4"
    path.write_bytes(b"old")

    def fail(*_args: object, **_options: object) -> None:
        raise RuntimeError("disk full")

    monkeypatch.setattr("videobench.data.encode._encode", fail)
    with pytest.raises(RuntimeError, match="disk full"):
        write_video(path, _gradient(), fps=25)
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["ramp.mp4"]


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        (np.zeros((4, 32, 31, 3), np.uint8), "31x32 pixels"),
        (np.zeros((4, 32, 32, 3), np.float32), "float32"),
        (np.zeros((0, 32, 32, 3), np.uint8), "uint8"),
        (np.zeros((4, 32, 32), np.uint8), "uint8"),
    ],
)
def test_impossible_frames_are_refused(tmp_path: Path, frames: npt.NDArray[np.uint8], message: str) -> None:
    """Frames H.264 cannot hold raise DataError, which names the file and what is wrong."""
    with pytest.raises(DataError, match=message) as caught:
        write_video(tmp_path / "x.mp4", frames, fps=25)
    assert caught.value.where == str(tmp_path / "x.mp4")
    assert not list(tmp_path.iterdir())


def _every(seconds: float, num_frames: int = 20) -> list[float]:
    return [seconds * number for number in range(num_frames)]


@pytest.mark.parametrize(("width", "pixels"), [(48, "yuv420p"), (47, "yuv444p")])
def test_videos_for_clips_are_cheap_to_seek_in(tmp_path: Path, width: int, pixels: str) -> None:
    """A key frame at least every ``gop`` frames, none out of order, and 4:4:4 only where a side is odd."""
    frames = _gradient(width=width)
    write_for_clips(tmp_path / "new" / "ramp.mp4", iter(frames), times_seconds=_every(0.04), crf=10, gop=5)
    with av.open(str(tmp_path / "new" / "ramp.mp4")) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.pix_fmt == pixels
        assert not stream.codec_context.has_b_frames
        decoded = list(container.decode(video=0))
    keys = [index for index, frame in enumerate(decoded) if frame.key_frame]
    assert keys[0] == 0
    assert max(np.diff(keys)) <= 5
    clip = decode_frames(tmp_path / "new" / "ramp.mp4", range(20))
    assert np.abs(clip.astype(int) - frames).mean(axis=(1, 2, 3)).max() < 3


def test_videos_for_clips_keep_their_times(tmp_path: Path) -> None:
    """Regular ones their rate, others the time of each frame; no two frames are shown at once."""
    path = tmp_path / "ramp.mp4"
    write_for_clips(path, _gradient(), times_seconds=_every(1001 / 30_000), crf=30, gop=12)
    assert (probe(path).fps, probe(path).times) == (pytest.approx(30_000 / 1001, rel=1e-4), None)
    times = [0.0, 0.5, 0.6, 2.0]
    write_for_clips(path, _gradient(4), times_seconds=times, crf=30, gop=12)
    assert probe(path).times == pytest.approx(times, abs=1e-4)
    write_for_clips(path, _gradient(4), times_seconds=_every(1e-6, 4), crf=30, gop=12)
    assert probe(path).num_frames == 4


def test_a_full_disk_is_the_system_s_error(tmp_path: Path) -> None:
    """OSError with the file's name, and nothing is left behind."""
    noise = np.random.default_rng(0).integers(0, 256, (20, 64, 64, 3), np.uint8)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, limits[1]))
    try:
        with pytest.raises(OSError, match=r"full\.mp4") as caught:
            write_for_clips(tmp_path / "full.mp4", noise, times_seconds=_every(0.04), crf=1, gop=12)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert caught.value.errno == errno.EFBIG
    assert not list(tmp_path.iterdir())
