"""Requests for reading, and reading ahead."""

import threading

import numpy as np
import pytest

from videobench.evaluation.reading import read_ahead, reading_requests
from videobench.evaluation.views import FIVE_CROPS, Clip, View, views_of


def test_a_clip_is_read_once_for_all_its_crops_and_repetitions():
    """Ten crops of ten coinciding clips are one clip to read."""
    views = views_of(5, frames=16, num_clips=10, grid="authors", crops=FIVE_CROPS, flip=True)
    (request,) = reading_requests({"a": views}, clips_per_read=8)
    assert request.clips == [Clip(0, 16, 1)]
    assert len(request.views) == 10


def test_a_long_video_is_split_by_clips_and_nothing_is_lost():
    """Ten clips, four at a time: 4, 4, 2, ascending, every view once."""
    views = views_of(200, frames=16, num_clips=10, grid="authors", crops=("left", "right"))
    requests = reading_requests({"a": views}, clips_per_read=4)
    assert [len(request.clips) for request in requests] == [4, 4, 2]
    assert [view for request in requests for view in request.views] == sorted(views)


def test_clips_of_different_length_are_different_requests():
    """One array of frames has one clip length."""
    views = [View(0, 8, 1, "centre", False), View(0, 16, 1, "centre", False), View(9, 8, 1, "centre", False)]
    requests = reading_requests({"a": views}, clips_per_read=100)
    assert [[clip.frames for clip in request.clips] for request in requests] == [[8, 8], [16]]


@pytest.mark.parametrize("num_threads", [1, 3])
def test_reading_ahead_keeps_the_order_and_stays_within_its_bound(num_threads):
    """Frames arrive in order of the requests, with at most num_threads + 1 reads that nobody has taken."""
    requests = reading_requests({f"v{n}": [View(n, 8, 1, "centre", False)] for n in range(12)}, clips_per_read=1)
    started, lock = [], threading.Lock()

    def read_views(video, clips):
        with lock:
            started.append(video)
        return np.full((len(clips), 8, 2, 2, 3), clips[0].start, np.uint8)

    taken = 0
    for request, frames in read_ahead(requests, read_views, num_threads=num_threads):
        assert request == requests[taken]
        assert (frames == taken).all()
        assert len(started) <= taken + 1 + num_threads
        taken += 1
    assert taken == len(requests)


def test_a_reader_error_surfaces_and_closing_stops_the_threads():
    """What the reader raises is raised at its request; no thread is left behind."""

    def read_views(video, clips):
        if video == "b":
            raise OSError("broken b")
        return np.zeros((len(clips), 8, 2, 2, 3), np.uint8)

    wanted = {video: [View(0, 8, 1, "centre", False)] for video in "abcd"}
    readings = read_ahead(reading_requests(wanted, clips_per_read=1), read_views)
    assert next(readings)[0].video == "a"
    with pytest.raises(OSError, match="broken b"):
        next(readings)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("read-views")]
