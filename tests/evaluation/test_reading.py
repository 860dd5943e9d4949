"""Reading ahead: what is asked of the reader, in which order its clips come, how many wait, how it ends."""

import threading
import time

import numpy as np
import pytest

from videobench.evaluation.reading import read_ahead
from videobench.evaluation.views import FIVE_CROPS, Clip, View, views_of


def frames_of(clip):
    return np.full((clip.frames, 2, 2, 3), clip.start, np.uint8)


def read_clips(_video, clips):
    return ((place, frames_of(clip)) for place, clip in enumerate(clips))


def centre(start):
    return View(start, 8, 1, "centre", False)


def reading_threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("read-clips")]


def wait_until(condition):
    deadline = time.monotonic() + 20
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert condition()


def test_a_clip_is_read_once_for_all_its_crops_and_repetitions():
    """Ten crops of ten coinciding clips are one clip to read."""
    views = views_of(5, frames=16, num_clips=10, grid="authors", crops=FIVE_CROPS, flip=True)
    asked = []

    def read(video, clips):
        asked.append((video, list(clips)))
        return read_clips(video, clips)

    (reading,) = read_ahead({"a": views}, read, clips_ahead=2)
    assert asked == [("a", [Clip(0, 16, 1)])]
    assert reading.views == tuple(sorted(set(views)))
    assert len(reading.views) == 10


def test_a_video_is_asked_for_once_and_its_clips_come_as_they_are_read():
    """A hundred clips are one call; the reader's order is kept, and each clip comes with its own views."""
    views = [View(start, 8, 1, crop, False) for start in range(100) for crop in ("left", "right")]
    calls = []

    def backwards(video, clips):
        calls.append(video)
        for place in reversed(range(len(clips))):
            yield place, frames_of(clips[place])

    readings = list(read_ahead({"a": views}, backwards, clips_ahead=3))
    assert calls == ["a"]
    assert [reading.views[0].start for reading in readings] == list(reversed(range(100)))
    assert all((reading.frames == reading.views[0].start).all() for reading in readings)
    assert sorted(view for reading in readings for view in reading.views) == sorted(views)


@pytest.mark.parametrize("num_threads", [1, 3])
def test_videos_keep_their_order_and_reading_stays_within_its_bound(num_threads):
    """While the first clip is in use, each thread's video and one more are read, two clips ahead, and no further."""
    given, lock = [], threading.Lock()

    def read(video, clips):
        for place, clip in enumerate(clips):
            with lock:
                given.append(video)
            yield place, frames_of(clip)

    wanted = {f"v{n:02}": [centre(start) for start in range(10)] for n in range(12)}
    readings = read_ahead(wanted, read, num_threads=num_threads, clips_ahead=2)
    taken = [next(readings).video]
    # Of the video in use one clip is taken, two wait and one finds no room; of the others two and one.
    most = {f"v{n:02}": 4 if n == 0 else 3 for n in range(num_threads)}
    wait_until(lambda: {video: given.count(video) for video in set(given)} == most)
    taken += [reading.video for reading in readings]
    assert taken == [video for video in wanted for _ in range(10)]


def test_an_error_comes_after_the_clips_before_it_and_ends_the_threads():
    """What the reader raises is raised at its place; no thread is left behind."""

    def breaks_in_b(video, clips):
        yield 0, frames_of(clips[0])
        if video == "b":
            raise OSError("broken b")

    readings = read_ahead({video: [centre(0)] for video in "abcd"}, breaks_in_b, clips_ahead=1)
    assert [next(readings).video, next(readings).video] == ["a", "b"]
    with pytest.raises(OSError, match="broken b"):
        next(readings)
    assert not reading_threads()


def test_closing_stops_readers_that_wait_for_room():
    """Whoever loses interest closes the generator: readers with full hands give up."""
    closed = []

    def endless(_video, clips):
        try:
            while True:
                yield 0, frames_of(clips[0])
        finally:
            closed.append(True)

    readings = read_ahead({"a": [centre(0)], "b": [centre(0)]}, endless, num_threads=2, clips_ahead=1)
    next(readings)
    readings.close()
    assert not reading_threads()
    assert closed == [True, True]
