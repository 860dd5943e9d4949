"""The videos a unit reads: opened once a process, decoded once a home where they are small."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from videobench.data.failures import UnusableVideosError, ledger_path, remember_failures
from videobench.data.frame_cache import FrameCache, frame_cache
from videobench.data.frame_rate import resampled
from videobench.data.loader import stream_views
from videobench.data.video_set import Video, VideoSet
from videobench.runner.build import Count, worthwhile_workers
from videobench.runner.flow import build_input
from videobench.runner.workspace import Workspace
from videobench.spec.clip import Clip
from videobench.spec.dataset import Dataset, Subset

MAX_CACHE_BYTES = 2 * 2**30
"""Sets whose resized frames fit into this are decoded once, for all runs; of larger ones only what is needed is."""


@dataclass(frozen=True)
class Input:
    """An indexed subset of a data set together with the way its frames are scaled."""

    videos: VideoSet
    clip: Clip
    cache: FrameCache | None

    @cached_property
    def by_id(self) -> dict[str, Video]:
        return {video.id: video for video in self.videos.videos}

    def read(self, video_id: str, clips: Sequence[tuple[int, int, int]]) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """Yield (place in ``clips``, frames uint8 [T, H, W, C]) for clips (start, frames, stride) of one video.

        They come from one pass over the video, in the order of their last frames.
        """
        return stream_views(
            self.by_id[video_id],
            clips,
            resize=self.clip.resize,
            filter=self.clip.filter,
            short_video=self.clip.short_video,
            cache=self.cache,
        )


_opened: dict[object, tuple[VideoSet, FrameCache | None]] = {}
"""What this process has opened: a jobs' worker trains many networks on the same few sets."""


def open_input(
    spec: Dataset,
    subset: Subset,
    clip: Clip,
    workspace: Workspace,
    *,
    num_workers: int = 1,
    progress: Count | None = None,
    notify: Callable[[str], None] | None = None,
) -> Input:
    """Open a subset for reading: find, make or probe its videos, and decode them all if they are small.

    What is slow is done once a home, and opening the same again in one process costs nothing.
    """
    key = (spec, subset, clip.modality, clip.flow_algorithm, clip.resize, clip.filter, workspace)
    while key not in _opened:
        videos = build_input(spec, subset, clip, workspace, num_workers=num_workers, progress=progress)
        try:
            cache = frame_cache(
                videos,
                directory=workspace.frames,
                size=clip.resize,
                filter=clip.filter,
                max_bytes=MAX_CACHE_BYTES,
                num_workers=worthwhile_workers(len(videos.videos), num_workers),
                notify=notify,
            )
        except UnusableVideosError as error:
            if spec.on_error != "skip":
                raise
            remember_failures(error.failures, ledger_path(workspace.index, videos.name))
        else:
            _opened[key] = videos, cache
    videos, cache = _opened[key]
    return Input(resampled(videos, clip.fps), clip, cache)


def forget_inputs() -> None:
    """Have sets opened anew: fewer of their videos can be used than was known."""
    _opened.clear()
