"""Copies have the names, frames and times of their videos, at another size, and are made once."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from painted_videos import HEIGHT, WIDTH, numbers, painted_set, write_painted

from videobench.data import prepare
from videobench.data.decode import decode_frames, probe
from videobench.data.failures import Failure
from videobench.data.index import index_videos
from videobench.data.prepare import (
    MANIFEST,
    SETTINGS,
    Copy,
    Encoding,
    claim,
    copy_lists,
    copy_videos,
    described_copies,
    read_manifest,
)
from videobench.data.video_set import Video, VideoInfo
from videobench.errors import ConfigError, DataError

SAME_SIZE = Encoding((HEIGHT, WIDTH), "fast_bilinear", gop=12, crf=10)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "originals"
    folder.mkdir()
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "copies"


def indexed(root: Path, *lengths: int) -> list[Video]:
    return list(index_videos(painted_set(root, lengths), cache=root.parent / "index").videos)


def copied(
    videos: list[Video], root: Path, folder: Path, failures: list[Failure] | None = None, **how
) -> tuple[list[Copy], list[Failure]]:
    encoding = how.pop("encoding", SAME_SIZE)
    claim(folder, root=root, encoding=encoding)
    return copy_videos(videos, failures or [], root=root, folder=folder, encoding=encoding, **how)


def spied(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the files that are encoded from now on, in this process."""
    encoded: list[str] = []
    whole = prepare._encode

    def spy(job, source):
        encoded.append(job.file)
        return whole(job, source)

    monkeypatch.setattr(prepare, "_encode", spy)
    return encoded


@pytest.mark.parametrize("num_workers", [0, 2])
def test_frame_i_is_frame_i(root: Path, folder: Path, num_workers: int) -> None:
    """Every copy shows the same frames in the same order, from any number of processes."""
    copies, failures = copied(indexed(root, 30, 9), root, folder, num_workers=num_workers)
    assert failures == []
    assert sorted((copy.file, copy.num_frames) for copy in copies) == [("v0.mp4", 30), ("v1.mp4", 9)]
    for place, length in enumerate((30, 9)):
        clip = decode_frames(folder / f"v{place}.mp4", range(length), num_frames=length)
        assert numbers(clip) == list(range(100 * place, 100 * place + length))


def test_names_and_times(root: Path, folder: Path) -> None:
    """The file keeps its folder and name, whatever its suffix says, and frames are shown at their times."""
    (root / "class").mkdir()
    times = [3 * i + i % 3 for i in range(12)]
    write_painted(root / "class" / "old.avi", 12, codec="mpeg4")
    write_painted(root / "class" / "varying.mp4", 12, times=times)
    videos = [Video(path.name, path, (0,), info=probe(path)) for path in sorted((root / "class").iterdir())]
    copied(videos, root, folder)
    for video in videos:
        assert video.info is not None
        copy = probe(folder / "class" / video.id)
        assert (copy.num_frames, copy.fps) == (12, pytest.approx(video.info.fps, rel=1e-3))
        assert copy.times == (None if video.info.times is None else pytest.approx(video.info.times, abs=1e-3))
        assert (folder / "class" / video.id).read_bytes()[4:8] == b"ftyp"


@pytest.mark.parametrize(
    ("size", "original", "expected"),
    [
        ((128, 171), (360, 640), (128, 171)),
        (128, (360, 640), (128, 228)),
        (128, (640, 360), (228, 128)),
        (128, (240, 321), (128, 172)),
        (128, (100, 301), (100, 301)),
        (101, (240, 240), (101, 100)),
    ],
)
def test_sizes(size: tuple[int, int] | int, original: tuple[int, int], expected: tuple[int, int]) -> None:
    """An exact size is that of all copies; a shorter side is never made longer, and the other becomes even."""
    info = VideoInfo(num_frames=1, height=original[0], width=original[1], fps=25.0, size_bytes=1)
    assert Encoding(size, "bilinear", gop=12, crf=18).frame_size(info) == expected


