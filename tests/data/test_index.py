"""Videos are probed once, resumably; what can't be used is named or left out, never overlooked."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from painted_videos import painted_set, write_painted

from videobench.data import index
from videobench.data.index import index_videos
from videobench.data.video_set import Video, VideoSet
from videobench.errors import DataError


@pytest.fixture
def videos(tmp_path: Path) -> VideoSet:
    return painted_set(tmp_path)


def probed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Keep a list of the files that are opened."""
    names: list[str] = []
    whole = index.probe

    def spy(path: Path):
        names.append(path.name)
        return whole(path)

    monkeypatch.setattr(index, "probe", spy)
    return names


def test_info_is_filled_in(videos: VideoSet, tmp_path: Path) -> None:
    """Everything else about the set stays as it is; progress counts up to the number of files."""
    seen: list[tuple[int, int]] = []
    indexed, failures = index_videos(videos, cache=tmp_path / "index", progress=lambda *at: seen.append(at))
    assert failures == []
    assert [video.info.num_frames for video in indexed.videos if video.info] == [20, 9, 33, 12]
    assert replace(indexed, videos=videos.videos) == videos
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_processes_give_the_same(videos: VideoSet, tmp_path: Path) -> None:
    """Two workers find what one finds."""
    one, _ = index_videos(videos, cache=tmp_path / "one")
    two, _ = index_videos(videos, cache=tmp_path / "two", num_workers=2)
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
    again, _ = index_videos(more, cache=tmp_path)
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
    assert "missing.mp4: No such file" in text
    assert "bad3.mp4: can't be opened as a video" in text
    assert "bad4" not in text
    assert "and 2 more" in text


def test_broken_files_can_be_left_out(videos: VideoSet, tmp_path: Path) -> None:
    """They come back beside the set, with the reason, and the classes stay."""
    indexed, failures = index_videos(broken(videos, tmp_path, 2), cache=tmp_path / "index", on_error="skip")
    assert [failure.video.id for failure in failures] == ["missing", "bad0"]
    assert "can't be opened" in failures[1].what
    assert [video.id for video in indexed.videos] == ["v0", "v1", "v2", "v3"]
    assert indexed.classes == videos.classes


def test_a_set_of_broken_files_always_fails(videos: VideoSet, tmp_path: Path) -> None:
    """Leaving out everything leaves nothing to measure."""
    nothing = broken(replace(videos, videos=()), tmp_path, 2)
    with pytest.raises(DataError, match="2 of 2 videos"):
        index_videos(nothing, cache=tmp_path / "index", on_error="skip")
