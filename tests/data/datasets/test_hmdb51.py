"""HMDB51 as it is downloaded: codes, odd names, three splits, films as sources."""

import re
from pathlib import Path

import pytest
from trees import ANNOTATIONS, touch, write_hmdb51_lists

from videobench.data.datasets.hmdb51 import OFFICIAL_COUNTS, hmdb51
from videobench.data.datasets.on_disk import missing_files
from videobench.errors import DataError

LINES = {
    "brush_hair": [
        "April_09_brush_hair_u_nm_np1_ba_goo_0.avi 1 ",
        "Brushing__[_NEW_AUDIO_]_UPDATED!!!!_brush_hair_h_cm_np1_fr_goo_0.avi 2 ",
        "Left_out_brush_hair_h_cm_np1_fr_goo_1.avi 0 ",
    ],
    "kick": ["April_09_kick_f_cm_np1_ba_med_5.avi 2 ", "A&B;_(C)_kick_f_cm_np1_ba_med_6.avi 1 "],
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_hmdb51_lists(tmp_path / "testTrainMulti_7030_splits", LINES)
    return touch(tmp_path, *(f"{name}/{line.split(' ')[0]}" for name, lines in LINES.items() for line in lines))


def test_codes_say_which_subset(root: Path) -> None:
    """1 trains, 2 tests, 0 does neither; all the files are found, whatever characters they have."""
    train, test = (hmdb51(root, split=1, subset=subset) for subset in ("train", "test"))
    assert [video.id for video in train.videos] == [
        "brush_hair/April_09_brush_hair_u_nm_np1_ba_goo_0.avi",
        "kick/A&B;_(C)_kick_f_cm_np1_ba_med_6.avi",
    ]
    assert [video.labels for video in test.videos] == [(0,), (1,)]
    assert not missing_files(train) + missing_files(test)
    assert len(train.classes) == 51


def test_the_source_is_the_film_within_a_class(root: Path) -> None:
    """Clips of one film in two classes are two sources, as in UCF101; the official splits divide them like that."""
    videos = [*hmdb51(root, split=1, subset="train").videos, *hmdb51(root, split=1, subset="test").videos]
    assert [video.source for video in videos] == [
        "brush_hair/April_09", "kick/A&B;_(C)", "brush_hair/Brushing__[_NEW_AUDIO_]_UPDATED!!!!", "kick/April_09",
    ]  # fmt: skip


@pytest.mark.parametrize("layout", ["hmdb51_org", "videos", "."])
def test_folders_of_the_videos(root: Path, layout: str) -> None:
    """Class folders lie in the root, or where archives and other tools put them; frames where the user says."""
    if layout != ".":
        (root / layout).mkdir()
        for name in LINES:
            (root / name).rename(root / layout / name)
    assert not missing_files(hmdb51(root, split=1, subset="train"))
    (root / layout / "kick").rename(root / "elsewhere")
    assert len(missing_files(hmdb51(root, split=1, subset="train"))) == 1


def test_wrong_lists_are_errors(root: Path) -> None:
    """A class too few would renumber the others; a code that isn't one; a film in both subsets; no such split."""
    lists = root / "testTrainMulti_7030_splits"
    write_hmdb51_lists(lists, LINES | {"kick": ["a_kick_0.avi 3"]})
    with pytest.raises(DataError, match=r"kick_test_split1.txt: line 1: 'a_kick_0.avi 3' should be"):
        hmdb51(root, split=1, subset="train")
    write_hmdb51_lists(lists, LINES | {"kick": ["a_kick_0.avi 1", "a_kick_1.avi 2"]})
    with pytest.raises(DataError, match=r"1 sources have videos in both .*: kick/a"):
        hmdb51(root, split=1, subset="test")
    (lists / "kick_test_split1.txt").unlink()
    with pytest.raises(DataError, match="has lists of 50 classes for split 1 instead of 51"):
        hmdb51(root, split=1, subset="train")
    with pytest.raises(DataError, match=re.escape("has no *_test_split2.txt")):
        hmdb51(root, split=2, subset="train")


@pytest.mark.skipif(not ANNOTATIONS.exists(), reason="needs the official lists of ../shared/annotations")
def test_official_hmdb51_lists(tmp_path: Path) -> None:
    """51 classes in alphabetical order, 3,570 and 1,530 videos a split, test sets that overlap as they should."""
    (tmp_path / "testTrainMulti_7030_splits").symlink_to((ANNOTATIONS / "hmdb51").resolve())
    tested = []
    for split in (1, 2, 3):
        train, test = (hmdb51(tmp_path, split=split, subset=subset) for subset in ("train", "test"))
        assert {"train": len(train.videos), "test": len(test.videos)} == OFFICIAL_COUNTS
        assert {train.classes.index("kick"), train.classes.index("throw")} == {20, 47}  # as in P2's own lists
        assert list(train.classes) == (ANNOTATIONS / "hmdb51_label_map.txt").read_text().split()
        assert all(video.source for video in test.videos)
        tested.append({video.id for video in test.videos})
    assert [len(tested[a] & tested[b]) for a, b in ((0, 1), (0, 2), (1, 2))] == [104, 126, 155]
    assert len(tested[0] | tested[1] | tested[2]) == 4243
