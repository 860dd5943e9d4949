"""The views that a protocol wants of every video of a set."""

from collections.abc import Collection, Mapping

from videobench.data.frame_rate import resampled
from videobench.data.video_set import VideoSet
from videobench.evaluation.views import View, merge_crops, views_of
from videobench.spec.clip import Clip
from videobench.spec.protocol import Protocol


def wanted_views(videos: VideoSet, clip: Clip, protocol: Protocol) -> dict[str, list[View]]:
    """Return the views of every video, as often as the protocol counts them; the same pixels are the same view."""
    crops = merge_crops(protocol.crops, frame=clip.resize, size=(clip.crop, clip.crop))
    wanted: dict[str, list[View]] = {}
    for video in resampled(videos, clip.fps).videos:
        wanted[video.id] = views_of(
            video.num_shown,
            frames=clip.frames,
            stride=clip.stride,
            num_clips=None if protocol.clips == "all" else protocol.clips,
            grid=protocol.grid,
            step=protocol.step,
            crops=crops,
            flip=protocol.flip,
        )
    return wanted


def num_distinct(views: Mapping[str, Collection[View]]) -> int:
    """Return how many views these are when repeated ones count once: what is computed and stored of them."""
    return sum(len(set(views_of_video)) for views_of_video in views.values())
