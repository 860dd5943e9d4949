"""Folders of classes become the same set everywhere: classes by name, folds by hash, no source in two folds."""

from collections import Counter
from pathlib import Path

import pytest
from trees import touch

from videobench.data.datasets.class_folders import class_folders
from videobench.data.video_set import VideoSet
from videobench.errors import DataError


def ids(videos: VideoSet) -> set[str]:
    return {video.id for video in videos.videos}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    touch(tmp_path, *(f"{name}/v{i:02d}.mp4" for name in ("walk", "Run", "jump") for i in range(10)))
    return tmp_path


def test_classes_are_the_sorted_folder_names(root: Path) -> None:
    """Upper case sorts before lower case, as `ls` in the C locale and torchvision have it."""
    videos = class_folders(root, name="set", subset="train", folds=5, fold=1)
    assert videos.classes == ("Run", "jump", "walk")
    labels = {video.id.split("/")[0]: video.labels for video in videos.videos}
    assert labels == {"Run": (0,), "jump": (1,), "walk": (2,)}


def test_folds_part_the_set_evenly(root: Path) -> None:
    """Every video is tested in exactly one fold and trained on in the others; classes are spread evenly."""
    every = {f"{name}/v{i:02d}.mp4" for name in ("walk", "Run", "jump") for i in range(10)}
    tested: Counter[str] = Counter()
    for fold in range(1, 5):
        test = class_folders(root, name="set", subset="test", folds=4, fold=fold)
        train = class_folders(root, name="set", subset="train", folds=4, fold=fold)
        assert ids(test) | ids(train) == every
        assert not ids(test) & ids(train)
        assert {len([v for v in test.videos if v.labels == (label,)]) for label in range(3)} <= {2, 3}
        tested.update(ids(test))
    assert set(tested.values()) == {1}


def test_folds_are_frozen(root: Path) -> None:
    """The same names give the same folds on every machine (a change here moves videos between folds)."""
    videos = class_folders(root, name="set", subset="test", folds=5, fold=2)
    assert sorted(ids(videos)) == FROZEN


FROZEN = [
    "Run/v03.mp4",
    "Run/v09.mp4",
    "jump/v02.mp4",
    "jump/v09.mp4",
    "walk/v05.mp4",
    "walk/v06.mp4",
]


def test_no_source_crosses_folds(root: Path) -> None:
    """Videos of one source share a fold, over classes too, and carry its name."""
    groups = root / "groups.csv"
    source = {f"{name}/v{i:02d}.mp4": f"tape{i // 3}" for name in ("walk", "Run") for i in range(10)}
    lines = ["path,class,source", *(f"{path},{path.split('/')[0]},{tape}" for path, tape in source.items())]
    groups.write_text("\n".join(lines) + "\n")
    folds_of: dict[str, set[int]] = {}
    for fold in range(1, 4):
        videos = class_folders(root, name="set", subset="test", folds=3, fold=fold, groups=groups)
        for video in videos.videos:
            assert video.source == source.get(video.id)
            if video.source:
                folds_of.setdefault(video.source, set()).add(fold)
    assert set(folds_of) == {"tape0", "tape1", "tape2", "tape3"}
    assert all(len(folds) == 1 for folds in folds_of.values())


def test_groups_need_their_columns(root: Path) -> None:
    """A CSV of another form is an error that says what is expected."""
    (root / "groups.csv").write_text("video,tape\na,b\n")
    with pytest.raises(DataError, match="no column path and source"):
        class_folders(root, name="set", subset="test", folds=3, fold=1, groups=root / "groups.csv")


def test_what_counts_as_a_video(tmp_path: Path) -> None:
    """Suffixes in any case; hidden files, other files and folders without videos are left out."""
    touch(tmp_path, "a/1.MP4", "a/2.Avi", "a/3.webm", "a/.4.mp4", "a/notes.txt", "a/5", "b/1.mkv", "b/2.ogv")
    touch(tmp_path, ".hidden/1.mp4", "splits/list.txt", "readme.mp4")
    videos = [class_folders(tmp_path, name="set", subset="test", folds=2, fold=fold) for fold in (1, 2)]
    assert ids(videos[0]) | ids(videos[1]) == {"a/1.MP4", "a/2.Avi", "a/3.webm", "b/1.mkv", "b/2.ogv"}
    assert videos[0].classes == ("a", "b")


@pytest.mark.parametrize("validation", ["val", "validation"])
def test_subset_folders(tmp_path: Path, validation: str) -> None:
    """Each subset is its folder; classes are those of all subsets, so numbers agree between them."""
    touch(tmp_path, "train/a/1.mp4", "train/b/2.mp4", "train/c/3.mp4", f"{validation}/c/4.mp4", "test/b/5.mp4")
    sets = {subset: class_folders(tmp_path, name="set", subset=subset) for subset in ("train", "val", "test")}
    assert {videos.classes for videos in sets.values()} == {("a", "b", "c")}
    assert ids(sets["train"]) == {"train/a/1.mp4", "train/b/2.mp4", "train/c/3.mp4"}
    assert [(video.id, video.labels) for video in sets["val"].videos] == [(f"{validation}/c/4.mp4", (2,))]
    assert [(video.id, video.labels) for video in sets["test"].videos] == [("test/b/5.mp4", (1,))]


def test_wrong_folders_are_errors(root: Path, tmp_path: Path) -> None:
    """Each says what was looked for, what is there and what is legal."""
    with pytest.raises(DataError, match="no such folder"):
        class_folders(tmp_path / "nowhere", name="set", subset="train")
    with pytest.raises(DataError, match=r"no folder for subset 'train' \(found: none\)"):
        class_folders(root, name="set", subset="train")
    with pytest.raises(DataError, match="has 3 classes"):
        class_folders(root, name="set", subset="train", folds=2, fold=1, num_classes=4)
    for folds, fold in ((5, 0), (5, 6), (1, 1), (5, None)):
        with pytest.raises(DataError, match="fold counts from 1"):
            class_folders(root, name="set", subset="train", folds=folds, fold=fold)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no class folder with videos"):
        class_folders(tmp_path / "empty", name="set", subset="train", folds=2, fold=1)
    touch(tmp_path, "thin/a/1.mp4")
    with pytest.raises(DataError, match="subset 'test' holds no videos"):
        class_folders(tmp_path / "thin", name="set", subset="test", folds=2, fold=2)
