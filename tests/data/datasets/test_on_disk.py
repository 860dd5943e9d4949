"""Listed videos are found under the spellings they have on disk, and those that are not there are counted."""

from pathlib import Path

import pytest
from trees import touch

from videobench.data.datasets.on_disk import Folder, folder_with, is_video_name, missing_files, require_files
from videobench.data.video_set import Video, VideoSet
from videobench.errors import DataError


@pytest.mark.parametrize(
    ("on_disk", "listed"),
    [
        ("A/v.avi", "A/v.avi"),
        ("HandstandPushups/v_HandStandPushups_g01.avi", "HandStandPushups/v_HandStandPushups_g01.avi"),
        ("a/V.AVI", "A/v.avi"),
        ("A/v.mp4", "A/v.avi"),
        ("A/v/img_00001.jpg", "A/v.avi"),
        ("A/v.2.webm", "A/v.2.avi"),
        ("(x)_[y]_&;!/#1.avi", "(x)_[y]_&;!/#1.avi"),
        ("v.avi", "./v.avi"),
    ],
)
def test_names_are_found_as_they_are_spelled_on_disk(tmp_path: Path, on_disk: str, listed: str) -> None:
    """Case, suffix and folders of frames may differ from the list; odd characters mean themselves."""
    touch(tmp_path, on_disk)
    found = Folder(tmp_path).find(listed)
    assert found is not None
    assert found.exists()


def test_the_exact_name_goes_before_its_like(tmp_path: Path) -> None:
    """Two files that differ in case or suffix alone are two videos."""
    touch(tmp_path, "a/v.avi", "a/V.avi", "a/v.mp4", "a/v/img_00001.jpg")
    folder = Folder(tmp_path)
    for name in ("v.avi", "V.avi", "v.mp4"):
        assert folder.path(f"a/{name}") == tmp_path / "a" / name


def test_what_is_not_there_has_the_path_it_should_have(tmp_path: Path) -> None:
    """A name that merely begins alike, a hidden file and a missing folder are not found."""
    touch(tmp_path, "a/v.part.avi", "a/._v.avi")
    folder = Folder(tmp_path)
    for listed in ("a/v.avi", "b/v.avi"):
        assert folder.find(listed) is None
        assert folder.path(listed) == tmp_path / listed


def test_absolute_paths_are_taken_as_they_are(tmp_path: Path) -> None:
    """PySlowFast's lists often hold them."""
    touch(tmp_path / "elsewhere", "v.mp4")
    assert Folder(tmp_path / "root").path(f"{tmp_path}/elsewhere/v.mp4") == tmp_path / "elsewhere" / "v.mp4"


def test_video_names() -> None:
    """Suffixes in any case; hidden files, which archives from Macs are full of, are no videos."""
    assert is_video_name("a.MP4")
    assert not any(is_video_name(name) for name in ("._a.mp4", "a.txt", "a", "a.mp4.part"))


def test_missing_files_are_counted_and_some_named(tmp_path: Path) -> None:
    """One error for all that is missing."""
    touch(tmp_path, "a/0.mp4")
    videos = tuple(Video(f"a/{i}.mp4", tmp_path / f"a/{i}.mp4", (0,)) for i in range(8))
    listed = VideoSet("set", ("a",), videos)
    assert [video.id for video in missing_files(listed)] == [f"a/{i}.mp4" for i in range(1, 8)]
    with pytest.raises(DataError, match=r"7 of 8 listed videos are missing: a/1.mp4, .*a/5.mp4 and 2 more") as caught:
        require_files(listed)
    assert str(tmp_path / "a") in str(caught.value)
    assert "videobench data check" in str(caught.value)


def test_a_folder_of_lists_is_looked_for(tmp_path: Path) -> None:
    """The first folder that has the file is taken; none is an error that says where it was looked for."""
    touch(tmp_path, "b/list.txt")
    assert folder_with("list.txt", tmp_path, ("a", "b", ".")) == tmp_path / "b"
    with pytest.raises(DataError, match=r"has no other.txt\n.*in a, b"):
        folder_with("other.txt", tmp_path, ("a", "b"))