def test_copies_show_what_training_sees(root: Path, folder: Path) -> None:
    """Pixels are those of the original resized by the same filter, up to compression."""
    (video,) = indexed(root, 12)
    size = (30, 41)
    copied([video], root, folder, encoding=Encoding(size, "area", gop=12, crf=10))
    clips = [decode_frames(path, range(12), size=size, filter="area") for path in (video.path, folder / "v0.mp4")]
    assert np.abs(clips[0].astype(int) - clips[1]).mean() < 4


def test_what_is_done_is_not_done_again(root: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a video that changed, a copy that is gone or cut, and one whose line was torn are made anew."""
    videos = indexed(root, 5, 6, 7, 8, 9)
    first, _ = copied(videos, root, folder)
    lines = (folder / MANIFEST).read_text().splitlines()
    (folder / MANIFEST).write_text("\n".join(lines)[:-30])
    (folder / "v0.mp4").unlink()
    (folder / "v1.mp4").write_bytes(b"cut")
    os.utime(root / "v2.mp4", ns=(1, 1))
    encoded = spied(monkeypatch)
    again, _ = copied(videos, root, folder)
    assert sorted(encoded) == ["v0.mp4", "v1.mp4", "v2.mp4", "v4.mp4"]
    assert {copy.file: copy.num_frames for copy in again} == {copy.file: copy.num_frames for copy in first}
    assert len(read_manifest(folder)) == 5
    encoded.clear()
    copied(videos, root, folder)
    assert encoded == []


def test_stopping_keeps_what_is_done(root: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stop between two videos leaves the finished ones, and the next call does the rest."""
    videos = indexed(root, 5, 6, 7)

    def stop(done: int, total: int) -> None:
        assert total == 3
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copied(videos, root, folder, progress=stop)
    encoded = spied(monkeypatch)
    copied(videos, root, folder)
    assert encoded == ["v2.mp4"]


def test_one_process_copies_at_a_time(root: Path, folder: Path) -> None:
    """Another is told, while the first one is at it."""
    videos = indexed(root, 5, 6)

    def meanwhile(_done: int, _total: int) -> None:
        with pytest.raises(ConfigError, match="another process is copying into this folder"):
            copied(videos, root, folder)

    copied(videos, root, folder, progress=meanwhile)
    assert copied(videos, root, folder)[1] == []


def test_what_a_killed_process_left_goes(root: Path, folder: Path) -> None:
    """Files that were being written are removed when their videos are copied."""
    videos = indexed(root, 5)
    folder.mkdir()
    claim(folder, root=root, encoding=SAME_SIZE)
    (folder / ".v0.mp4.0123456789.tmp").write_bytes(b"half")
    copied(videos, root, folder)
    assert sorted(path.name for path in folder.iterdir()) == [SETTINGS, MANIFEST, "v0.mp4"]


def test_broken_videos(root: Path, folder: Path) -> None:
    """They are returned, known ones and those found out now; or else they are in the copy as they are."""
    good, late, known = indexed(root, 5, 6, 7)
    for video in (late, known):
        video.path.write_bytes(b"no video")
    failure = Failure(known, "frame 3 can't be decoded")
    copies, failures = copied([good, late], root, folder, [failure])
    assert [copy.file for copy in copies] == ["v0.mp4"]
    assert [(failed.video.id, failed.what[:30]) for failed in failures] == [
        ("v1", "can't be opened as a video (In"),
        ("v2", "frame 3 can't be decoded"),
    ]
    assert not (folder / "v1.mp4").exists()
    copies, failures = copied([good, late], root, folder, [failure], keep_broken=True)
    assert failures == []
    assert {copy.file: bool(copy.error) for copy in copies} == {"v0.mp4": False, "v1.mp4": True, "v2.mp4": True}
    assert (folder / "v2.mp4").read_bytes() == b"no video"


def test_a_copy_that_lacks_a_frame_is_none(root: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every copy is counted before it counts."""
    (video,) = indexed(root, 5)
    assert video.info is not None
    one_less = replace(video.info, num_frames=4)
    monkeypatch.setattr(prepare, "probe", lambda _: one_less)
    _, (failure,) = copied([video], root, folder)
    assert failure.what == "4 of its 5 frames came out of the copy"
    assert not (folder / "v0.mp4").exists()


def test_lists_are_copied(root: Path, folder: Path) -> None:
    """What looks like a list, wherever it lies, and what is named; nothing else, and nothing from outside."""
    (root / "splits").mkdir()
    for name in ("splits/groups.csv", "classInd.txt", "train.lst", "notes.pdf", "v.mp4", "../outside.lst"):
        (root / name).write_text(name)
    copy_lists(root, folder, ["train.lst", "../outside.lst", "splits", "absent.lst", str(root.parent / "outside.lst")])
    found = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    assert found == ["classInd.txt", "splits/groups.csv", "train.lst"]
    assert (folder / "splits" / "groups.csv").read_text() == "splits/groups.csv"


def test_copies_are_known_as_such(root: Path, folder: Path) -> None:
    """A folder of copies says what they lost; others say nothing."""
    assert described_copies(root) is None
    claim(folder, root=root, encoding=SAME_SIZE)
    assert described_copies(folder) == "copies made by data prepare (48x64, crf 10)"
    claim(folder.with_name("short"), root=root, encoding=replace(SAME_SIZE, size=48))
    assert described_copies(folder.with_name("short")) == "copies made by data prepare (shorter side 48, crf 10)"


def test_a_folder_is_for_one_kind_of_copies(root: Path, folder: Path) -> None:
    """Another size, other originals, other files: each is refused and told."""
    claim(folder, root=root, encoding=SAME_SIZE)
    claim(folder, root=root, encoding=SAME_SIZE)
    with pytest.raises(ConfigError, match=r"holds other copies: crf 10, not 20"):
        claim(folder, root=root, encoding=replace(SAME_SIZE, crf=20))
    with pytest.raises(ConfigError, match=r"holds other copies: size \[48, 64\], not 48"):
        claim(folder, root=root, encoding=replace(SAME_SIZE, size=48))
    shutil.copytree(root, root.parent / "elsewhere")
    with pytest.raises(ConfigError, match=r"holds other copies: root .*originals, not .*elsewhere"):
        claim(folder, root=root.parent / "elsewhere", encoding=SAME_SIZE)
    (root.parent / "full").mkdir()
    (root.parent / "full" / "thesis.tex").touch()
    with pytest.raises(ConfigError, match=f"holds other files and no {SETTINGS}"):
        claim(root.parent / "full", root=root, encoding=SAME_SIZE)


@pytest.mark.parametrize("place", [".", "inside", ".."])
def test_originals_are_never_written_to(root: Path, place: str) -> None:
    """A copy into, over or around the originals is refused."""
    with pytest.raises(ConfigError, match="lies within the originals, or they in it"):
        claim(root / place, root=root, encoding=SAME_SIZE)
    assert not list(root.iterdir())


def test_videos_outside_the_root_have_no_place(root: Path, folder: Path) -> None:
    """Where a list leads out of the data set's folder the copy couldn't be read by the same list."""
    (video,) = indexed(root, 5)
    outside = replace(video, path=video.path.rename(root.parent / "v0.mp4"))
    with pytest.raises(DataError, match=r"v0\.mp4: lies outside the data set's folder"):
        copied([outside], root, folder)


def test_the_manifest_says_what_was_done(root: Path, folder: Path) -> None:
    """Settings once, and of every file its original, its size and what made it."""
    (video,) = indexed(root, 5)
    copied([video], root, folder)
    assert json.loads((folder / SETTINGS).read_text()) == {
        "schema": 1, "root": str(root.resolve()), "size": [HEIGHT, WIDTH], "filter": "fast_bilinear",
        "gop": 12, "crf": 10,
    }  # fmt: skip
    (copy,) = read_manifest(folder).values()
    status = video.path.stat()
    assert copy.source == (status.st_size, status.st_mtime_ns)
    assert (copy.size_bytes, copy.num_frames) == ((folder / "v0.mp4").stat().st_size, 5)
    assert (copy.height, copy.width, copy.error) == (HEIGHT, WIDTH, None)
    assert copy.made_by.startswith("PyAV ")
