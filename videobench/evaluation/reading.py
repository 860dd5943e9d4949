"""What to read of each video for the views that are wanted, and reading it ahead of the network.

A request is one call of the reader: the clips of one video, every clip once however many crops look at it.
Whoever prefers DataLoader workers maps the same requests to frames there and hands ``predict`` the pairs.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from videobench.evaluation.views import Clip, View

Frames = NDArray[np.uint8]  # [V, T, H, W, 3], RGB


@dataclass(frozen=True)
class ReadRequest:
    """The distinct views of one video that one call of the reader serves, all with as many frames."""

    video: str
    views: tuple[View, ...]  # sorted

    @property
    def clips(self) -> list[Clip]:
        """The distinct clips to read, ascending; row v of the reader's array is clip v."""
        return sorted({view.clip for view in self.views})


def reading_requests(wanted: Mapping[str, Iterable[View]], *, clips_per_read: int) -> list[ReadRequest]:
    """Requests for all wanted views, at most ``clips_per_read`` clips each: this bounds a read's memory.

    A video is split only when it has more clips than that; its parts follow each other and ascend in time.
    """
    requests = []
    for video, views in wanted.items():
        distinct = sorted(set(views), key=lambda view: (view.frames, view))
        for _, same_length in groupby(distinct, key=lambda view: view.frames):
            by_clip = [tuple(group) for _, group in groupby(same_length, key=lambda view: view.clip)]
            for first in range(0, len(by_clip), clips_per_read):
                part = by_clip[first : first + clips_per_read]
                requests.append(ReadRequest(video, tuple(view for group in part for view in group)))
    return requests


def read_ahead(
    requests: Iterable[ReadRequest],
    read_views: Callable[[str, Sequence[Clip]], Frames],
    *,
    num_threads: int = 1,
) -> Generator[tuple[ReadRequest, Frames], None, None]:
    """Read in background threads, in order, at most ``num_threads`` requests ahead of the one in use.

    What ``read_views`` raises is raised here, at its request. Closing the generator stops the threads.
    """
    waiting: deque[tuple[ReadRequest, Future[Frames]]] = deque()
    pool = ThreadPoolExecutor(num_threads, thread_name_prefix="read-views")
    try:
        for request in requests:
            waiting.append((request, pool.submit(read_views, request.video, request.clips)))
            if len(waiting) > num_threads:
                yield _first_result(waiting)
        while waiting:
            yield _first_result(waiting)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _first_result(waiting: deque[tuple[ReadRequest, Future[Frames]]]) -> tuple[ReadRequest, Frames]:
    """The oldest request with its frames; its future is let go: the frames are the consumer's alone."""
    request, future = waiting.popleft()
    return request, future.result()
