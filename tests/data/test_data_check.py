"""What is wrong with videos is found, and told apart: nothing of it, a part of it, too little of it, twice of it."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from jpeg_folders import write_frames
from painted_videos import painted_set, write_painted

from videobench.data.check import Finding, broken, damaged, shared, short
from videobench.data.failures import UnusableVideosError
from videobench.data.index import index_videos
from videobench.data.video_set import Video, VideoSet


def indexed(root: Path, **paths: Path) -> VideoSet:
    """Return an indexed set of these files; the ids are their names here."""
    videos = tuple(Video(name, path, (0,)) for name, path in paths.items())
    return index_videos(VideoSet("set", ("a",), videos), cache=root / "index")


def cut(path: Path, to: Path, share: float) -> Path:
    """Copy the first part of a file whose header comes first."""
    content = path.read_bytes()
    to.write_bytes(content[: int(share * len(content))])
    return to


def told(findings) -> list[tuple[str, tuple[str, ...]]]:
    return [(finding.kind, finding.videos) for finding in findings]


def test_broken_files_are_told_apart(tmp_path: Path) -> None:
    """No video, a header without frames, and one that breaks off in the middle, with the frame."""
    whole = write_painted(tmp_path / "w.mp4", 40, gop=8, container_options={"movflags": "faststart"})
    (tmp_path / "text.mp4").write_text("no video")
    files = {"text": tmp_path / "text.mp4", "half": cut(whole, tmp_path / "half.mp4", 0.7), "whole": whole}
    with pytest.raises(UnusableVideosError) as caught:
        indexed(tmp_path, **files)
    findings = list(broken(caught.value.failures))
    assert told(findings) == [("unreadable", ("text",)), ("truncated", ("half",))]
    assert str(files["half"]) in findings[1].what
    assert "frame " in findings[1].what
    assert all(finding.is_problem for finding in findings)


def test_short_videos_are_no_problem(tmp_path: Path) -> None:
    """They are looped or held; it is worth knowing how many there are."""
    videos = index_videos(painted_set(tmp_path, (20, 9, 33, 12)), cache=tmp_path / "index")
    findings = list(short(videos, span=13))
    assert told(findings) == [("short", ("v1",)), ("short", ("v3",))]
    assert "9 frames, the clip spans 13" in findings[0].what
    assert not any(finding.is_problem for finding in findings)


@pytest.mark.parametrize("num_workers", [1, 2])
def test_every_frame_can_be_asked_for(tmp_path: Path, num_workers: int) -> None:
    """A picture that is no picture, and a file that was damaged after it was indexed, are found by decoding all."""
    folder = write_frames(tmp_path / "folder", [1, 2, 3])
    (folder / "img_00002.jpg").write_bytes(b"\xff\xd8 no picture")
    later = write_painted(tmp_path / "later.mp4", 40, gop=8, container_options={"movflags": "faststart"})
    videos = indexed(tmp_path, folder=folder, later=later, fine=write_painted(tmp_path / "fine.mp4", 9))
    cut(later, later, 0.7)
    seen: list[tuple[int, int]] = []
    findings = list(damaged(videos.videos, num_workers=num_workers, progress=lambda *at: seen.append(at)))
    assert told(findings) == [("truncated", ("folder",)), ("truncated", ("later",))]
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_what_two_subsets_share(tmp_path: Path) -> None:
    """The same id, the same source and the same bytes under another name; not what merely has the same size."""
    one = write_painted(tmp_path / "one.mp4", 9)
    copy = shutil.copy(one, tmp_path / "copy.mp4")
    other = tmp_path / "other.mp4"
    other.write_bytes(one.read_bytes()[:-1] + b"x")  # as long, and its last byte is not looked at
    train = indexed(tmp_path, a=one, same=write_painted(tmp_path / "same.mp4", 5))
    test = indexed(tmp_path, b=copy, same=tmp_path / "same.mp4", c=other)
    findings = list(shared(train, test))
    assert told(findings) == [("same video", ("same",)), ("same content", ("a", "b"))]
    assert str(one) in findings[1].what
    assert str(copy) in findings[1].what
    from_tape = [replace(each, videos=(replace(each.videos[0], source="tape"),)) for each in (train, test)]
    assert Finding("same source", "tape: a and b", ("a", "b")) in list(shared(*from_tape))


def test_folders_of_frames_are_compared_by_their_pictures(tmp_path: Path) -> None:
    """Two folders with the same pictures are the same video."""
    one, two, three = (write_frames(tmp_path / name, values) for name, values in
                       (("one", [1, 2]), ("two", [1, 2]), ("three", [3, 4])))  # fmt: skip
    assert told(shared(indexed(tmp_path, a=one), indexed(tmp_path, b=two, c=three))) == [("same content", ("a", "b"))]
