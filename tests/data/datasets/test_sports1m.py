"""Sports-1M: several labels a video, YouTube's ids, files named in the ways of the usual tools."""

from pathlib import Path

import pytest
from trees import ANNOTATIONS, touch, write_lines

from videobench.data.datasets.on_disk import missing_files
from videobench.data.datasets.sports1m import sports1m
from videobench.errors import DataError

LINES = [
    "https://www.youtube.com/watch?v=UDqivjS-lpI 168,169",
    "http://www.youtube.com/watch?v=ABPsSSS2uY0 49",
    "https://www.youtube.com/watch?v=-_a_b_c_d_0 0",
    "https://www.youtube.com/watch?v=ABPsSSS2uY0 26,49",
]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_lines(tmp_path / "labels.txt", [f"sport {number}" for number in range(487)])
    write_lines(tmp_path / "original" / "train_partition.txt", LINES)
    return tmp_path


def test_labels_and_ids(root: Path) -> None:
    """A video has all of its labels, once, and those of every line it is in."""
    videos = sports1m(root, subset="train")
    assert [(video.id, video.labels) for video in videos.videos] == [
        ("UDqivjS-lpI", (168, 169)), ("ABPsSSS2uY0", (49, 26)), ("-_a_b_c_d_0", (0,)),
    ]  # fmt: skip
    assert len(videos.classes) == 487


def test_files_are_found_by_their_ids(root: Path) -> None:
    """Named by the id, or by title and id, in one folder or in many; the rest is missing."""
    touch(root / "videos", "UDqivjS-lpI.mkv", "3/A title [with brackets] [ABPsSSS2uY0].webm", "-_a_b_c_d_0.mp4.part")
    videos = sports1m(root, subset="train")
    assert [video.path.parent.name for video in videos.videos[:2]] == ["videos", "3"]
    assert [video.id for video in missing_files(videos)] == ["-_a_b_c_d_0"]


def test_wrong_lists_are_errors(root: Path) -> None:
    """A line without an id or labels, a label nobody knows, a partition or labels that are not there."""
    path = root / "original" / "train_partition.txt"
    for line in ("https://www.youtube.com/watch?v=UDqivjS-lpI", "https://example.org/v 3", "UDqivjS-lpI 3"):
        write_lines(path, [line])
        with pytest.raises(DataError, match=r"line 1: .* should be a YouTube address and labels"):
            sports1m(root, subset="train")
    write_lines(path, ["https://www.youtube.com/watch?v=UDqivjS-lpI 5,487"])
    with pytest.raises(DataError, match="line 1: there is no class number 487"):
        sports1m(root, subset="train")
    with pytest.raises(DataError, match=r"has no test_partition\.txt"):
        sports1m(root, subset="test")
    write_lines(root / "labels.txt", ["boomerang"])
    with pytest.raises(DataError, match="names 1 classes instead of 487"):
        sports1m(root, subset="train")


@pytest.mark.skipif(not ANNOTATIONS.exists(), reason="needs the official lists of ../shared/annotations")
def test_official_labels(root: Path) -> None:
    """487 sports, from boomerang to model aircraft."""
    (root / "labels.txt").write_text((ANNOTATIONS / "sports1m" / "labels.txt").read_text())
    classes = sports1m(root, subset="train").classes
    assert (classes[0], classes[486]) == ("boomerang", "model aircraft")
