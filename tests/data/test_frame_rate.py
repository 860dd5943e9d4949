"""A video seen at another rate shows, at each moment, the frame nearest in time."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from painted_videos import painted_set

from videobench.data.frame_rate import frame_times, rate_and_times, resampled, resampled_frames
from videobench.data.index import index_videos
from videobench.data.video_set import Video, VideoInfo, VideoSet
from videobench.errors import DataError

NTSC = 30_000 / 1001


def info(num_frames: int, fps: float, times: tuple[float, ...] | None = None) -> VideoInfo:
    return VideoInfo(num_frames, width=8, height=8, fps=fps, size_bytes=1, times=times)


@pytest.mark.parametrize(
    ("times", "stated", "expected"),
    [
        ([5 + number / 25 for number in range(9)], 25.0, (25.0, None)),
        ([5 + number / NTSC for number in range(90)], NTSC, (NTSC, None)),
        ([number / 25 for number in range(9)], 1000.0, (25.0, None)),
        ([0.0, 0.033, 0.067, 0.1, 0.133], 30.0, (30.0, None)),
        ([0.0, 0.1, 0.4], 10.0, (5.0, (0.0, 0.1, 0.4))),
        ([3.0, 3.1, 3.4], 90.0, (5.0, (0.0, 0.1, 0.4))),
        ([0.0, None, 0.2], 10.0, (10.0, None)),
        ([0.0, 0.2, 0.1], 10.0, (10.0, None)),
        ([0.0, 0.1, 0.1], 10.0, (10.0, None)),
        ([7.0], 12.0, (12.0, None)),
    ],
    ids=[
        "late start", "drifts in floating point", "stated rate is wrong", "rounded to milliseconds", "varies",
        "varies, stated rate is wrong", "one missing", "not rising", "repeated", "one frame",
    ],
)  # fmt: skip
def test_what_a_file_says_about_time(
    times: list[float | None], stated: float, expected: tuple[float, tuple[float, ...] | None]
) -> None:
    """Times are kept only where a rate doesn't say the same; without usable ones the stated rate counts."""
    fps, kept = rate_and_times(times, stated_rate=stated)
    assert fps == pytest.approx(expected[0])
    assert kept == (None if expected[1] is None else pytest.approx(expected[1]))


@pytest.mark.parametrize(
    ("video", "fps", "expected"),
    [
        (info(10, 30.0), 30.0, list(range(10))),
        (info(10, 30.0), 15.0, [0, 2, 4, 6, 8]),
        (info(10, 30.0), 10.0, [0, 3, 6]),
        (info(8, 30.0), 20.0, [0, 2, 3, 5, 6]),  # 1.5 and 4.5: of two as near, the later
        (info(4, 10.0), 25.0, [0, 0, 1, 1, 2, 2, 2, 3, 3, 3]),
        (info(60, NTSC), 30.0, list(range(60))),
        (info(5, 25.0), 0.1, [0]),
        (info(4, 2.5, (0.0, 0.1, 1.0, 1.2)), 2.5, [0, 1, 2, 3]),
        (info(4, 2.5, (0.0, 0.1, 1.0, 1.2)), 5.0, [0, 1, 1, 2, 2, 2, 3, 3]),
    ],
)
def test_nearest_frames(video: VideoInfo, fps: float, expected: list[int]) -> None:
    """Moment k / fps shows the frame nearest to it, by the times where the rate varies."""
    assert list(resampled_frames(video, fps)) == expected


@given(st.integers(1, 500), st.floats(1, 120), st.floats(1, 120))
def test_resampling_keeps_the_order_and_the_length(num_frames: int, own: float, fps: float) -> None:
    """Frames exist, never go back, begin at the first, and last as long as the video to half a frame."""
    shown = resampled_frames(info(num_frames, own), fps)
    assert shown[0] == 0
    assert list(shown) == sorted(shown)
    assert shown[-1] < num_frames
    assert len(shown) == 1 or abs(len(shown) / fps - num_frames / own) <= 0.5 / fps + 1e-9
    for number, frame in enumerate(shown):
        assert abs(frame / own - number / fps) <= max(0.5 / own, number / fps - (num_frames - 1) / own) + 1e-9


@given(st.lists(st.floats(0.01, 2), min_size=1, max_size=40), st.floats(1, 60))
def test_the_nearest_frame_of_a_varying_rate_is_nearest(gaps: list[float], fps: float) -> None:
    """No other frame is nearer to the moment shown."""
    times = tuple(sum(gaps[:count]) for count in range(len(gaps) + 1))
    video = info(len(times), len(gaps) / times[-1], times)
    for number, frame in enumerate(resampled_frames(video, fps)):
        assert abs(times[frame] - number / fps) <= min(abs(time - number / fps) for time in times) + 1e-9


def test_times_of_frames() -> None:
    """A regular video's come from its rate, which is 25 where none is known."""
    assert frame_times(info(3, 10.0)) == [0.0, 0.1, 0.2]
    assert frame_times(info(3, 0.0)) == [0.0, 0.04, 0.08]
    assert frame_times(info(2, 5.0, (0.0, 0.3))) == [0.0, 0.3]


def test_a_set_at_another_rate(tmp_path: Path) -> None:
    """Videos keep their own facts and show fewer frames; at their own rates nothing changes."""
    videos = index_videos(painted_set(tmp_path, (20, 9)), cache=tmp_path / "index")
    assert resampled(videos, None) is videos
    seen = resampled(videos, 12.5)
    assert [video.num_shown for video in seen.videos] == [10, 5]
    assert [video.info for video in seen.videos] == [video.info for video in videos.videos]
    assert resampled(seen, 12.5) == seen


def test_a_video_without_a_rate_can_not_be_resampled() -> None:
    """Its name and the way out are told."""
    video = Video("a", Path("a.gif"), (0,), info=info(5, 0.0))
    with pytest.raises(DataError, match=r"a\.gif: its frame rate isn't known.*\n.*fps: null"):
        resampled(VideoSet("set", ("one",), (video,)), 10.0)
