"""Stored scores as tables: what pandas finds in them."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from small_experiment import run, write_experiment

from videobench.errors import ConfigError, DataError, IncompleteError
from videobench.evaluation.metrics import aggregate
from videobench.records import Record, read_record, read_videos
from videobench.runner.export_scores import export_scores
from videobench.runner.stored import stored_run
from videobench.runner.workspace import Workspace

CLASSES = ["bright", "dark", "red"]
TWO_SEEDS = "seeds: [0, 1]\n"
NUM_VIDEOS = 6


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Two seeds of the small experiment, 20 clips a video of which 13 differ; its videos are gone."""
    home = tmp_path_factory.mktemp("trained")
    run(write_experiment(home, TWO_SEEDS), home, "evaluate.protocol=video_20")
    shutil.rmtree(home / "videos")
    return Workspace(home)


@pytest.fixture(scope="module")
def records(workspace: Workspace) -> list[Record]:
    found = [read_record(workspace.records, path.stem) for path in workspace.records.glob("*.json")]
    return sorted(found, key=lambda record: record.seed or 0)


def test_a_row_a_view(workspace: Workspace, records: list[Record], tmp_path: Path) -> None:
    """Each view of each run once, with its count, its labels and its logits bit for bit; the classes by name."""
    num_rows = export_scores(records, tmp_path / "views.parquet", per="view", workspace=workspace)
    table = pd.read_parquet(tmp_path / "views.parquet")
    assert num_rows == len(table) == 2 * NUM_VIDEOS * 13
    assert table.columns.tolist() == [
        "run", "seed", "split", "video", "start", "frames", "stride", "crop", "flip", "count", "labels", "logits",
    ]  # fmt: skip
    assert table.attrs == {"classes": CLASSES}
    for record in records:
        rows = table[table["run"] == record.digest]
        stored = stored_run(record, workspace)
        np.testing.assert_array_equal(np.stack(rows["logits"].to_list()), stored.scores.logits)
        assert (rows["seed"] == record.seed).all()
        assert rows["count"].sum() == 20 * NUM_VIDEOS
        one = rows[rows["video"] == "test/red/0.mp4"]
        assert one["start"].tolist() == list(range(13))
        assert one["labels"].map(list).tolist() == [[2]] * 13


def test_a_row_a_video(workspace: Workspace, records: list[Record], tmp_path: Path) -> None:
    """The outcome of every video of every run, as its record has it, and the scores that its views average to."""
    export_scores(records, tmp_path / "videos.parquet", per="video", workspace=workspace)
    table = pd.read_parquet(tmp_path / "videos.parquet")
    assert len(table) == 2 * NUM_VIDEOS
    for record in records:
        rows = table[table["run"] == record.digest]
        outcomes = read_videos(workspace.records, record.digest)
        assert rows["video"].tolist() == [outcome.video for outcome in outcomes]
        assert rows["predicted"].map(tuple).tolist() == [outcome.predicted for outcome in outcomes]
        assert rows["clip_hits"].tolist() == [outcome.clip_hits for outcome in outcomes]
        assert rows["video_hit"].mean() == record.metrics["video@1"].value
        stored = stored_run(record, workspace)
        expected = aggregate(stored.scores, "softmax_mean").scores
        np.testing.assert_array_equal(np.stack(rows["scores"].to_list()), expected)


@pytest.mark.parametrize(("per", "prefix"), [("view", "logit"), ("video", "score")])
def test_csv_has_the_same_numbers(
    per: str, prefix: str, workspace: Workspace, records: list[Record], tmp_path: Path
) -> None:
    """A column a class instead of a list, labels as text; nothing is rounded."""
    for suffix in ("csv", "parquet"):
        export_scores(records, tmp_path / f"table.{suffix}", per=per, workspace=workspace)
    text, binary = pd.read_csv(tmp_path / "table.csv"), pd.read_parquet(tmp_path / "table.parquet")
    names = [f"{prefix}_{one}" for one in CLASSES]
    assert text.columns.tolist() == [*binary.columns[:-1], *names]
    expected = np.stack(binary[f"{prefix}s"].to_list())
    np.testing.assert_array_equal(text[names].to_numpy(expected.dtype), expected)
    assert text["labels"].astype(str).tolist() == binary["labels"].map(lambda cell: " ".join(map(str, cell))).tolist()
    for name in set(binary.columns) - {"labels", "predicted", f"{prefix}s"}:
        found, expected = (frame[name].astype(object).fillna("").tolist() for frame in (text, binary))
        assert found == expected


def test_the_split_is_that_of_the_data(tmp_path: Path) -> None:
    """Of folders cut into folds it is the fold; where there is nothing to choose from it stays empty."""
    base_with_folds = "{type: class_folders, name: small, root: videos/train, folds: 2}"
    path = write_experiment(tmp_path)
    path.write_text(path.read_text().replace("{type: class_folders, name: small, root: videos}", base_with_folds))
    run(path, tmp_path, "data.split=2", "evaluate.protocol=clip")
    workspace = Workspace(tmp_path)
    found = [read_record(workspace.records, one.stem) for one in workspace.records.glob("*.json")]
    export_scores(found, tmp_path / "videos.csv", per="video", workspace=workspace)
    assert pd.read_csv(tmp_path / "videos.csv")["split"].unique().tolist() == [2]


def test_other_kinds_of_files_are_refused(workspace: Workspace, records: list[Record], tmp_path: Path) -> None:
    """Before anything is read, with what is legal."""
    with pytest.raises(ConfigError, match=r"table.xlsx is no kind of table\nlegal endings: .csv, .parquet"):
        export_scores(records, tmp_path / "table.xlsx", per="view", workspace=workspace)


def test_a_folder_that_is_not_there(workspace: Workspace, records: list[Record], tmp_path: Path) -> None:
    """The file that can't be written is named, and nothing is left behind."""
    with pytest.raises(DataError, match=r"nowhere/t.csv: can't write: .*\nname a file in a folder that is there"):
        export_scores(records, tmp_path / "nowhere" / "t.csv", per="view", workspace=workspace)
    assert list(tmp_path.iterdir()) == []


def test_scores_that_are_not_here(workspace: Workspace, records: list[Record], tmp_path: Path) -> None:
    """Missing scores are an incomplete evaluation; a file that is there already stays as it was."""
    home = tmp_path / "home"
    shutil.copytree(workspace.home, home)
    for shard in (home / "runs" / "scores").glob("*/shard-*"):
        shard.unlink()
    table = tmp_path / "t.csv"
    table.write_text("as it was")
    with pytest.raises(IncompleteError, match="78 views in all"):
        export_scores(records, table, per="view", workspace=Workspace(home))
    assert table.read_text() == "as it was"
