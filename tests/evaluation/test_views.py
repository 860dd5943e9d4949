"""Views of the papers' protocols, by hand and by property."""

from collections import Counter
from itertools import pairwise
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videobench.errors import ConfigError
from videobench.evaluation.views import (
    CROPS,
    FIVE_CROPS,
    THREE_CROPS,
    Clip,
    Grid,
    View,
    clip_span,
    clip_starts,
    crop_offset,
    merge_crops,
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


def test_clips_at_steps_by_hand():
    """From frame 0 on, the last clip being the last that fits whole; a short video has its one clip."""
    assert starts(40, frames=8, num_clips=None, grid="steps", step=8) == [0, 8, 16, 24, 32]
    assert starts(39, frames=8, num_clips=None, grid="steps", step=8) == [0, 8, 16, 24]
    assert starts(13, frames=8, num_clips=None, grid="steps", step=3) == [0, 3]
    assert starts(22, frames=4, stride=3, num_clips=None, grid="steps", step=8) == [0, 8]
    assert starts(5, frames=8, num_clips=None, grid="steps", step=1) == [0]


def test_pyslowfast_grid_by_hand():
    """floor(i (T - L stride) / N), so no clip touches the end and a single one starts at 0."""
    expected = [0, 23, 46, 70, 93, 117, 140, 163, 187, 210]
    assert starts(250, frames=16, num_clips=10, grid="pyslowfast") == expected
    assert starts(250, frames=16, num_clips=1, grid="pyslowfast") == [0]
    assert starts(100, frames=8, stride=8, num_clips=3, grid="pyslowfast") == [0, 12, 24]
    assert starts(60, frames=8, stride=8, num_clips=3, grid="pyslowfast") == [0, 0, 0]


def test_mmaction2_grid_by_hand():
    """i (T - S) / (N - 1) rounded, halves to even; a single clip lies in the middle."""
    expected = [0, 26, 52, 78, 104, 130, 156, 182, 208, 234]
    assert starts(250, frames=16, num_clips=10, grid="mmaction2") == expected
    assert starts(101, frames=8, num_clips=4, grid="mmaction2") == [0, 31, 62, 93]
    assert starts(99, frames=8, num_clips=4, grid="mmaction2") == [0, 30, 61, 91]
    assert starts(15, frames=8, num_clips=3, grid="mmaction2") == [0, 4, 7]
    assert starts(13, frames=8, num_clips=3, grid="mmaction2") == [0, 2, 5]
    assert starts(99, frames=8, num_clips=1, grid="mmaction2") == [45]


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


@pytest.mark.parametrize(
    ("grid", "num_clips", "step"),
    [("consecutive", 3, None), ("steps", 3, 8), ("steps", None, None), ("authors", None, None), ("authors", 3, 8)],
)
def test_a_grid_takes_what_it_needs_and_no_more(grid, num_clips, step):
    """How many clips fill a video follows from the video; only steps have a step."""
    with pytest.raises(ValueError, match=grid):
        starts(64, frames=16, num_clips=num_clips, grid=grid, step=step)


lengths = st.integers(1, 3000)
clips = st.integers(1, 64)
strides = st.integers(1, 8)
numbers = st.integers(1, 120)


@given(lengths, clips, strides, numbers, st.sampled_from(get_args(Grid)))
def test_starts_ascend_and_clips_stay_inside(num_frames, frames, stride, num_clips, grid):
    """Whatever the grid: ascending, inside a video that is long enough, 0 in one that is not."""
    number = None if grid in ("consecutive", "steps") else num_clips
    step = num_clips if grid == "steps" else None
    found = clip_starts(num_frames, frames=frames, stride=stride, num_clips=number, grid=grid, step=step)
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


@given(lengths, clips, strides, numbers)
def test_no_further_clip_fits_after_the_last_step(num_frames, frames, stride, step):
    """Clips start at every multiple of the step at which a whole clip is left."""
    found = clip_starts(num_frames, frames=frames, stride=stride, num_clips=None, grid="steps", step=step)
    whole = [start for start in range(0, num_frames, step) if start + clip_span(frames, stride) <= num_frames]
    assert found == (whole or [0])


@given(lengths, clips, strides, numbers)
def test_the_two_tools_that_start_at_both_ends_differ_by_a_frame_at_most(num_frames, frames, stride, num_clips):
    """Rounding instead of rounding down moves a clip by one frame, except a single clip, which goes to the middle."""
    theirs, rounded = (
        clip_starts(num_frames, frames=frames, stride=stride, num_clips=num_clips + 1, grid=grid)
        for grid in ("authors", "mmaction2")
    )
    assert all(0 <= after - before <= 1 for before, after in zip(theirs, rounded, strict=True))


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


sizes = st.integers(1, 40)
several_crops = st.lists(st.sampled_from(CROPS), min_size=1, max_size=9)


@given(sizes, sizes, several_crops, st.data())
def test_crops_of_one_name_are_crops_of_one_place(height, width, crops, data):
    """Merged crops lie where the given ones do, and two have the same name exactly if they lie in the same place."""
    size = (data.draw(st.integers(1, height)), data.draw(st.integers(1, width)))
    merged = merge_crops(crops, frame=(height, width), size=size)
    places = [crop_offset(crop, height, width, size) for crop in crops]
    assert [crop_offset(crop, height, width, size) for crop in merged] == places
    assert len(set(merged)) == len(set(places))
    assert all(
        merge_crops([crop], frame=(height, width), size=size) == [name]
        for crop, name in zip(crops, merged, strict=True)
    )


@given(lengths, clips, numbers, sizes, several_crops, st.booleans(), st.data())
def test_views_are_as_many_as_listed_and_as_distinct_as_their_pixels(
    num_frames, frames, num_clips, height, crops, flip, data
):
    """Each place in time and frame counts as often as the protocol lists it, under one view."""
    width = data.draw(sizes)
    size = (data.draw(st.integers(1, height)), data.draw(st.integers(1, width)))
    views = views_of(
        num_frames,
        frames=frames,
        num_clips=num_clips,
        grid="authors",
        crops=merge_crops(crops, frame=(height, width), size=size),
        flip=flip,
    )
    first_frames = clip_starts(num_frames, frames=frames, stride=1, num_clips=num_clips, grid="authors")
    listed = Counter(
        (start, crop_offset(crop, height, width, size), mirrored)
        for start in first_frames
        for crop in crops
        for mirrored in ((False, True) if flip else (False,))
    )
    counted = Counter(views)
    assert {
        (view.start, crop_offset(view.crop, height, width, size), view.flip): count for view, count in counted.items()
    } == listed
    assert len(counted) == len(listed)


def test_crops_without_room_are_the_centre():
    """Frames of the crop's size leave one view of seven; of the crop's height, three."""
    assert merge_crops(CROPS, frame=(112, 112), size=(112, 112)) == ["centre"] * 7
    assert merge_crops(["left", "right", "centre"], frame=(112, 150), size=(112, 112)) == [
        "top_left",
        "top_right",
        "centre",
    ]
    assert merge_crops(["bottom_left", "left"], frame=(128, 171), size=(112, 112)) == ["bottom_left", "left"]
