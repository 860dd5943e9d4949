"""The stores of a home: what is told of them, and what counts as garbage."""

import json
import os
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from small_experiment import records_by_digest, run, write_experiment

from videobench.evaluation.score_store import ScoreKey, ScoreStore, open_store, stores_under
from videobench.evaluation.views import View
from videobench.runner.score_stores import Garbage, delete, find_garbage, list_stores
from videobench.runner.workspace import Workspace

CLASSES = ("bright", "dark", "red")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which the small experiment is done."""
    home = tmp_path_factory.mktemp("trained")
    run(write_experiment(home), home, "evaluate.protocol=clip")
    return home


@pytest.fixture
def home(trained: Path, tmp_path: Path) -> Path:
    """A copy of that home of one's own."""
    shutil.copytree(trained, tmp_path / "home")
    return tmp_path / "home"


@pytest.fixture
def store(home: Path) -> ScoreStore:
    (store,) = stores_under(Workspace(home).scores)
    return store


def age(*paths: Path, hours: float = 2) -> None:
    """Make files look as if last touched that long ago; of a folder, all that is in it."""
    for path in paths:
        for file in path.iterdir() if path.is_dir() else [path]:
            os.utime(file, (time.time() - 3600 * hours,) * 2)


def foreign_store(home: Path, weights_sha256: str = "f" * 64) -> ScoreStore:
    """Open a store of weights that nothing speaks of, with one view in it."""
    key = ScoreKey(weights_sha256, "d" * 64, "rgb", "as it is")
    store = open_store(Workspace(home).scores, key, CLASSES)
    store.write([("video", View(0, 2, 1, "centre", False))], np.zeros((1, 3), np.float32))
    return store


def garbage(home: Path) -> list[Garbage]:
    return find_garbage(Workspace(home))


def paths(found: Sequence[Garbage]) -> list[Path]:
    return [item.path for item in found]


def files(home: Path) -> list[Path]:
    return sorted(path for path in (home / "runs" / "scores").rglob("*") if path.is_file())


def test_a_store_in_figures(home: Path, store: ScoreStore) -> None:
    """What it holds, in whose words, what it takes on disk, and which of its shards are damaged."""
    (store.folder / "shard-9.parquet").write_bytes(b"damaged")
    (listed,) = list_stores(Workspace(home))
    assert listed.folder == str(store.folder)
    assert listed.data is not None
    assert listed.data.startswith("small test")
    assert listed.weights is not None
    assert listed.weights.startswith("R3D-18, 2 frames")
    assert (home / "runs" / "trainings" / f"{listed.training}").is_dir()
    assert (listed.num_classes, listed.num_videos, listed.num_views, listed.num_shards) == (3, 6, 6, 1)
    assert listed.num_bytes == sum(path.stat().st_size for path in store.folder.iterdir())
    assert list(listed.unreadable) == ["shard-9.parquet"]


def test_a_store_about_which_little_is_known(tmp_path: Path) -> None:
    """Without a list of its videos and the origin of its weights there are still their fingerprints."""
    foreign_store(tmp_path)
    (listed,) = list_stores(Workspace(tmp_path))
    assert (listed.data, listed.weights, listed.training) == (None, None, None)
    assert (listed.data_fingerprint, listed.weights_sha256) == ("d" * 64, "f" * 64)


def test_a_store_of_an_earlier_version_is_known_by_its_training(home: Path, store: ScoreStore) -> None:
    """It doesn't say where its weights came from, but they are still here."""
    path = store.folder / "key.json"
    content = json.loads(path.read_text())
    training = content.pop("origin")["training"]
    path.write_text(json.dumps(content))
    (listed,) = list_stores(Workspace(home))
    assert (listed.weights, listed.training) == (None, training)


def test_no_stores(tmp_path: Path) -> None:
    """A home without scores has nothing to list and nothing to clear up."""
    assert list_stores(Workspace(tmp_path)) == []
    assert garbage(tmp_path) == []


