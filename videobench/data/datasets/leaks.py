"""Videos that stand on both sides of a split, themselves or by what they were cut from."""

from collections.abc import Iterable, Mapping

from videobench.data.datasets.on_disk import some
from videobench.errors import DataError

Sources = Mapping[str, str | None]
"""Video id -> what the video was cut from, as far as that is known."""


def shared_videos(train: Sources, test: Sources) -> list[str]:
    """Return the ids that are in both, sorted."""
    return sorted(train.keys() & test.keys())


def shared_sources(train: Sources, test: Sources) -> list[str]:
    """Return the sources of which both have videos, sorted."""
    return sorted(_known(train.values()) & _known(test.values()))


def require_disjoint(train: Sources, test: Sources, *, where: str) -> None:
    """DataError where a video or a source is on both sides."""
    if both := shared_videos(train, test):
        raise DataError(f"{len(both)} videos are in both the training and the test list: {some(both)}", where=where)
    if both := shared_sources(train, test):
        raise DataError(
            f"{len(both)} sources have videos in both the training and the test list: {some(both)}",
            where=where,
            hint="videos cut from one source are near-duplicates: results on such a split mean little",
        )


def _known(sources: Iterable[str | None]) -> set[str]:
    return {source for source in sources if source is not None}
