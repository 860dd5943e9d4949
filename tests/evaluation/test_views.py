"""Views of the papers' protocols, by hand and by property."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videobench.errors import ConfigError
from videobench.evaluation.views import (
    CROPS,
    FIVE_CROPS,
    THREE_CROPS,
    Clip,
    View,
    clip_span,
    clip_starts,
    crop_offset,
    views_of,
)


def starts(num_frames, **settings):
    return clip_starts(num_frames, **{"stride": 1, **settings})


def test_the_authors_grid_by_hand():
    """floor(i (T - L) / (N - 1)) for T = 250, L = 16, N = 10; a single clip starts at frame 0."""
    expected = [0, 26, 52, 78, 104, 130, 156, 182, 208, 234]
    assert starts(250, frames=16, num_clips=10, grid="authors") == expected
    assert starts(101, frames=8, num_clips=4, grid="authors") == [0, 31, 62, 93]
    assert starts(20, frames=8, num_clips=6, grid="authors") == [0, 2, 4, 7, 9, 12]
    assert starts(250, frames=16, num_clips=1, grid="authors") == [0]


def test_the_centres_grid_by_hand():
    """The middle of N equal parts of the possible starts; one clip lies in the middle of the video."""
    assert starts(107, frames=8, num_clips=4, grid="centres") == [12, 37, 62, 87]
    assert starts(64, frames=16, num_clips=1, grid="centres") == [24]
    assert starts(9, frames=8, num_clips=1, grid="centres") == [0]


def test_consecutive_clips_by_hand():
    """As many clips as fit side by side, centred: 200 frames hold 3 x 64 with 4 to spare on either side."""
    assert starts(200, frames=64, num_clips=None, grid="consecutive") == [4, 68, 132]
    assert starts(64, frames=64, num_clips=None, grid="consecutive") == [0]
    assert starts(40, frames=64, num_clips=None, grid="consecutive") == [0]
    assert starts(21, frames=4, stride=3, num_clips=None, grid="consecutive") == [0, 10]


def test_stride_widens_the_span():
    """8 frames at stride 4 span 29, so the last of 3 clips in 100 frames starts at 71."""
    assert clip_span(8, 4) == 29
    assert starts(100, frames=8, stride=4, num_clips=3, grid="authors") == [0, 35, 71]


def test_ten_crops_are_five_and_their_mirror_images():
    """P2's ten crops of one clip: corners and centre, plain first, then mirrored."""
    views = views_of(64, frames=64, num_clips=None, grid="consecutive", crops=FIVE_CROPS, flip=True)
    assert views == [View(0, 64, 1, crop, flip) for flip in (False, True) for crop in FIVE_CROPS]
    assert views[0].clip == Clip(0, 64, 1)


def test_every_clip_is_seen_through_every_crop():
    """Two clips and three crops give six views, none mirrored."""
    views = views_of(20, frames=10, num_clips=2, grid="authors", crops=THREE_CROPS)
    assert [(view.start, view.crop, view.flip) for view in views] == [
        (0, "left", False),
        (0, "centre", False),
        (0, "right", False),
        (10, "left", False),
        (10, "centre", False),
        (10, "right", False),
    ]


def test_coinciding_views_are_listed_as_often_as_the_protocol_says():
    """A video two frames longer than the clip has 3 different clips, listed 10 times; a shorter one has 1."""
    views = views_of(18, frames=16, num_clips=10, grid="authors")
    assert [view.start for view in views] == [0, 0, 0, 0, 0, 1, 1, 1, 1, 2]
    assert views_of(5, frames=16, num_clips=10, grid="authors") == [View(0, 16, 1, "centre", False)] * 10
    assert views_of(5, frames=16, num_clips=2, grid="centres") == [View(0, 16, 1, "centre", False)] * 2


def test_consecutive_refuses_a_number_of_clips_and_the_others_need_one():
    """How many consecutive clips there are follows from the video."""
    with pytest.raises(ValueError, match="consecutive"):
        starts(64, frames=16, num_clips=3, grid="consecutive")
    with pytest.raises(ValueError, match="authors"):
        starts(64, frames=16, num_clips=None, grid="authors")


