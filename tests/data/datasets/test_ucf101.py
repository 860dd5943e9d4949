"""UCF101 as it is downloaded; how its lists are read is tested with split_lists."""

import shutil
from pathlib import Path

import pytest
from trees import ANNOTATIONS, touch, write_lines

from videobench.data.datasets.on_disk import missing_files
from videobench.data.datasets.ucf101 import OFFICIAL_COUNTS, ucf101
from videobench.errors import DataError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "ucf101"
    write_lines(root / "ucfTrainTestlist" / "classInd.txt", ["1 Hammering", "2 HammerThrow"])
    write_lines(root / "ucfTrainTestlist" / "trainlist01.txt", ["HammerThrow/v_HammerThrow_g08_c01.avi 2"])
    write_lines(root / "ucfTrainTestlist" / "testlist01.txt", ["Hammering/v_Hammering_g01_c01.avi"])
    return touch(root / "UCF-101", "HammerThrow/v_HammerThrow_g08_c01.avi", "Hammering/v_Hammering_g01_c01.avi").parent


def test_the_archives_beside_each_other(root: Path) -> None:
    """UCF-101 and ucfTrainTestlist are found in the root; ids are the listed paths."""
    train = ucf101(root, split=1, subset="train")
    assert train.classes == ("Hammering", "HammerThrow")
    assert [(video.id, video.labels, video.source) for video in train.videos] == [
        ("HammerThrow/v_HammerThrow_g08_c01.avi", (1,), "HammerThrow_g08")
    ]
    assert not missing_files(train) + missing_files(ucf101(root, split=1, subset="test"))


def test_other_places(root: Path) -> None:
    """The root may be UCF-101 itself, lists may lie in annotations and videos in videos, frames where one says."""
    assert not missing_files(ucf101(root / "UCF-101", split=1, subset="train"))
    (root / "ucfTrainTestlist").rename(root / "annotations")
    (root / "UCF-101").rename(root / "videos")
    assert not missing_files(ucf101(root, split=1, subset="train"))
    touch(root / "rawframes", "HammerThrow/v_HammerThrow_g08_c01/img_00001.jpg")
    (video,) = ucf101(root, split=1, subset="train", videos=root / "rawframes").videos
    assert (video.id, video.path.name) == ("HammerThrow/v_HammerThrow_g08_c01.avi", "v_HammerThrow_g08_c01")


def test_no_lists(tmp_path: Path) -> None:
    """Videos alone are no data set."""
    touch(tmp_path, "UCF-101/A/v.avi")
    with pytest.raises(DataError, match=r"has no classInd\.txt"):
        ucf101(tmp_path, split=1, subset="train")


@pytest.mark.skipif(not ANNOTATIONS.exists(), reason="needs the official lists of ../shared/annotations")
def test_official_ucf101(tmp_path: Path) -> None:
    """101 classes in the official order, the official counts, every group on one side of each split."""
    shutil.copytree(ANNOTATIONS / "ucf101", tmp_path / "ucfTrainTestlist")
    for (split, subset), count in OFFICIAL_COUNTS.items():
        videos = ucf101(tmp_path, split=split, subset=subset)  # would raise if a group crossed the split
        assert len(videos.videos) == count
        assert {label for video in videos.videos for label in video.labels} == set(range(101))
        assert all(video.source for video in videos.videos)
    assert [videos.classes[number] for number in (0, 34, 35, 46, 47, 100)] == [
        "ApplyEyeMakeup", "Hammering", "HammerThrow", "JumpingJack", "JumpRope", "YoYo",
    ]  # fmt: skip
    leaking = tmp_path / "ucfTrainTestlist" / "testlist01.txt"
    leaking.write_text(leaking.read_text() + "Archery/v_Archery_g08_c09.avi\n")
    with pytest.raises(DataError, match=r"1 sources have videos in both .*: Archery_g08"):
        ucf101(tmp_path, split=1, subset="test")
