"""A preview shows what training and evaluation read, of the videos asked for and of no others."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from broken_videos import cut
from small_experiment import load, write_experiment

from videobench.data.loader import training_batches
from videobench.errors import ConfigError, DataError
from videobench.evaluation.views import Clip, View, views_of
from videobench.runner.build import build_dataset
from videobench.runner.contact_sheet import draw
from videobench.runner.plan import make_plan
from videobench.runner.preview import Preview, preview
from videobench.runner.time_line import TimeLine, lanes_of
from videobench.runner.workspace import Workspace
from videobench.spec.clip import Clip as Cut
from videobench.spec.protocol import Protocol, preset
from videobench.spec.units import Training

CUT = ("clip.resize=[14,20]", "clip.crop=12", "recipe.flip=0.5", "clip.frames=5", "clip.stride=2")


@pytest.fixture
def small(tmp_path: Path) -> Path:
    return write_experiment(tmp_path)


def preview_of(path: Path, *settings: str, **asked) -> Preview:
    workspace = Workspace(path.parent)
    (node,) = make_plan(load(path, *CUT, *settings), workspace).evaluations
    return preview(node.evaluation, workspace, **{"num_videos": 6, **asked})


def training_of(path: Path, *settings: str) -> Training:
    (node,) = make_plan(load(path, *CUT, *settings), Workspace(path.parent)).trainings
    return node.training


def test_training_clips_are_those_of_the_first_pass(small: Path, tmp_path: Path) -> None:
    """The frames, crops and mirrorings of one pass over the whole set, by video, and the pixels behind them."""
    found = preview_of(small, seed=3)
    training = training_of(small)
    videos = build_dataset(training.data, "train", Workspace(tmp_path))
    clips = list(
        training_batches(
            videos, frames=5, stride=2, resize=(14, 20), crop=(12, 12), flip_probability=0.5, batch_size=1, seed=3,
            first_clip=0, num_batches=6,
        )
    )  # fmt: skip
    expected = {
        (clip.clips[0].numpy().tobytes(), tuple(clip.offsets[0].tolist()), bool(clip.flips[0]), clip.labels[0].item())
        for clip in clips
    }
    shown = {(one.clip.resized.tobytes(), one.clip.offset, one.clip.flip, one.video.labels[0]) for one in found.videos}
    assert shown == expected
    assert {one.clip.flip for one in found.videos} == {True, False}
    for one in found.videos:
        (top, left), pixels = one.clip.offset, one.clip.resized
        pixels = pixels[:, top : top + 12, left : left + 12]
        assert np.array_equal(one.clip.seen, pixels[:, :, ::-1] if one.clip.flip else pixels)
        assert one.clip.frame_numbers == list(range(one.clip.start, one.clip.start + 10, 2))


def test_cuts_of_other_sizes_are_shown_scaled(small: Path) -> None:
    """What is seen is what was cut out of the shown place, whatever its size, at the size of the crop."""
    found = preview_of(small, "recipe.crop=multi_scale", seed=1)
    sizes = {one.clip.size for one in found.videos}
    assert len(sizes) > 2
    for one in found.videos:
        (top, left), (height, width) = one.clip.offset, one.clip.size
        cut = one.clip.resized[:, top : top + height, left : left + width]
        assert cut.shape[1:3] == one.clip.size
        assert one.clip.seen.shape[1:3] == (12, 12)
        assert abs(one.clip.seen.mean() - cut.mean()) < 2
        if one.clip.size == (12, 12):
            assert np.array_equal(one.clip.seen, cut[:, :, ::-1] if one.clip.flip else cut)


def test_other_subsets_show_views(small: Path) -> None:
    """Of test videos the first view is shown, and all views are those of the protocol."""
    found = preview_of(small, "evaluate.protocol=ten_crop", subset="test")
    assert found.training is None
    for one in found.videos:
        assert one.video.id.startswith("test/")
        assert one.views[0] == View(2, 5, 2, "centre", False)
        assert one.clip.frame_numbers == [2, 4, 6, 8, 10]
        assert (one.clip.offset, one.clip.flip, len(one.views)) == ((1, 4), False, 10)
        assert one.middle.shape == (14, 20, 3)


def test_videos_are_chosen_over_all_classes(small: Path) -> None:
    """As many classes as there are rows, and another seed chooses others; only these files are opened."""
    (small.parent / "videos" / "train" / "dark" / "0.mp4").unlink()
    chosen = {seed: [one.video.id for one in preview_of(small, num_videos=3, seed=seed).videos] for seed in range(5)}
    assert all([name.split("/")[1] for name in ids] == ["bright", "dark", "red"] for ids in chosen.values())
    assert len({tuple(ids) for ids in chosen.values()}) > 1


def test_no_other_video_is_opened(small: Path) -> None:
    """Whatever else is broken or missing, the videos asked for are shown, in the order asked for."""
    cut(small.parent / "videos" / "train" / "dark" / "0.mp4")
    wanted = ["train/red/1.mp4", "train/dark/1.mp4"]
    assert [one.video.id for one in preview_of(small, ids=wanted).videos] == wanted
    with pytest.raises(DataError, match="can't be used"):
        preview_of(small, ids=["train/dark/0.mp4"])
    found = preview_of(small, "data.on_error=skip", num_videos=6)
    assert ([one.video for one in found.skipped], len(found.videos)) == (["train/dark/0.mp4"], 5)


def test_unknown_videos_are_named(small: Path) -> None:
    """An id that isn't there is an error with the nearest ones."""
    with pytest.raises(ConfigError, match=r"has no video 'train/drak/0\.mp4'") as caught:
        preview_of(small, ids=["train/drak/0.mp4"])
    assert "the nearest: train/dark/0.mp4, " in str(caught.value)


