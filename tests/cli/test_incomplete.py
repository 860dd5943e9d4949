"""Every video has its views or there is no number; what is left out is said."""

from pathlib import Path

import numpy as np
import pytest
from commands import call, write_experiment

from videobench.evaluation.score_store import ScoreStore
from videobench.records import all_records


def lose_the_first_half(store: ScoreStore, views: list, logits: np.ndarray) -> None:
    """Write two shards, of which the first one vanishes."""
    half = len(views) // 2
    write(store, views[:half], logits[:half])
    (lost,) = store.folder.glob("shard-*")
    write(store, views[half:], logits[half:])
    lost.unlink()


write = ScoreStore.write


def test_scores_that_vanish_before_they_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 5 names the videos and writes no record; the same command then computes only what is missing."""
    path = write_experiment(tmp_path)
    arguments = ("train", path, "--home", tmp_path, "--set", "evaluate.protocol=video_10")
    with monkeypatch.context() as patch:
        patch.setattr(ScoreStore, "write", lose_the_first_half)
        lost = call(*arguments)
    assert lost.code == 5
    assert "2 of 4 videos lack views, 10 views in all" in lost.err
    assert "test/bright/0.mp4: 5 missing" in lost.err
    assert "computes only what is missing" in lost.err
    assert not list((tmp_path / "results").rglob("*.json"))
    again = call(*arguments)
    assert again.code == 0
    assert "10 of 20 views to compute, 10 stored" in again.err
    assert len(all_records(tmp_path / "results" / "records")) == 1


def test_skipped_videos_are_said(tmp_path: Path) -> None:
    """The output counts them and names the ledger, and the table says it too; without the policy it is an error."""
    path = write_experiment(tmp_path)
    (tmp_path / "videos" / "test" / "dark" / "1.mp4").write_bytes(b"not a video")
    failed = call("train", path, "--home", tmp_path)
    assert failed.code == 3
    assert "--set data.on_error=skip" in failed.err
    done = call("train", path, "--home", tmp_path, "--set", "data.on_error=skip")
    assert done.code == 0, done.err
    ledger = tmp_path / "runs" / "index" / "small.failures.jsonl"
    assert f"small, test: 1 of 4 videos skipped, see {ledger}" in done.err
    assert ledger.is_file()
    assert "1 of 4 videos left out: test/dark/1.mp4 (can't be opened" in done.out
