"""Lists of paths and labels in every form that goes round, and the classes they imply."""

from pathlib import Path

import pytest
from trees import touch, write_lines

from videobench.data.datasets.manifest import manifest
from videobench.data.datasets.on_disk import missing_files
from videobench.data.video_set import VideoSet
from videobench.errors import DataError

CSV = ["path,label,subset,source", "a/1.mp4,walk,train,tape 1", "b/2.mp4,run,test,tape 2", '"a/3, new.mp4",run,train,']


def read(root: Path, subset: str = "train", *, class_names: Path | None = None, **lists: str) -> VideoSet:
    paths = {name: root / path for name, path in (lists or {"train": "all.csv", "test": "all.csv"}).items()}
    return manifest(root, name="mine", lists=paths, subset=subset, class_names=class_names)


def rows_of(videos: VideoSet) -> list[tuple[str, tuple[int, ...], str | None]]:
    return [(video.id, video.labels, video.source) for video in videos.videos]


def test_a_csv_with_a_column_of_subsets(tmp_path: Path) -> None:
    """Each subset has its rows; classes are those of all, in alphabetical order."""
    write_lines(tmp_path / "all.csv", CSV)
    touch(tmp_path, "a/1.mp4", "a/3, new.mp4")
    train, test = read(tmp_path), read(tmp_path, "test")
    assert train.classes == test.classes == ("run", "walk")
    assert rows_of(train) == [("a/1.mp4", (1,), "tape 1"), ("a/3, new.mp4", (0,), None)]
    assert rows_of(test) == [("b/2.mp4", (0,), "tape 2")]
    assert not missing_files(train)
    assert len(missing_files(test)) == 1


@pytest.mark.parametrize(
    ("line", "path"),
    [
        ("a/v.mp4 2", "a/v.mp4"),
        ("a/v.mp4,2", "a/v.mp4"),
        ("a b/c d.mp4 2", "a b/c d.mp4"),
        ("a b/c, d.mp4,2", "a b/c, d.mp4"),
        ("kick_(EVER!)_-_Part_1 55 2", "kick_(EVER!)_-_Part_1"),
        ("a/v 120 2", "a/v"),
        ("a/v 12.mp4 2", "a/v 12.mp4"),
    ],
)
def test_lines_without_a_header(tmp_path: Path, line: str, path: str) -> None:
    """PySlowFast's and mmaction2's lines, of videos and of folders of frames, whose number is left out."""
    write_lines(tmp_path / "train.txt", [line])
    videos = read(tmp_path, train="train.txt")
    assert rows_of(videos) == [(path, (2,), None)]
    assert videos.classes == ("0", "1", "2")


def test_class_names_from_a_file(tmp_path: Path) -> None:
    """Names stand for numbers and may be used for them; a subset of the classes keeps its numbers."""
    write_lines(tmp_path / "train.txt", ["a.mp4 2", "b.mp4 0"])
    names = write_lines(tmp_path / "names.txt", ["1 walk", "2 run", "3 jump rope"])
    assert read(tmp_path, train="train.txt", class_names=names).classes == ("walk", "run", "jump rope")
    write_lines(tmp_path / "all.csv", ["path,label", "a.mp4,jump rope", "b.mp4,0"])
    assert [video.labels for video in read(tmp_path, train="all.csv", class_names=names).videos] == [(2,), (0,)]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["a.mp4 walk"], r"line 1: 'a.mp4 walk' has no path or no number of a class"),
        (["path,class", "a.mp4,1"], "has no column label"),
        (["path,label", "a.mp4,"], r"line 2: 'a.mp4,' has no path or no label"),
        ([], r"is empty"),
        (["path,label,subset", "a.mp4,walk,test"], "lists no videos of the subset train"),
        (["a.mp4 0", "a.mp4 0"], "'a.mp4' occurs twice"),
    ],
)
def test_wrong_lists_are_errors(tmp_path: Path, lines: list[str], message: str) -> None:
    """What can't be read is named with its line."""
    write_lines(tmp_path / "train.txt", lines)
    with pytest.raises(DataError, match=message):
        read(tmp_path, train="train.txt")


def test_unknown_classes_and_files(tmp_path: Path) -> None:
    """A class that isn't in the file of names, and a list that isn't there."""
    names = write_lines(tmp_path / "names.txt", ["walk", "run"])
    write_lines(tmp_path / "train.csv", ["path,label", "a.mp4,runn"])
    with pytest.raises(DataError, match=r"there is no class 'runn'\n.*'run'"):
        read(tmp_path, train="train.csv", class_names=names)
    with pytest.raises(DataError, match="no such list"):
        read(tmp_path, train="other.csv")


def test_leaks_are_errors(tmp_path: Path) -> None:
    """The same path or source in train and test."""
    write_lines(tmp_path / "all.csv", [*CSV, "c/4.mp4,run,test,tape 1"])
    with pytest.raises(DataError, match=r"mine: 1 sources have videos in both .*: tape 1"):
        read(tmp_path)
    write_lines(tmp_path / "train.txt", ["a.mp4 0"])
    with pytest.raises(DataError, match=r"mine: 1 videos are in both .*: a.mp4"):
        read(tmp_path, train="train.txt", test="train.txt")