def test_nothing_to_show(small: Path) -> None:
    """A subset without files is an error."""
    for path in (small.parent / "videos" / "train").rglob("*.mp4"):
        path.unlink()
    with pytest.raises(DataError):
        preview_of(small)


def time_line(num_frames: int, cut: Cut, protocol: Protocol, *, start: int = 0) -> TimeLine:
    views = views_of(
        num_frames,
        frames=cut.frames,
        stride=cut.stride,
        num_clips=None if protocol.clips == "all" else protocol.clips,
        grid=protocol.grid,
        step=protocol.step,
        crops=protocol.crops,
        flip=protocol.flip,
    )
    return TimeLine(num_frames, views, Clip(start, cut.frames, cut.stride), cut, protocol)


def test_clips_share_a_lane_until_they_overlap() -> None:
    """A clip goes into the first lane that is free; strides count."""
    clips = [Clip(0, 4, 1), Clip(2, 2, 3), Clip(4, 4, 1), Clip(5, 1, 1), Clip(6, 1, 1)]
    assert list(lanes_of(clips).values()) == [0, 1, 0, 2, 1]


@pytest.mark.parametrize(
    ("num_frames", "cut", "protocol", "words", "seen"),
    [
        (6, Cut(frames=2), preset("clip"), "1 view; 4 of 6 frames in none", [1, 1, 0, 0, 0, 0]),
        (
            4,
            Cut(frames=2),
            Protocol(clips=4),
            "4 views, 3 of them distinct; each frame in 1 to 3 of them",
            [2, 3, 2, 1],
        ),
        (
            3,
            Cut(frames=5),
            preset("ten_crop"),
            "10 views; each frame in 10 of them; the video ends 2 frames before the clip and goes on at frame 0",
            [10, 10, 10],
        ),
        (
            2,
            Cut(frames=2, stride=3, short_video="repeat_last"),
            Protocol(clips=2),
            "2 views, 1 of them distinct; each frame in 2 of them; the video ends 2 frames before the clip and stays on"
            " the last frame",
            [2, 2],
        ),
    ],
)
def test_a_time_line_counts_views(num_frames: int, cut: Cut, protocol: Protocol, words: str, seen: list[int]) -> None:
    """It says how many views there are, how many differ, and how often each frame is seen."""
    line = time_line(num_frames, cut, protocol)
    assert line.words == words
    assert line.times_seen.tolist() == seen


