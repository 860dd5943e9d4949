"""Reading again what a network file system may give the next time."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeVar

from videobench.data.video_set import Video
from videobench.errors import DataError

PAUSES_SECONDS: Final = (1.0, 5.0, 25.0)
"""Between the attempts to read a video of a set that says ``on_error: retry``."""

T = TypeVar("T")


def retried(video: Video, read: Callable[[], T]) -> T:
    """Return what ``read`` does; where it raises DataError, try again after each pause if the video's set says so."""
    for pause in _pauses(video):
        try:
            return read()
        except DataError:
            time.sleep(pause)
    return read()


def retried_stream(
    video: Video, indices: Sequence[int], stream: Callable[[Sequence[int]], Iterator[tuple[int, T]]]
) -> Iterator[tuple[int, T]]:
    """Yield (index, frame) from ``stream(indices)``; after a DataError go on behind the frames that have been given."""
    remaining = indices
    for pause in _pauses(video):
        try:
            for index, frame in stream(remaining):
                yield index, frame
                remaining = [later for later in remaining if later > index]
        except DataError:
            time.sleep(pause)
        else:
            return
    yield from stream(remaining)


def _pauses(video: Video) -> Sequence[float]:
    return PAUSES_SECONDS if video.retry else ()
