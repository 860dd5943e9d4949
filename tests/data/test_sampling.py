"""Clips are a pure function of (seed, pass, video id), uniform, and always inside their video."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from videobench.data.sampling import (
    frame_indices,
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


@given(seeds, passes, ids)
def test_purposes_are_independent(seed: int, number: int, name: str) -> None:
    """What is drawn for one purpose says nothing about another."""
    drawn = {uniform_64(seed, number, name, purpose) for purpose in ("order", "start", "crop top", "flip")}
    assert len(drawn) == 4
