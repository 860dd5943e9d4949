"""Clips are a pure function of (seed, pass, video id), uniform, and always inside their video."""

from collections import Counter
from typing import Any, Literal, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videobench.data.sampling import (
    CropPolicy,
    frame_indices,
    multi_scale_cut,
    pass_and_position,
    random_crop_offset,
    random_flip,
    random_label,
    random_start,
    span,
    training_clip,
    training_order,
    uniform_64,
)

seeds = st.integers(0, 2**40)
passes = st.integers(0, 1000)
ids = st.text(max_size=20)
lengths = st.integers(1, 200)
strides = st.integers(1, 9)


@given(seeds, passes, st.lists(ids, unique=True, max_size=30))
def test_a_pass_visits_every_video_once_in_an_order_of_its_own(seed: int, number: int, names: list[str]) -> None:
    """The order is a permutation; listing the videos in another order changes nothing about the visit."""
    order = training_order(seed, number, names)
    assert sorted(order) == list(range(len(names)))
    turned = names[::-1]
    assert [names[i] for i in order] == [turned[i] for i in training_order(seed, number, turned)]


def test_orders_differ_between_passes_and_seeds() -> None:
    """A second pass or another seed shuffles anew."""
    names = [str(i) for i in range(50)]
    orders = [training_order(seed, number, names) for seed in (0, 1) for number in (0, 1)]
    assert len({tuple(order) for order in orders}) == 4


@given(st.integers(0, 10**9), st.integers(1, 10**6))
def test_clip_numbers_run_through_the_passes(clip: int, num_videos: int) -> None:
    """Every clip number is one place of one pass."""
    number, position = pass_and_position(clip, num_videos)
    assert 0 <= position < num_videos
    assert number * num_videos + position == clip


@given(seeds, passes, ids, st.integers(1, 500), lengths, strides)
def test_random_starts_fit(seed: int, number: int, name: str, num_frames: int, frames: int, stride: int) -> None:
    """A clip that fits into its video lies inside it; one that doesn't starts at frame 0."""
    start = random_start(seed, number, name, num_frames=num_frames, frames=frames, stride=stride)
    if span(frames, stride) <= num_frames:
        assert 0 <= start <= num_frames - span(frames, stride)
    else:
        assert start == 0


def test_random_starts_reach_both_ends_evenly() -> None:
    """All five starts of an 8-frame clip in 12 frames come up, each about as often."""
    starts = Counter(random_start(0, 0, f"v{i}", num_frames=12, frames=8, stride=1) for i in range(5000))
    assert set(starts) == set(range(5))
    assert all(abs(count - 1000) < 150 for count in starts.values())


@given(st.integers(0, 300), lengths, strides, st.integers(1, 300))
def test_frame_indices_are_inside_the_video(start: int, frames: int, stride: int, num_frames: int) -> None:
    """Both policies give as many frames as asked for, all existing, and agree where the clip fits."""
    looped = frame_indices(start, frames, stride, num_frames, "loop")
    repeated = frame_indices(start, frames, stride, num_frames, "repeat_last")
    for indices in (looped, repeated):
        assert len(indices) == frames
        assert all(0 <= index < num_frames for index in indices)
    if start + span(frames, stride) <= num_frames:
        assert looped == repeated == list(range(start, start + span(frames, stride), stride))


def test_short_videos_by_hand() -> None:
    """Six frames from a video of four: around again, or standing on the last."""
    assert frame_indices(0, 6, 1, 4, "loop") == [0, 1, 2, 3, 0, 1]
    assert frame_indices(0, 6, 1, 4, "repeat_last") == [0, 1, 2, 3, 3, 3]
    assert frame_indices(2, 4, 3, 7, "loop") == [2, 5, 1, 4]


@given(seeds, passes, ids, st.integers(1, 99), st.integers(1, 99), st.data())
def test_crops_lie_inside(seed: int, number: int, name: str, height: int, width: int, data: st.DataObject) -> None:
    """Every crop that fits lies inside the frame."""
    crop = data.draw(st.tuples(st.integers(1, height), st.integers(1, width)))
    top, left = random_crop_offset(seed, number, name, size=(height, width), crop=crop)
    assert 0 <= top <= height - crop[0]
    assert 0 <= left <= width - crop[1]


def test_crops_reach_all_corners_independently() -> None:
    """Top and left are drawn apart, each over all its values."""
    offsets = {random_crop_offset(0, 0, f"v{i}", size=(4, 4), crop=(2, 2)) for i in range(300)}
    assert offsets == {(top, left) for top in range(3) for left in range(3)}


MultiScale = Literal["multi_scale", "multi_scale_late_temporal"]
SECOND_PAPERS = {"size": (128, 170), "crop": (112, 112)}
SIDES = [128, 112, 96, 84]
"""128 px times 1, 0.875, 0.75 and 0.66, the fractions cut off."""
PAIRS = {(a, b) for a in SIDES for b in SIDES} - {(128, 96), (128, 84), (112, 84), (96, 128), (84, 128), (84, 112)}


def cuts(policy: MultiScale, number: int, **sizes: Any) -> Counter[tuple[tuple[int, int], tuple[int, int]]]:
    return Counter(
        multi_scale_cut(0, i % 7, f"v{i}", policy=policy, **{**SECOND_PAPERS, **sizes}) for i in range(number)
    )


