"""A set refuses what would make its numbers wrong, and its fingerprint changes exactly when they could."""

from dataclasses import replace
from pathlib import Path

import pytest

from videobench.data.video_set import Video, VideoInfo, VideoSet, fingerprint
from videobench.errors import DataError

INFO = VideoInfo(num_frames=10, width=4, height=2, fps=25.0, size_bytes=99)
A = Video("a", Path("a.mp4"), (0,), info=INFO)
B = Video("b", Path("b.mp4"), (1,), info=INFO)
SET = VideoSet("set", ("x", "y"), (A, B))


def test_fingerprint_ignores_order_and_place() -> None:
    """A copy of the files elsewhere, listed in another order, is the same data."""
    moved = replace(SET, videos=(B, replace(A, path=Path("/elsewhere/a.mp4"))))
    assert fingerprint(moved) == fingerprint(SET)


@pytest.mark.parametrize(
    "changed",
    [
        replace(SET, name="other"),
        replace(SET, classes=("y", "x")),
        replace(SET, videos=(A,)),
        replace(SET, videos=(A, replace(B, id="c"))),
        replace(SET, videos=(A, replace(B, labels=(0,)))),
        replace(SET, videos=(A, replace(B, labels=(0, 1)))),
        replace(SET, videos=(A, replace(B, info=replace(INFO, num_frames=11)))),
        replace(SET, videos=(A, replace(B, info=replace(INFO, size_bytes=98)))),
    ],
)
def test_fingerprint_notices(changed: VideoSet) -> None:
    """Names, classes, labels, frames, bytes: each counts."""
    assert fingerprint(changed) != fingerprint(SET)


def test_fingerprint_needs_an_indexed_set() -> None:
    """Without frame counts there is nothing to fingerprint."""
    with pytest.raises(ValueError, match="index"):
        fingerprint(replace(SET, videos=(replace(A, info=None),)))


def test_names_are_unique() -> None:
    """Scores are kept by video id and class name: neither may be taken twice."""
    with pytest.raises(DataError, match="video id 'a' occurs twice"):
        VideoSet("set", ("x", "y"), (A, A))
    with pytest.raises(DataError, match="unique, got twice: x"):
        VideoSet("set", ("x", "x"), ())


@pytest.mark.parametrize("labels", [(), (2,), (-1,), (0, 5)])
def test_labels_are_classes(labels: tuple[int, ...]) -> None:
    """Every video has a label, and every label has a name."""
    with pytest.raises(DataError, match="indices from 0 to 1"):
        VideoSet("set", ("x", "y"), (replace(A, labels=labels),))