lengths = st.integers(1, 3000)
clips = st.integers(1, 64)
strides = st.integers(1, 8)
numbers = st.integers(1, 120)


@given(lengths, clips, strides, numbers, st.sampled_from(["authors", "centres", "consecutive"]))
def test_starts_ascend_and_clips_stay_inside(num_frames, frames, stride, num_clips, grid):
    """Whatever the grid: ascending, inside a video that is long enough, 0 in one that is not."""
    number = None if grid == "consecutive" else num_clips
    found = clip_starts(num_frames, frames=frames, stride=stride, num_clips=number, grid=grid)
    last = max(num_frames - clip_span(frames, stride), 0)
    assert found == sorted(found)
    assert found[0] >= 0
    assert found[-1] <= last
    assert number is None or len(found) == number
    if grid == "authors" and num_clips > 1:
        assert (found[0], found[-1]) == (0, last)


@given(lengths, clips, strides)
def test_ten_clips_are_contained_in_a_hundred(num_frames, frames, stride):
    """Scores of 100 clips hold those of 10: i / 9 = 11 i / 99."""
    ten, hundred = (
        set(views_of(num_frames, frames=frames, stride=stride, num_clips=number, grid="authors"))
        for number in (10, 100)
    )
    assert ten <= hundred


@given(lengths, clips, strides)
def test_twenty_clips_need_at_most_eighteen_more(num_frames, frames, stride):
    """Only the ends of the 20-clip grid lie on the 100-clip grid for certain."""
    twenty, hundred = (
        set(views_of(num_frames, frames=frames, stride=stride, num_clips=number, grid="authors"))
        for number in (20, 100)
    )
    assert len(twenty - hundred) <= 18


@given(lengths, clips, strides)
def test_consecutive_clips_touch_and_leave_less_than_a_clip(num_frames, frames, stride):
    """Neighbours differ by a span; what is left over is shared out between both ends to within a frame."""
    span = clip_span(frames, stride)
    found = clip_starts(num_frames, frames=frames, stride=stride, num_clips=None, grid="consecutive")
    assert all(after - before == span for before, after in pairwise(found))
    if num_frames >= span:
        after = num_frames - (found[-1] + span)
        assert 0 <= after - found[0] <= 1
        assert found[0] + after < span


@pytest.mark.parametrize(
    ("crop", "offset"),
    [
        ("centre", (8, 29)),
        ("top_left", (0, 0)),
        ("top_right", (0, 59)),
        ("bottom_left", (16, 0)),
        ("bottom_right", (16, 59)),
        ("left", (8, 0)),
        ("right", (8, 59)),
    ],
)
def test_crop_offsets_by_hand(crop, offset):
    """112 x 112 out of 128 x 171 (height x width): y and x of the top left corner."""
    assert crop_offset(crop, 128, 171, (112, 112)) == offset


def test_left_and_right_are_top_and_bottom_of_an_upright_frame():
    """Three crops go along the longer side."""
    assert crop_offset("left", 171, 128, (112, 112)) == (0, 8)
    assert crop_offset("right", 171, 128, (112, 112)) == (59, 8)


@given(st.sampled_from(CROPS), st.integers(1, 300), st.integers(1, 300), st.data())
def test_crops_stay_inside_the_frame(crop, height, width, data):
    """Every crop that fits lies wholly inside."""
    size = (data.draw(st.integers(1, height)), data.draw(st.integers(1, width)))
    y, x = crop_offset(crop, height, width, size)
    assert 0 <= y <= height - size[0]
    assert 0 <= x <= width - size[1]


def test_a_crop_larger_than_the_frame_is_refused():
    """The error names both sizes."""
    with pytest.raises(ConfigError, match=r"112x112 .* 100x171"):
        crop_offset("centre", 100, 171, (112, 112))
