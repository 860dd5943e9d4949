"""A folder of pictures is read like a video: the same calls, the right frames, damage named."""

from pathlib import Path

import numpy as np
import pytest
from av.video.reformatter import Interpolation
from jpeg_folders import write_flow, write_frames, write_jpeg

from videobench.data.decode import decode_frames, probe
from videobench.data.frame_folder import is_frame_folder, probe_flow_pairs, stream_flow_pairs
from videobench.data.video_set import VideoInfo
from videobench.errors import DataError

VALUES = [0, 60, 120, 180, 255]


def test_pictures_are_frames(tmp_path: Path) -> None:
    """Probed and decoded as any video, in any order, scaled on the way; full range stays full."""
    folder = write_frames(tmp_path / "v", VALUES)
    size_bytes = sum(path.stat().st_size for path in folder.iterdir())
    assert probe(folder) == VideoInfo(num_frames=5, width=48, height=32, fps=0.0, size_bytes=size_bytes)
    clip = decode_frames(folder, [4, 0, 0, 2], size=(20, 30), num_frames=5)
    assert clip.shape == (4, 20, 30, 3)
    np.testing.assert_allclose(clip[:, 10, 15], [[255] * 3, [0] * 3, [0] * 3, [120] * 3], atol=2)
    assert decode_frames(folder, [1]).shape == (1, 32, 48, 3)


@pytest.mark.parametrize("suffix", [".jpg", ""])
def test_flow_values_are_exact(tmp_path: Path, suffix: str) -> None:
    """mmaction2's names and those of P2's authors; 128 means no motion and must not become 126."""
    pairs = [(128, 127), (0, 255), (16, 235)]
    folder = write_flow(tmp_path / "v", pairs, suffix=suffix)
    assert (probe_flow_pairs(folder).num_frames, probe(folder).num_frames) == (3, 3)
    read = dict(stream_flow_pairs(folder, [0, 1, 2], size=(16, 24), interpolation=Interpolation.BILINEAR))
    for index, pair in enumerate(pairs):
        assert read[index].shape == (16, 24, 2)
        assert (read[index] == pair).all()


def test_pictures_count_before_flow(tmp_path: Path) -> None:
    """Where both are there the video has as many frames as pictures; flow has one less."""
    folder = write_flow(write_frames(tmp_path / "v", VALUES), [(128, 128)] * 4)
    assert (probe(folder).num_frames, probe_flow_pairs(folder).num_frames) == (5, 4)


def test_what_is_a_folder_of_frames(tmp_path: Path) -> None:
    """It has a first picture or a first pair; a folder of videos is none."""
    assert is_frame_folder(write_frames(tmp_path / "a", [1]))
    assert is_frame_folder(write_flow(tmp_path / "b", [(1, 1)], suffix=""))
    assert not is_frame_folder(tmp_path)
    assert not is_frame_folder(tmp_path / "a" / "img_00001.jpg")


def test_damage_is_named(tmp_path: Path) -> None:
    """A gap, half a pair, a picture that is cut off, one beyond the last, and no picture at all."""
    gap = write_frames(tmp_path / "gap", VALUES)
    (gap / "img_00003.jpg").unlink()
    with pytest.raises(DataError, match=r"gap: has 4 pictures but no img_00003\.jpg"):
        probe(gap)
    half = write_flow(tmp_path / "half", [(1, 1), (2, 2)])
    (half / "flow_y_00002.jpg").unlink()
    with pytest.raises(DataError, match=r"half: has 3 pictures but no flow_y_00002\.jpg"):
        probe_flow_pairs(half)
    cut = write_frames(tmp_path / "cut", VALUES)
    write_jpeg(cut / "img_00002.jpg", 9).write_bytes(b"\xff\xd8 no picture")
    with pytest.raises(DataError, match=r"img_00002\.jpg: can't be decoded as a JPEG"):
        decode_frames(cut, [0, 1, 2])
    with pytest.raises(DataError, match=r"has no img_00006\.jpg"):
        decode_frames(cut, [5])
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="has 0 pictures but no flow_x_00001"):
        probe(tmp_path / "empty")
