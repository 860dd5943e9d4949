"""Videos are probed once, resumably; what can't be used is named or left out, never overlooked."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from painted_videos import painted_set, write_painted

from videobench.data import index
from videobench.data.failures import ledger_path
from videobench.data.index import index_videos
from videobench.data.video_set import Modality, Video, VideoSet
from videobench.errors import DataError


@pytest.fixture
def videos(tmp_path: Path) -> VideoSet:
    return painted_set(tmp_path)


def probed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Keep a list of the files that are opened."""
    names: list[str] = []
    whole = index.probe

    def spy(path: Path, modality: Modality):
        names.append(path.name)
        return whole(path, modality)

    monkeypatch.setattr(index, "probe", spy)
    return names


def test_info_is_filled_in(videos: VideoSet, tmp_path: Path) -> None:
    """Everything else about the set stays as it is; progress counts up to the number of files."""
    seen: list[tuple[int, int]] = []
    indexed = index_videos(videos, cache=tmp_path / "index", progress=lambda *at: seen.append(at))
    assert [video.info.num_frames for video in indexed.videos if video.info] == [20, 9, 33, 12]
    assert replace(indexed, videos=videos.videos) == videos
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_processes_give_the_same(videos: VideoSet, tmp_path: Path) -> None:
    """Two workers find what one finds."""
    one = index_videos(videos, cache=tmp_path / "one")
    two = index_videos(videos, cache=tmp_path / "two", num_workers=2)
    assert one == two


def test_only_new_and_changed_files_are_probed(
    videos: VideoSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second run opens nothing; adding a file opens that one; so does writing one anew."""
    names = probed(monkeypatch)
    index_videos(videos, cache=tmp_path)
    assert names == ["v0.mp4", "v1.mp4", "v2.mp4", "v3.mp4"]
    index_videos(videos, cache=tmp_path)
    assert len(names) == 4
    more = replace(videos, videos=(*videos.videos, Video("new", write_painted(tmp_path / "new.mp4", 5), (0,))))
    index_videos(more, cache=tmp_path)
    assert names[4:] == ["new.mp4"]
    write_painted(tmp_path / "v1.mp4", 11)
    again = index_videos(more, cache=tmp_path)
    assert names[5:] == ["v1.mp4"]
    assert again.videos[1].info is not None
    assert again.videos[1].info.num_frames == 11


def test_an_interrupted_index_goes_on(videos: VideoSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill in the middle of a line costs that one file."""
    index_videos(videos, cache=tmp_path / "index")
    (file,) = (tmp_path / "index").iterdir()
    os.truncate(file, file.stat().st_size - 20)
    names = probed(monkeypatch)
    index_videos(videos, cache=tmp_path / "index")
    assert names == ["v3.mp4"]
    index_videos(videos, cache=tmp_path / "index")
    assert names == ["v3.mp4"]


def broken(videos: VideoSet, tmp_path: Path, count: int) -> VideoSet:
    """Add videos that can't be used: one missing, the rest not videos."""
    bad = [Video("missing", tmp_path / "missing.mp4", (0,))]
    for number in range(count - 1):
        (tmp_path / f"bad{number}.mp4").write_bytes(b"no video")
        bad.append(Video(f"bad{number}", tmp_path / f"bad{number}.mp4", (1,)))
    return replace(videos, videos=(*bad, *videos.videos))


@pytest.mark.parametrize("num_workers", [0, 2])
def test_broken_files_fail_together(videos: VideoSet, tmp_path: Path, num_workers: int) -> None:
    """One error names the first five and how many more there are."""
    with pytest.raises(DataError, match=r"7 of 11 videos can't be used") as caught:
        index_videos(broken(videos, tmp_path, 7), cache=tmp_path / "index", num_workers=num_workers)
    text = str(caught.value)
    assert "missing.mp4: no such file" in text
    assert "bad3.mp4: can't be opened as a video" in text
    assert "bad4" not in text
    assert "and 2 more" in text


def test_broken_files_can_be_left_out(videos: VideoSet, tmp_path: Path) -> None:
    """They stand in the set as skipped, with the reason, and the classes stay."""
    indexed = index_videos(broken(videos, tmp_path, 2), cache=tmp_path / "index", on_error="skip")
    assert [skipped.video for skipped in indexed.skipped] == ["bad0", "missing"]
    assert "can't be opened" in indexed.skipped[0].reason
    assert indexed.skipped[1].reason == "no such file"
    assert [video.id for video in indexed.videos] == ["v0", "v1", "v2", "v3"]
    assert indexed.classes == videos.classes


def test_what_is_left_out_is_remembered(videos: VideoSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second run opens no broken file and leaves out the same; each has one line in the ledger."""
    whole = broken(videos, tmp_path, 3)
    first = index_videos(whole, cache=tmp_path / "index", on_error="skip")
    names = probed(monkeypatch)
    assert index_videos(whole, cache=tmp_path / "index", on_error="skip") == first
    assert names == []
    lines = [json.loads(line) for line in ledger_path(tmp_path / "index", "painted").read_text().splitlines()]
    assert [line["video"] for line in lines] == ["missing", "bad0", "bad1"]
    assert lines[0] == {
        "video": "missing",
        "size_bytes": None,
        "modified_ns": None,
        "file": str(tmp_path / "missing.mp4"),
        "what": "no such file",
    }
    assert lines[1]["size_bytes"] == len(b"no video")


def test_a_file_that_was_mended_is_used(videos: VideoSet, tmp_path: Path) -> None:
    """The ledger counts for a file as it was: written anew, it is back in the set, and so is one that was missing."""
    whole = broken(videos, tmp_path, 3)
    index_videos(whole, cache=tmp_path / "index", on_error="skip")
    write_painted(tmp_path / "bad0.mp4", 5)
    write_painted(tmp_path / "missing.mp4", 6)
    again = index_videos(whole, cache=tmp_path / "index", on_error="skip")
    assert [skipped.video for skipped in again.skipped] == ["bad1"]
    assert [video.info.num_frames for video in again.videos if video.info] == [6, 5, 20, 9, 33, 12]


def test_failing_forgets(videos: VideoSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a broken file is an error, it is opened again each time, ledger or not."""
    whole = broken(videos, tmp_path, 2)
    index_videos(whole, cache=tmp_path / "index", on_error="skip")
    names = probed(monkeypatch)
    for _ in range(2):
        with pytest.raises(DataError, match=r"2 of 6 .*\n(.*\n)*.*--set data.on_error=skip"):
            index_videos(whole, cache=tmp_path / "index")
    assert names == ["missing.mp4", "bad0.mp4"] * 2


def test_a_torn_ledger_is_read_as_far_as_it_is_whole(videos: VideoSet, tmp_path: Path) -> None:
    """A line torn by a full disk costs looking at that file again."""
    whole = broken(videos, tmp_path, 3)
    first = index_videos(whole, cache=tmp_path / "index", on_error="skip")
    ledger = ledger_path(tmp_path / "index", "painted")
    os.truncate(ledger, ledger.stat().st_size - 20)
    for _ in range(2):
        assert index_videos(whole, cache=tmp_path / "index", on_error="skip") == first


def test_a_set_of_broken_files_always_fails(videos: VideoSet, tmp_path: Path) -> None:
    """Leaving out everything leaves nothing to measure, and isn't offered."""
    nothing = broken(replace(videos, videos=()), tmp_path, 2)
    with pytest.raises(DataError, match="2 of 2 videos") as caught:
        index_videos(nothing, cache=tmp_path / "index", on_error="skip")
    assert caught.value.hint == "get these files again"