def test_what_is_referred_to_is_kept(home: Path, store: ScoreStore) -> None:
    """A training's weights, or a record, are enough each to keep a store; without both it can go, however old."""
    age(store.folder)
    assert garbage(home) == []
    shutil.rmtree(home / "runs" / "trainings")
    assert garbage(home) == [], "its record is there"
    shutil.rmtree(home / "results")
    (found,) = garbage(home)
    assert found.path == store.folder
    assert "no training and no record" in found.why
    assert found.num_bytes == sum(path.stat().st_size for path in store.folder.iterdir())


def test_the_streams_of_a_fused_record_are_referred_to(home: Path, store: ScoreStore) -> None:
    """Its weights are those of all its streams."""
    (path,) = Workspace(home).records.glob("*.json")
    path.write_text(path.read_text().replace(store.key.weights_sha256, f"{'a' * 64}+{store.key.weights_sha256}"))
    shutil.rmtree(home / "runs" / "trainings")
    age(store.folder)
    assert garbage(home) == []


def test_a_store_in_use_is_not_garbage(home: Path) -> None:
    """Nobody speaks of its weights yet, but an evaluation wrote to it, or opened it, within the hour."""
    foreign = foreign_store(home)
    assert garbage(home) == []
    age(foreign.folder)
    assert paths(garbage(home)) == [foreign.folder]
    open_store(Workspace(home).scores, foreign.key, CLASSES)
    assert garbage(home) == [], "it was opened just now"
    age(foreign.folder)
    (foreign.folder / ".shard-1.parquet.0.tmp").write_bytes(b"being written")
    assert garbage(home) == []


def test_leftovers_of_killed_processes(home: Path, store: ScoreStore) -> None:
    """Temporary files of shards and lists of videos, once they are an hour old; those of a whole store with it."""
    foreign = foreign_store(home)
    leftovers = [
        folder / ".shard-1.parquet.0.tmp" for folder in (store.folder, store.folder.parent / "sets", foreign.folder)
    ]
    for path in leftovers:
        path.write_bytes(b"half")
    assert garbage(home) == []
    age(*leftovers, foreign.folder)
    assert sorted(paths(garbage(home))) == sorted([*leftovers[:2], foreign.folder])


def test_shards_whose_views_older_ones_have(home: Path, store: ScoreStore) -> None:
    """The newer of two with the same views can go, and damaged ones, as soon as they are an hour old."""
    (shard,) = store.folder.glob("shard-*")
    copy, damaged = store.folder / "shard-98.parquet", store.folder / "shard-99.parquet"
    shutil.copy(shard, copy)
    damaged.write_bytes(b"no shard")
    assert garbage(home) == []
    age(store.folder)
    assert [(item.path, item.why.partition(":")[0]) for item in garbage(home)] == [
        (copy, "older shards have all of its views"),
        (damaged, "damaged"),
    ]


def test_clearing_up_changes_no_number(home: Path, store: ScoreStore) -> None:
    """After everything that is found was deleted nothing more is found, and an evaluation computes nothing again."""
    before = records_by_digest(home)
    (shard,) = store.folder.glob("shard-*")
    kept = files(home)
    foreign = foreign_store(home)
    for name in ("shard-98.parquet", ".shard-1.parquet.0.tmp"):
        shutil.copy(shard, store.folder / name)
    age(store.folder, foreign.folder)
    found = garbage(home)
    assert len(found) == 3
    for item in (*found, *found):  # another process may have been faster
        delete(item)
    assert files(home) == kept
    assert garbage(home) == []
    shutil.rmtree(home / "results")
    done = run(home / "small.yaml", home, "evaluate.protocol=clip")
    assert [event.values["num_views"] for event in done.started("evaluation")] == [0]
    assert {key: one.metrics for key, one in records_by_digest(home).items()} == {
        key: one.metrics for key, one in before.items()
    }


def test_files_that_vanish_meanwhile(home: Path, store: ScoreStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A temporary file that its writer renames while stores are listed is not missed."""
    leaving = store.folder / ".shard-1.parquet.0.tmp"
    iterdir = Path.iterdir

    def with_a_ghost(folder: Path) -> list[Path]:
        return [*iterdir(folder), *([leaving] if folder == store.folder else [])]

    monkeypatch.setattr(Path, "iterdir", with_a_ghost)
    (listed,) = list_stores(Workspace(home))
    assert listed.num_views == 6
    assert garbage(home) == []
