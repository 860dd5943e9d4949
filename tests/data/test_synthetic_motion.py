"""`synthetic-motion`: exact reversals, nothing that a network blind to order could use, files made once."""

import dataclasses
import json
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest

from videobench.data.datasets.synthetic_motion import CLASS_GROUPS, CLASSES, PAIRS, synthetic_motion
from videobench.data.datasets.synthetic_scenes import (
    ORDER_PAIRS,
    VERSIONS,
    event_times,
    generator,
    render,
    render_forward,
)
from videobench.errors import DataError

CONSTANTS = VERSIONS[1]
FrameArray = npt.NDArray[np.uint8]

# mean level, mean absolute change from frame to frame
FROZEN = {
    "ring": (107.310, 5.788),
    "left": (106.683, 7.104),
    "grow": (157.234, 6.068),
    "blue-then-red": (108.760, 6.210),
    "big-then-dark": (125.444, 6.292),
}


def _video(name: str, number: int, *, subset: str = "train", seed: int = 0) -> FrameArray:
    return render(name, generator(version=1, seed=seed, subset=subset, name=name, number=number), CONSTANTS)


def _decode(path: Path) -> FrameArray:
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


# --- what is painted ---


def test_classes_pairs_and_groups_fit() -> None:
    """Thirteen classes in a fixed order; the pairs cover the motion and the order classes and no others."""
    expected = [
        *("disc", "ring", "cross"),
        *("right", "left", "clockwise", "counter-clockwise", "grow", "shrink"),
        *("red-then-blue", "blue-then-red", "big-then-dark", "dark-then-big"),
    ]
    assert list(CLASSES) == expected
    assert list(CLASS_GROUPS) == list(CLASSES)
    paired = [name for pair in PAIRS.values() for name in pair]
    assert paired == [name for name in CLASSES if CLASS_GROUPS[name] != "appearance"]
    assert [CLASS_GROUPS[name] for name in CLASSES].count("motion") == 6


@pytest.mark.parametrize("pair", PAIRS)
def test_pairs_are_exact_time_reversals(pair: str) -> None:
    """From the same random stream, the second class of a pair is the first one's frames reversed, exactly."""
    first, second = PAIRS[pair]
    streams = [generator(version=1, seed=0, subset="train", name=first, number=number) for number in (3, 3, 3)]
    forward = render(first, streams[0], CONSTANTS)
    assert forward.shape == (CONSTANTS.num_frames, CONSTANTS.size, CONSTANTS.size, 3)
    np.testing.assert_array_equal(render(second, streams[1], CONSTANTS)[::-1], forward)
    np.testing.assert_array_equal(render_forward(pair, streams[2], CONSTANTS), forward)
    assert not np.array_equal(forward, forward[::-1])


def test_content_is_a_pure_function_of_its_key() -> None:
    """The same key gives the same frames; another number, subset, seed or class gives others."""
    video = _video("left", 5)
    np.testing.assert_array_equal(video, _video("left", 5))
    others = [
        _video("left", 6),
        _video("left", 5, subset="test"),
        _video("left", 5, seed=1),
        _video("right", 5)[::-1],
    ]
    assert not any(np.array_equal(video, other) for other in others)


def test_version_1_is_frozen() -> None:
    """Mean level and frame-to-frame change of chosen videos are those of the day version 1 was frozen."""
    measured = {}
    for name in ("ring", "left", "grow", "blue-then-red", "big-then-dark"):
        frames = _video(name, 7, subset="test").astype(np.float64)
        measured[name] = (frames.mean(), np.abs(np.diff(frames, axis=0)).mean())
    assert measured == {name: pytest.approx(values, abs=0.02) for name, values in FROZEN.items()}


@pytest.mark.parametrize("pair", ORDER_PAIRS)
def test_no_8_frame_clip_holds_both_events(pair: str) -> None:
    """An order video is a still save for two events, at least 10 frames apart, neutral around them."""
    still = dataclasses.replace(CONSTANTS, noise_sd=0.0, clutter_sd=0.0, shake_sd=0.0)
    name = PAIRS[pair][0]
    for number in range(20):
        random = generator(version=1, seed=0, subset="train", name=name, number=number)
        frames = render(name, random, still)
        is_event = (frames != frames[0]).any(axis=(1, 2, 3))
        edges = np.flatnonzero(np.diff(is_event.astype(int), prepend=0, append=0))
        assert len(edges) == 4
        first_start, first_stop, second_start, second_stop = edges
        assert first_stop - first_start == second_stop - second_start == CONSTANTS.event
        assert second_start - first_stop >= 10
        assert first_start > 0
        assert second_stop < CONSTANTS.num_frames