def test_the_sheet_draws_what_is_there(small: Path) -> None:
    """Every video has its words, a box for each place of a crop with its number, and a bar for each clip."""
    found = preview_of(
        small, "evaluate.protocol={clips: 4, crops: [left, centre, right]}", "clip.resize=[12,12]", num_videos=2
    )
    figure = draw(found, title="A sheet")
    texts = [text.get_text() for text in figure.texts]
    texts += [text.get_text() for axes in figure.axes for text in axes.texts]
    assert texts[0] == "A sheet"
    for one in found.videos:
        (heading,) = [text for text in texts if text.startswith(one.video.id)]
        assert one.classes[0] in heading
        assert "14 frames, 25 fps, 16x16 px" in heading
        assert f"frame {one.clip.start}" in texts
    assert texts.count("×3") == len(found.videos), "all three crops are the same"
    bars = [axes for axes in figure.axes if axes.containers]
    assert [sum(len(bar) for bar in axes.containers) for axes in bars] == [1 + 4] * len(found.videos)


def test_the_box_is_the_cut_and_its_picture_stays_below(small: Path) -> None:
    """A narrow cut at the right edge is wider when it is scaled: it is drawn within its column all the same."""
    found = preview_of(small, "recipe.crop=multi_scale", "clip.resize=[14,29]", seed=7)
    clips = [one.clip for one in found.videos]
    assert any(clip.offset[1] + 12 > 29 for clip in clips), "no cut lies at the right edge"
    pictures = [axes for axes in draw(found, title="").axes if axes.images and len(axes.texts) == 5]
    for axes in pictures:
        columns = np.split(axes.images[0].get_array(), 8, axis=1)
        assert all((column[:, 29:] == 255).all() for column in columns)
    boxes = [axes.patches[0] for axes in pictures]
    assert [(box.get_height(), box.get_width()) for box in boxes] == [clip.size for clip in clips]
    assert [box.get_xy() for box in boxes] == [clip.offset[::-1] for clip in clips]


def test_short_videos_go_on_past_their_end(small: Path) -> None:
    """Bars reach over the end of the video, with the part behind it told apart."""
    found = preview_of(small, "clip.frames=20", "clip.stride=1", num_videos=1)
    assert found.videos[0].clip.frame_numbers == [*range(14), *range(6)]
    (axes,) = (axes for axes in draw(found, title="").axes if axes.containers)
    assert axes.get_xlim() == (0, 20)
    assert {bar.get_hatch() for bars in axes.containers for bar in bars} == {None, "////"}


def test_other_rates_are_shown(small: Path) -> None:
    """At half the rate the time line has half the frames, and the page says so."""
    found = preview_of(small, "clip.fps=12.5", "clip.frames=2", num_videos=1)
    figure = draw(found, title="")
    assert " 2 frames, 2 apart, at 12.5 fps," in " ".join(text.get_text() for text in figure.texts)
    (axes,) = (axes for axes in figure.axes if axes.containers)
    assert axes.get_xlim() == (0, 7)


def test_flow_is_drawn_in_colours(small: Path) -> None:
    """Where nothing moves flow is white, and the further to the right the redder."""
    found = preview_of(small, num_videos=1)
    (one,) = found.videos
    still = np.full((5, 14, 20, 2), 127, np.uint8)
    still[:, :, 10:, 0] = 255
    clip = replace(one.clip, resized=still, seen=still[:, :12, :12])
    flow = replace(found, videos=(replace(one, clip=clip, middle=still[0]),))
    shown = next(axes for axes in draw(flow, title="").axes if axes.images and not axes.containers)
    canvas = shown.images[0].get_array()
    assert canvas[7, 5].min() > 250
    assert canvas[7, 15, 0] > 250 > 10 > canvas[7, 15, 1:].max()
