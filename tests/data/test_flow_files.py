"""Packed flow comes back exactly, any part of it; a file that isn't whole is told from one that is."""

from pathlib import Path

import numpy as np
import pytest
from jpeg_folders import write_flow as write_pairs
from numpy.typing import NDArray
from painted_videos import write_painted

from videobench.data.decode import decode_frames, probe
from videobench.data.flow_files import write_flow
from videobench.data.video_set import VideoInfo
from videobench.errors import DataError

NUM_FIELDS, HEIGHT, WIDTH = 30, 27, 35


@pytest.fixture(scope="module")
def fields() -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (NUM_FIELDS, HEIGHT, WIDTH, 2), np.uint8)


@pytest.fixture(scope="module")
def packed(fields: NDArray[np.uint8], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("packed") / "deep" / "odd [name] & more.mkv"
    write_flow(path, fields, num_fields=NUM_FIELDS, fps=29.97)
    return path


def test_every_field_is_exact(packed: Path, fields: NDArray[np.uint8]) -> None:
    """Lossless at any size, in any order, and as often as asked for."""
    size_bytes = packed.stat().st_size
    assert probe(packed, "flow") == VideoInfo(NUM_FIELDS, WIDTH, HEIGHT, 29.97, size_bytes)
    np.testing.assert_array_equal(decode_frames(packed, range(NUM_FIELDS), modality="flow"), fields)
    for indices in ([29], [17, 3, 3, 28], range(5, 25, 4)):
        clip = decode_frames(packed, indices, num_frames=NUM_FIELDS, modality="flow")
        np.testing.assert_array_equal(clip, fields[list(indices)])


def test_directions_are_scaled_one_by_one(tmp_path: Path) -> None:
    """At another size a field keeps its values, and neither direction runs into the other."""
    even = np.broadcast_to(np.array([0, 255], np.uint8), (2, 20, 30, 2))
    write_flow(tmp_path / "even.mkv", even, num_fields=2, fps=25.0)
    scaled = decode_frames(tmp_path / "even.mkv", [0, 1], size=(31, 12), modality="flow")
    assert scaled.shape == (2, 31, 12, 2)
    assert (scaled == [0, 255]).all()


def test_pairs_are_read_the_same_way(tmp_path: Path) -> None:
    """A folder of pictures of flow stands for a packed file."""
    folder = write_pairs(tmp_path / "v", [(128, 127), (0, 255)])
    assert probe(folder, "flow").num_frames == 2
    clip = decode_frames(folder, [1, 0], size=(8, 9), num_frames=2, modality="flow")
    assert clip.shape == (2, 8, 9, 2)
    assert (clip[0] == [0, 255]).all()
    assert (clip[1] == [128, 127]).all()


def test_a_file_appears_whole_or_not_at_all(fields: NDArray[np.uint8], tmp_path: Path) -> None:
    """Too few or too many fields, as when a video breaks off, leave nothing behind."""
    for number in (NUM_FIELDS - 1, NUM_FIELDS + 1):
        with pytest.raises(ValueError, match=f"{NUM_FIELDS} fields, not {number}"):
            write_flow(tmp_path / "v.mkv", fields, num_fields=number, fps=25.0)
    assert not list(tmp_path.iterdir())


def test_damage_is_named(packed: Path, tmp_path: Path) -> None:
    """A file that is cut off or changed, another kind of file, one that isn't there, a field beyond the last."""
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(packed.read_bytes()[: packed.stat().st_size // 2])
    with pytest.raises(DataError, match=rf"cut.mkv: has \d+ of its {NUM_FIELDS} fields"):
        probe(cut, "flow")
    with pytest.raises(DataError, match="has no field 29 of flow"):
        decode_frames(cut, [0, 29], modality="flow")
    changed = bytearray(packed.read_bytes())
    changed[len(changed) // 2] ^= 1
    (tmp_path / "changed.mkv").write_bytes(changed)
    with pytest.raises(DataError, match=r"changed.mkv: field 14 is damaged"):
        probe(tmp_path / "changed.mkv", "flow")
    with pytest.raises(DataError, match="field 14 is damaged"):
        decode_frames(tmp_path / "changed.mkv", [2, 14], modality="flow")
    text = tmp_path / "text.mkv"
    text.write_text("no video")
    for other in (text, write_painted(tmp_path / "video.mkv", 5)):
        with pytest.raises(DataError, match="is not a packed flow file"):
            probe(other, "flow")
    with pytest.raises(DataError, match="no such file"):
        probe(tmp_path / "none.mkv", "flow")
    with pytest.raises(DataError, match="has no frame 30"):
        decode_frames(packed, [30], num_frames=NUM_FIELDS, modality="flow")