def test_multi_scale_cuts_by_hand() -> None:
    """Ten pairs of sides at most one step apart, each at 13 places in quarters of what its own size leaves free."""
    found = cuts("multi_scale", 13_000)
    assert {size for _, size in found} == PAIRS
    assert {offset for offset, size in found if size == (112, 96)} == {
        (0, 0), (0, 72), (16, 0), (16, 72), (8, 36), (0, 36), (16, 36), (8, 0), (8, 72), (4, 18), (4, 54), (12, 18),
        (12, 54),
    }  # fmt: skip
    larger = cuts("multi_scale", 200, size=(256, 340), crop=(224, 224))
    assert {side for _, size in larger for side in size} == {256, 224, 192, 168}  # 0.66 of 256 is 168.96
    # A side as long as the frame's leaves one place in its direction, so of 13 places several are the same.
    assert {offset for offset, size in found if size == (128, 128)} == {(0, left) for left in (0, 10, 20, 30, 40)}
    assert all(top + height <= 128 and left + width <= 170 for (top, left), (height, width) in found)


def test_multi_scale_cuts_are_as_likely() -> None:
    """Each pair and each place is drawn about as often, whatever the other is."""
    found = cuts("multi_scale", 13_000)
    of_pair: Counter[tuple[int, int]] = Counter()
    for (_, size), times in found.items():
        of_pair[size] += times
    assert all(abs(times - 1300) < 200 for times in of_pair.values())
    places = [times for (_, size), times in found.items() if size == (96, 96)]
    assert len(places) == 13
    assert all(abs(times - 100) < 45 for times in places)


def test_multi_scale_cuts_of_the_second_papers_code() -> None:
    """Its places are those of a cut of 112 x 112, and what of a larger one lies outside the frame is lost."""
    found = cuts("multi_scale_late_temporal", 13_000)
    assert {offset for offset, size in found if size == (96, 84)} == {
        (0, 0), (0, 56), (16, 0), (16, 56), (8, 28), (0, 28), (16, 28), (8, 0), (8, 56), (4, 14), (4, 42), (12, 14),
        (12, 42),
    }  # fmt: skip
    heights_at_the_bottom = {size[0] for (top, _), size in found if top == 16}
    widths_at_the_right = {size[1] for (_, left), size in found if left == 56}
    assert (heights_at_the_bottom, widths_at_the_right) == ({112, 96, 84}, {114, 112, 96, 84})


@given(seeds, passes, ids, st.integers(8, 300), st.integers(8, 300), st.sampled_from(get_args(MultiScale)), st.data())
def test_multi_scale_cuts_lie_inside(
    seed: int, number: int, name: str, height: int, width: int, policy: MultiScale, data: st.DataObject
) -> None:
    """Whatever the frame and the crop are, nothing reaches beyond the frame and something is left."""
    side = data.draw(st.integers(1, min(height, width)))
    (top, left), (cut_height, cut_width) = multi_scale_cut(
        seed, number, name, size=(height, width), crop=(side, side), policy=policy
    )
    assert 0 <= top < top + cut_height <= height
    assert 0 <= left < left + cut_width <= width


@pytest.mark.parametrize("policy", get_args(CropPolicy))
def test_only_the_crop_depends_on_how_it_is_cut(policy: CropPolicy) -> None:
    """Start, flip and label are those of any other policy; without a word it is random, of the crop's size."""
    how: dict[str, Any] = {
        "labels": (1, 2), "num_frames": 300, "frames": 16, "stride": 1, "flip_probability": 0.5, **SECOND_PAPERS,
    }  # fmt: skip
    for number in range(20):
        cut, plain = training_clip(7, number, "v", crop_policy=policy, **how), training_clip(7, number, "v", **how)
        assert (cut.start, cut.flip, cut.label) == (plain.start, plain.flip, plain.label)
        assert plain.size == (112, 112)
        assert plain.offset == random_crop_offset(7, number, "v", **SECOND_PAPERS)
        if policy != "random":
            assert (cut.offset, cut.size) == multi_scale_cut(7, number, "v", policy=policy, **SECOND_PAPERS)


def test_flips_follow_their_probability() -> None:
    """Never at 0, always at 1, half the time at one half."""
    flips = {p: sum(random_flip(0, 0, f"v{i}", probability=p) for i in range(4000)) for p in (0.0, 0.5, 1.0)}
    assert flips[0.0] == 0
    assert abs(flips[0.5] - 2000) < 150
    assert flips[1.0] == 4000


def test_one_of_several_labels_is_drawn() -> None:
    """A video with several labels is trained with each of them in turn, one with one label with that."""
    assert {random_label(0, number, "v", (3, 7, 9)) for number in range(50)} == {3, 7, 9}
    assert random_label(0, 0, "v", (4,)) == 4


def test_hashes_never_change() -> None:
    """Another machine, another year: the same clip (a change here makes every training irreproducible)."""
    assert uniform_64(0, 0, "v", "start") == 5536762258044120665
    assert training_order(0, 0, ["a", "b", "c", "d"]) == [3, 2, 0, 1]
    clip = training_clip(
        7,
        3,
        "class/video.mp4",
        labels=(1,),
        num_frames=300,
        frames=16,
        stride=2,
        size=(128, 171),
        crop=(112, 112),
        flip_probability=0.5,
    )
    assert (clip.start, clip.offset, clip.flip, clip.label) == (225, (14, 43), False, 1)
    assert multi_scale_cut(7, 3, "class/video.mp4", policy="multi_scale", **SECOND_PAPERS) == ((8, 14), (96, 112))


@given(seeds, passes, ids)
def test_purposes_are_independent(seed: int, number: int, name: str) -> None:
    """What is drawn for one purpose says nothing about another."""
    drawn = {uniform_64(seed, number, name, purpose) for purpose in ("order", "start", "crop top", "flip")}
    assert len(drawn) == 4
