"""Sharing the videos of an evaluation out among processes."""

from collections.abc import Mapping


def share_out(num_views: Mapping[str, int], num_shares: int) -> list[list[str]]:
    """Return which videos each process takes, every video in one share, so that their views spread evenly.

    ``num_views`` is what is to be computed of each video. No share exceeds another by more views than the video with
    the most has; within a share, videos keep their order.
    """
    loads = [0] * num_shares
    share_of: dict[str, int] = {}
    for video in sorted(num_views, key=lambda video: (-num_views[video], video)):
        lightest = loads.index(min(loads))
        loads[lightest] += num_views[video]
        share_of[video] = lightest
    return [[video for video in num_views if share_of[video] == share] for share in range(num_shares)]
