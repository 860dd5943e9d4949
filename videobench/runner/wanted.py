"""The views that a protocol wants of every video of a set."""

from videobench.data.video_set import VideoSet
from videobench.evaluation.views import View, views_of
from videobench.spec.clip import Clip
from videobench.spec.protocol import Protocol


def wanted_views(videos: VideoSet, clip: Clip, protocol: Protocol) -> dict[str, list[View]]:
    """Return the views of every video, as often as the protocol counts them."""
    wanted: dict[str, list[View]] = {}
    for video in videos.videos:
        assert video.info is not None  # opened sets are indexed
        wanted[video.id] = views_of(
            video.info.num_frames,
            frames=clip.frames,
            stride=clip.stride,
            num_clips=protocol.clips,
            grid=protocol.grid,
            crops=protocol.crops,
            flip=protocol.flip,
        )
    return wanted