# --- strategies that do not see order ---


def _frame_statistics(frames: FrameArray) -> npt.NDArray[np.float64]:
    """What one frame tells: colours, spread, and where the odd pixels are: [T, features]."""
    pixels = frames.astype(np.float64)
    grey = pixels.mean(axis=3)
    deviation = pixels - np.median(pixels, axis=(0, 1, 2))
    weight = np.abs(grey - np.median(grey, axis=(1, 2), keepdims=True)) ** 2 + 1e-6
    axis = np.arange(frames.shape[1]) - (frames.shape[1] - 1) / 2
    total = weight.sum(axis=(1, 2))
    x, y = (weight * axis).sum(axis=(1, 2)) / total, (weight * axis[:, None]).sum(axis=(1, 2)) / total
    spread = (weight * (axis**2 + axis[:, None] ** 2)).sum(axis=(1, 2)) / total
    mean = deviation.mean(axis=(1, 2))  # [T, 3]
    return np.column_stack([mean, grey.std(axis=(1, 2)), x, y, spread, mean.max(axis=1) - mean.min(axis=1)])


def _clip_features(frames: FrameArray, start: int, length: int) -> dict[str, npt.NDArray[np.float64]]:
    """What each blind strategy knows of one clip."""
    statistics = _frame_statistics(frames)
    clip = statistics[start : start + length]
    ordered = np.sort(clip, axis=0)  # the clip's frames as a set: every feature sorted by itself
    return {
        "first frame": clip[0],
        "middle frame": clip[length // 2],
        "mean": clip.mean(axis=0),
        "spread": clip.std(axis=0),
        "set of frames": ordered.ravel(),
        "whole video as a set": np.quantile(statistics, (0.05, 0.25, 0.5, 0.75, 0.95), axis=0).ravel(),
    }


def _held_out_accuracy(
    train: npt.NDArray[np.float64],
    train_labels: npt.NDArray[np.float64],
    test: npt.NDArray[np.float64],
    test_labels: npt.NDArray[np.float64],
) -> float:
    """Ridge regression on standardised features and their squares, thresholded at 0."""
    mean, deviation = train.mean(axis=0), train.std(axis=0) + 1e-9

    def design(features: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        scaled = np.clip((features - mean) / deviation, -4, 4)
        return np.column_stack([np.ones(len(scaled)), scaled, scaled**2])

    matrix = design(train)
    weights = np.linalg.solve(matrix.T @ matrix + 3.0 * np.eye(matrix.shape[1]), matrix.T @ train_labels)
    return float(((design(test) @ weights > 0) == (test_labels > 0)).mean())


@pytest.mark.parametrize("pair", PAIRS)
def test_blind_strategies_are_at_chance(pair: str) -> None:
    """One frame, means, spreads and the set of frames of a clip or a video do not tell a pair apart."""
    num_train, num_test, length = 60, 60, 8
    clips = np.random.default_rng(0)
    features: dict[str, dict[str, list[npt.NDArray[np.float64]]]] = {"train": {}, "test": {}}
    labels: dict[str, list[float]] = {"train": [], "test": []}
    for subset, number in (("train", num_train), ("test", num_test)):
        for label, name in ((1.0, PAIRS[pair][0]), (-1.0, PAIRS[pair][1])):
            for index in range(number):
                start = int(clips.integers(0, CONSTANTS.num_frames - length + 1))
                clip = _clip_features(_video(name, index, subset=subset), start, length)
                for strategy, values in clip.items():
                    features[subset].setdefault(strategy, []).append(values)
                labels[subset].append(label)
    accuracies = {
        strategy: _held_out_accuracy(
            np.array(features["train"][strategy]),
            np.array(labels["train"]),
            np.array(features["test"][strategy]),
            np.array(labels["test"]),
        )
        for strategy in features["train"]
    }
    # 120 test videos: a standard error of 0.046
    assert accuracies == {strategy: pytest.approx(0.5, abs=0.15) for strategy in accuracies}


@pytest.mark.parametrize("num_clips", [1, 10])
def test_counting_event_frames_is_at_chance(num_clips: int) -> None:
    """Neither event is seen in more frames than the other, in one clip or in ten: counting does not help."""
    num_frames, length, num_videos = CONSTANTS.num_frames, 8, 600
    random = generator(version=1, seed=0, subset="test", name=PAIRS[ORDER_PAIRS[0]][0], number=0)
    share = 0.0
    for _ in range(num_videos):
        first, second = (np.isin(np.arange(num_frames), np.r_[event]) for event in event_times(random, CONSTANTS))
        if num_clips == 1:
            starts = [int(random.integers(0, num_frames - length + 1))]
        else:
            starts = [clip * (num_frames - length) // (num_clips - 1) for clip in range(num_clips)]
        difference = sum(
            int(first[start : start + length].sum()) - int(second[start : start + length].sum()) for start in starts
        )
        share += 0.5 * (1 + np.sign(difference)) / num_videos
    assert share == pytest.approx(0.5, abs=0.07)


# --- files ---


def test_files_decode_to_what_is_promised(tmp_path: Path) -> None:
    """Every file has the frames, size and rate its VideoInfo states, and looks like what was painted."""
    videos = synthetic_motion(tmp_path, subset="train", videos_per_class=1)
    assert videos.classes == CLASSES
    assert videos.class_groups == CLASS_GROUPS
    assert [video.id for video in videos.videos] == [f"train/{name}/0000" for name in CLASSES]
    for video in videos.videos:
        name = CLASSES[video.labels[0]]
        assert video.id.split("/")[1] == name
        frames = _decode(video.path)
        assert video.info is not None
        assert frames.shape == (video.info.num_frames, video.info.height, video.info.width, 3)
        assert video.info.size_bytes == video.path.stat().st_size
        assert np.abs(frames.astype(int) - _video(name, 0)).mean() < 12
        with av.open(str(video.path)) as container:
            assert container.streams.video[0].average_rate == video.info.fps


def test_fewer_videos_are_a_prefix_and_files_are_made_once(tmp_path: Path) -> None:
    """Growing a set keeps the files it has; shrinking it selects from them; neither rewrites one."""
    small = synthetic_motion(tmp_path, subset="test", videos_per_class=1)
    times = {video.path: video.path.stat().st_mtime_ns for video in small.videos}
    made: list[tuple[int, int]] = []
    large = synthetic_motion(
        tmp_path, subset="test", videos_per_class=2, progress=lambda done, total: made.append((done, total))
    )
    assert made == [(index + 1, 13) for index in range(13)]
    again = synthetic_motion(tmp_path, subset="test", videos_per_class=1, progress=lambda *_: pytest.fail("made"))
    assert again == small
    assert set(small.videos) < set(large.videos)
    assert times == {path: path.stat().st_mtime_ns for path in times}
    manifest = json.loads((small.videos[0].path.parents[1] / "manifest.json").read_text(encoding="utf-8"))
    assert len(manifest["size_bytes"]) == 26


def test_deleted_and_damaged_files_are_made_anew(tmp_path: Path) -> None:
    """After a file is deleted and another cut short, the next call makes those two again, byte for byte."""
    videos = synthetic_motion(tmp_path, subset="train", videos_per_class=1).videos
    content = {video.path: video.path.read_bytes() for video in videos}
    videos[2].path.unlink()
    videos[8].path.write_bytes(content[videos[8].path][:1000])
    made: list[int] = []
    synthetic_motion(tmp_path, subset="train", videos_per_class=1, progress=lambda _, total: made.append(total))
    assert made == [2, 2]
    assert content == {path: path.read_bytes() for path in content}


def test_processes_make_the_same_bytes(tmp_path: Path) -> None:
    """Two worker processes write what one writes."""
    one = synthetic_motion(tmp_path / "one", subset="train", videos_per_class=1)
    two = synthetic_motion(tmp_path / "two", subset="train", videos_per_class=1, num_workers=2)
    for video, other in zip(one.videos, two.videos, strict=True):
        assert video.path.read_bytes() == other.path.read_bytes()


def test_subsets_and_seeds_share_no_file(tmp_path: Path) -> None:
    """Training and test files, and those of another seed, differ in content and lie apart."""
    sets = [
        synthetic_motion(tmp_path, subset="train", videos_per_class=1),
        synthetic_motion(tmp_path, subset="test", videos_per_class=1),
        synthetic_motion(tmp_path, subset="train", videos_per_class=1, seed=1),
    ]
    contents = {video.path: video.path.read_bytes() for videos in sets for video in videos.videos}
    assert len(contents) == len(set(contents.values())) == 39


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"subset": "val"}, "no subset 'val'"),
        ({"version": 9}, "no version 9"),
        ({"videos_per_class": 0}, "videos_per_class is 0"),
        ({"seed": -1}, "seed is -1"),
        ({"num_workers": 0}, "num_workers is 0"),
    ],
)
def test_impossible_arguments_are_refused(tmp_path: Path, options: dict[str, object], message: str) -> None:
    """A subset, version or number that does not exist raises DataError and writes nothing."""
    arguments: dict[str, object] = {"subset": "train", "videos_per_class": 1} | options
    with pytest.raises(DataError, match=message):
        synthetic_motion(tmp_path, **arguments)  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())
