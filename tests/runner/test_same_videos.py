"""The test set is the same at every clip length; where it would not be, the plan says so before anything runs."""

import shutil
from pathlib import Path

import pytest
from small_experiment import BASE, load, records_by_digest, run, write_experiment, write_videos

from videobench.data.loader import training_batches
from videobench.data.video_set import fingerprint
from videobench.errors import ConfigError
from videobench.evaluation.views import Grid
from videobench.records import read_videos
from videobench.runner import inputs
from videobench.runner.inputs import open_input
from videobench.runner.plan import make_plan
from videobench.runner.survey import survey
from videobench.runner.wanted import wanted_views
from videobench.runner.workspace import Workspace
from videobench.spec.clip import Clip
from videobench.spec.dataset import ClassFolders
from videobench.spec.protocol import Protocol

LENGTHS = (2, 14, 40)
"""Of clips; all videos have 14 frames."""

PROTOCOLS: dict[Grid, Protocol] = {
    "authors": Protocol(clips=3),
    "centres": Protocol(clips=3, grid="centres"),
    "pyslowfast": Protocol(clips=3, grid="pyslowfast"),
    "mmaction2": Protocol(clips=3, grid="mmaction2"),
    "consecutive": Protocol(clips="all", grid="consecutive"),
    "steps": Protocol(clips="all", grid="steps", step=4),
}

MANIFEST = BASE.replace("{type: class_folders,", "{type: manifest, train: train.csv, test: test.csv,")


def test_a_sweep_over_lengths_measures_the_same_videos(tmp_path: Path) -> None:
    """Trained and measured with clips up to three times as long as every video: the same ids, number, fingerprint."""
    path = write_experiment(tmp_path, f"matrix:\n  clip.frames: {list(LENGTHS)}\n")
    assert not run(path, tmp_path, "recipe.epochs=1", "evaluate.protocol=clip").outcome.failures
    records = records_by_digest(tmp_path)
    assert len(records) == len(LENGTHS)
    assert {(record.data.fingerprint, record.data.num_evaluated) for record in records.values()} == {
        (next(iter(records.values())).data.fingerprint, 6)
    }
    folder = Workspace(tmp_path).records
    assert len({tuple(sorted(row.video for row in read_videos(folder, digest))) for digest in records}) == 1


@pytest.mark.parametrize("short_video", ["loop", "repeat_last"])
@pytest.mark.parametrize("frames", LENGTHS)
def test_every_video_is_seen_on_every_grid(tmp_path: Path, frames: int, short_video: str) -> None:
    """Every grid gives every video views that can be read, and a pass of training has a clip of each."""
    write_videos(tmp_path / "videos")
    data = ClassFolders(type="class_folders", name="small", root=str(tmp_path / "videos"))
    clip = Clip.model_validate({"frames": frames, "resize": (16, 16), "crop": 16, "short_video": short_video})
    opened = open_input(data, "test", clip, Workspace(tmp_path))
    for protocol in PROTOCOLS.values():
        wanted = wanted_views(opened.videos, clip, protocol)
        assert wanted.keys() == opened.by_id.keys()
        for video, views in wanted.items():
            read = [shown.shape for _, shown in opened.read(video, [view.clip for view in views])]
            assert read == [(frames, 16, 16, 3)] * len(views)
            assert views
    (batch,) = training_batches(
        opened.videos, frames=frames, stride=1, resize=(16, 16), crop=(16, 16), flip_probability=0, batch_size=6,
        seed=0, first_clip=0, num_batches=1, short_video=clip.short_video,
    )  # fmt: skip
    assert sorted(batch.labels.tolist()) == [0, 0, 1, 1, 2, 2]
    assert fingerprint(opened.videos) == fingerprint(
        open_input(data, "test", Clip(frames=3), Workspace(tmp_path)).videos
    )


@pytest.mark.parametrize(
    ("base", "rows", "differing"),
    [
        (MANIFEST, "a: {}\n  b: {clip.frames: 4, data.test: long.csv}", "data.test"),
        (BASE, "a: {}\n  b: {clip.frames: 4, data.only_classes: [dark]}", "data.only_classes"),
        (
            BASE.replace("{type: class_folders, name: small, root: videos}", "{type: synthetic_motion}"),
            "a: {}\n  b: {clip.frames: 4, data.test_videos_per_class: 5}",
            "data.test_videos_per_class",
        ),
    ],
)
def test_a_sweep_that_changes_the_test_set_is_refused(tmp_path: Path, base: str, rows: str, differing: str) -> None:
    """Rows that name one data set and measure other videos of it are no plan."""
    path = write_experiment(tmp_path, f"rows:\n  {rows}\n", base=base)
    with pytest.raises(
        ConfigError, match=f"rows a and b measure different test videos of .*: they differ in {differing}"
    ):
        make_plan(load(path), Workspace(tmp_path))
    assert make_plan(load(path), Workspace(tmp_path), only=["b"]).evaluations


def test_other_training_videos_are_no_other_test_set(tmp_path: Path) -> None:
    """Rows may differ in what they are trained on, in the split and in what happens to broken files."""
    rows = "rows:\n  a: {}\n  b: {data.train: half.csv}\n  c: {data.on_error: skip}\n"
    assert len(make_plan(load(write_experiment(tmp_path, rows, base=MANIFEST)), Workspace(tmp_path)).evaluations) == 3
    splits = BASE.replace("root: videos}", "folds: 3}") + "splits: [1, 2, 3]\n"
    assert len(make_plan(load(write_experiment(tmp_path, base=splits)), Workspace(tmp_path)).evaluations) == 3


def test_the_plan_says_which_rows_saw_other_videos(tmp_path: Path) -> None:
    """Rows between which the files changed are found before the table is made."""
    path = write_experiment(tmp_path, "matrix:\n  clip.frames: [2, 4]\n")
    workspace = Workspace(tmp_path)
    run(path, tmp_path, "recipe.epochs=1", only=["2"])
    plan = make_plan(load(path, "recipe.epochs=1"), workspace)
    assert survey(plan, workspace).missing == ()
    shutil.copy(tmp_path / "videos" / "test" / "dark" / "0.mp4", tmp_path / "videos" / "test" / "dark" / "new.mp4")
    inputs.forget_inputs()
    run(path, tmp_path, "recipe.epochs=1", only=["4"])
    (line,) = survey(plan, workspace).missing
    assert "2 was measured on 6 videos of small and 4 on 7, which are not the same" in line
    assert all(digest in line for digest in records_by_digest(tmp_path))
