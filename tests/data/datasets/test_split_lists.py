"""UCF101-style lists are read as they are, and every way in which they and the files can disagree is named."""

from pathlib import Path

import pytest
from trees import touch

from videobench.data.datasets.on_disk import missing_files
from videobench.data.datasets.split_lists import split_lists
from videobench.data.video_set import VideoSet
from videobench.errors import DataError

SHARED = Path(__file__).parents[3] / ".." / "shared"

CLASSES = ["HammerThrow", "Hammering", "HandstandPushups"]  # official order is what the file says
TRAIN = ["Hammering/v_Hammering_g01_c01.avi 2", "HammerThrow/v_HammerThrow_g02_c01.avi 1"]
TEST = ["HandstandPushups/v_HandStandPushups_g01_c01.avi", "Hammering/v_Hammering_g02_c01.avi"]


def write_lists(folder: Path, train: list[str], test: list[str], classes: list[str] | None = None) -> Path:
    folder.mkdir(exist_ok=True)
    numbered = [f"{number} {name}" for number, name in enumerate(classes or CLASSES, start=1)]
    (folder / "classInd.txt").write_text("\r\n".join(numbered) + "\r\n")
    (folder / "trainlist01.txt").write_text("\r\n".join(train) + "\r\n")
    (folder / "testlist01.txt").write_text("\n".join(test) + "\n\n")
    return folder


def read(tmp_path: Path, subset: str, **changed) -> VideoSet:
    how = {"name": "ucf", "lists": tmp_path / "lists", "split": 1, **changed}
    return split_lists(tmp_path / "videos", subset=subset, **how)


@pytest.fixture
def layout(tmp_path: Path) -> Path:
    write_lists(tmp_path / "lists", TRAIN, TEST)
    listed = [line.split()[0] for line in TRAIN + TEST]
    touch(tmp_path / "videos", *listed, "Hammering/not_listed.avi", "notes.txt")
    return tmp_path


def test_classes_and_labels_are_the_official_ones(layout: Path) -> None:
    """The order of classInd.txt, whatever the alphabet says; test lines need no label."""
    train, test = read(layout, "train"), read(layout, "test")
    assert train.classes == test.classes == tuple(CLASSES)
    assert [(video.id, video.labels) for video in train.videos] == [
        ("Hammering/v_Hammering_g01_c01.avi", (1,)),
        ("HammerThrow/v_HammerThrow_g02_c01.avi", (0,)),
    ]
    assert [video.labels for video in test.videos] == [(2,), (1,)]


def test_groups_are_sources_within_their_class(layout: Path) -> None:
    """g01 of one class and g01 of another are different people."""
    assert [video.source for video in read(layout, "train").videos] == ["Hammering_g01", "HammerThrow_g02"]


@pytest.mark.parametrize("folder", ["HandStandPushups", "HandstandPushups", "handstandpushups"])
def test_names_are_found_whatever_their_case(tmp_path: Path, folder: str) -> None:
    """UCF101's odd folder is found as it is spelled on disk; the id stays as listed."""
    write_lists(tmp_path / "lists", TRAIN, TEST[:1])
    touch(tmp_path / "videos", f"{folder}/v_HandStandPushups_g01_c01.avi")
    (video,) = read(tmp_path, "test").videos
    assert video.id == "HandstandPushups/v_HandStandPushups_g01_c01.avi"
    assert video.path.parent.name == folder
    assert video.path.is_file()


def test_missing_files_are_listed(layout: Path) -> None:
    """They belong to the set, with the path they should have: what to do about them is for others to say."""
    write_lists(layout / "lists", [*TRAIN, "Hammering/v_Hammering_g03_c09.avi 2"], TEST)
    train = read(layout, "train")
    assert [video.id for video in missing_files(train)] == ["Hammering/v_Hammering_g03_c09.avi"]
    assert train.videos[-1].path == layout / "videos" / "Hammering" / "v_Hammering_g03_c09.avi"


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        (["Hamering/v_a.avi 2"], TEST, r"trainlist01.txt: line 1: class 'Hamering' .*\n.*'Hammering'"),
        (["Zzz/v_a.avi 2"], TEST, "class 'Zzz' is not in classInd.txt"),
        ([*TRAIN, "Hammering/v_b.avi 1"], TEST, "line 3: class 'Hammering' has number 1 here and 2"),
        (TRAIN, [*TEST, "Hammering/v_Hammering_g01_c01.avi"], "1 videos are in both"),
        (TRAIN, [*TEST, "Hammering/v_Hammering_g01_c02.avi"], r"1 sources have videos in both .*Hammering_g01"),
        ([*TRAIN, TRAIN[0]], TEST, "occurs twice"),
    ],
)
def test_wrong_lists_are_errors(layout: Path, train: list[str], test: list[str], message: str) -> None:
    """Unknown classes with the nearest name, contradicting numbers, leaks between the subsets."""
    write_lists(layout / "lists", train, test)
    touch(layout / "videos", *(line.split()[0] for line in train + test))
    with pytest.raises(DataError, match=message):
        read(layout, "train")


def test_missing_or_odd_files(layout: Path) -> None:
    """No such split, a class list that doesn't count from 1."""
    with pytest.raises(DataError, match=r"trainlist04\.txt: no such list"):
        read(layout, "train", split=4)
    (layout / "lists" / "classInd.txt").write_text("0 HammerThrow\n1 Hammering\n")
    with pytest.raises(DataError, match=r"line 1: '0 HammerThrow' should be number 1"):
        read(layout, "train")


def test_sources_from_a_file(layout: Path) -> None:
    """A groups CSV names the sources, and a leak through it is found."""
    groups = layout / "groups.csv"
    rows = [f"{line.split()[0]},x,tape{place}" for place, line in enumerate(TRAIN + TEST)]
    groups.write_text("path,class,source\n" + "\n".join(rows) + "\n")
    assert [video.source for video in read(layout, "train", groups=groups).videos] == ["tape0", "tape1"]
    groups.write_text(groups.read_text().replace("tape2", "tape0"))
    with pytest.raises(DataError, match=r"1 sources have videos in both .* tape0"):
        read(layout, "train", groups=groups)


@pytest.mark.skipif(not (SHARED / "videos").exists(), reason="needs the real videos of ../shared/videos")
def test_real_lists_of_surveillance_fights() -> None:
    """210 training and 90 test videos, no YouTube source in both."""
    root = SHARED / "videos" / "surveillance_fights"
    how = {"name": "fights", "lists": root / "splits", "split": 1, "groups": root / "splits" / "groups.csv"}
    sets = [split_lists(root, subset=subset, **how) for subset in ("train", "test")]
    assert [len(videos.videos) for videos in sets] == [210, 90]
    assert all(video.source for videos in sets for video in videos.videos)
