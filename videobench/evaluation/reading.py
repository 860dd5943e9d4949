"""Reading what wanted views look at ahead of the network: every video in one pass, every clip once."""

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from queue import Full, Queue

import numpy as np
from numpy.typing import NDArray

from videobench.evaluation.views import Clip, View

Frames = NDArray[np.uint8]  # [T, H, W, 3], RGB
# (video, its clips) -> (place of a clip among them, its frames), every clip once, in any order
ReadClips = Callable[[str, Sequence[Clip]], Iterator[tuple[int, Frames]]]

_LOOK_UP_SECONDS = 0.1  # how often a thread that waits for the network asks whether to stop


@dataclass(frozen=True)
class Reading:
    """The frames of one clip of a video, and the distinct views that look at them, sorted."""

    video: str
    views: tuple[View, ...]
    frames: Frames


def read_ahead(
    wanted: Mapping[str, Iterable[View]], read_clips: ReadClips, *, num_threads: int = 1, clips_ahead: int
) -> Generator[Reading, None, None]:
    """Read ``num_threads`` videos at a time, ``read_clips`` being called once for each, and yield clip after clip.

    ``wanted`` names videos of which at least one view is wanted. Videos come in its order, the clips of each in
    the order in which ``read_clips`` gives them. Of each video that is being read, and of one more, up to
    ``clips_ahead`` clips are kept. What ``read_clips`` raises is raised here, after the clips that it gave
    before. Closing the generator stops the threads.
    """
    stop = threading.Event()
    started: deque[tuple[Queue[Reading | None], Future[None]]] = deque()
    with ThreadPoolExecutor(num_threads, thread_name_prefix="read-clips") as pool:
        try:
            for video, views in wanted.items():
                queue: Queue[Reading | None] = Queue(clips_ahead)
                started.append((queue, pool.submit(_fill, queue, _readings(video, views, read_clips), stop)))
                if len(started) > num_threads:
                    yield from _taken(*started.popleft())
            while started:
                yield from _taken(*started.popleft())
        finally:
            stop.set()


def _readings(video: str, views: Iterable[View], read_clips: ReadClips) -> Iterator[Reading]:
    distinct = sorted(set(views), key=lambda view: (view.clip, view))
    looking_at = {clip: tuple(group) for clip, group in groupby(distinct, key=lambda view: view.clip)}
    clips = list(looking_at)
    for place, frames in read_clips(video, clips):
        yield Reading(video, looking_at[clips[place]], frames)


def _fill(queue: Queue[Reading | None], readings: Iterator[Reading], stop: threading.Event) -> None:
    """Put all readings, each as soon as there is room, and at the end, whatever it was, None."""
    try:
        for reading in readings:
            _put(queue, reading, stop)
            if stop.is_set():
                return
    finally:
        _put(queue, None, stop)


def _put(queue: Queue[Reading | None], item: Reading | None, stop: threading.Event) -> None:
    while not stop.is_set():
        with contextlib.suppress(Full):
            queue.put(item, timeout=_LOOK_UP_SECONDS)
            return


def _taken(queue: Queue[Reading | None], filling: Future[None]) -> Iterator[Reading]:
    while (reading := queue.get()) is not None:
        yield reading
    filling.result()
