"""The stores of scores under a home: what they hold, and what of it nothing refers to any more."""

import contextlib
import json
import os
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from videobench.evaluation.score_store import ScoreStore, stores_under
from videobench.records import all_records
from videobench.runner.stored import labels_of_sets
from videobench.runner.workspace import Workspace

UNTOUCHED_SECONDS = 3600.0
"""What was written or opened since may be in use; a running evaluation writes every minute."""


@dataclass(frozen=True)
class StoreSummary:
    """One store as ``videobench scores ls`` shows it."""

    folder: str
    data: str | None
    """What people call the videos; None where their list is not here."""
    data_fingerprint: str
    weights: str | None
    """What people call the weights; None in a store that doesn't say."""
    training: str | None
    """Digest of the training that made the weights; None for a file's, and where it isn't known."""
    weights_sha256: str
    preprocessing: str
    num_classes: int
    num_videos: int
    num_views: int
    num_shards: int
    num_bytes: int
    unreadable: Mapping[str, str]
    """Shards that are left out -> why."""


@dataclass(frozen=True)
class Garbage:
    """A file or folder that nothing refers to or reads, and why that is so."""

    path: Path
    why: str
    num_bytes: int


def list_stores(workspace: Workspace) -> list[StoreSummary]:
    """Return all stores, those of the same data together."""
    labels, trainings = labels_of_sets(workspace), _trainings(workspace)
    summaries = [_summary(store, labels, trainings) for store in stores_under(workspace.scores)]
    return sorted(summaries, key=lambda one: (one.data or "", one.data_fingerprint, one.weights or "", one.folder))


def find_garbage(workspace: Workspace) -> list[Garbage]:
    """Return what can go: nothing that is found here changes a number or costs a view when it is deleted.

    Except for stores whose weights belong to no training and no record here: they are lost with all their views.
    Nothing is listed that was touched within the last hour, so that evaluations may run meanwhile.
    """
    known = _known_weights(workspace)
    found: list[Garbage] = []
    for store in stores_under(workspace.scores):
        if store.key.weights_sha256 not in known and _is_untouched(store.folder.iterdir()):
            why = "its weights belong to no training and no record here"
            found.append(Garbage(store.folder, why, _size(store.folder.iterdir())))
        else:
            found += _in_store(store)
    whole = {item.path for item in found}
    leftovers = (path for path in workspace.scores.glob("*/.*.tmp") if path.parent not in whole)
    return found + _files(leftovers, "left by a process that was killed while writing it")


def delete(garbage: Garbage) -> None:
    """Delete what ``find_garbage`` found; another process may have done so already."""
    if garbage.path.is_dir():
        shutil.rmtree(garbage.path, ignore_errors=True)
    else:
        garbage.path.unlink(missing_ok=True)


def _summary(store: ScoreStore, labels: Mapping[str, str], trainings: Mapping[str, str]) -> StoreSummary:
    key, contents = store.key, store.contents()
    training = store.origin.training if store.origin else None
    return StoreSummary(
        folder=str(store.folder),
        data=labels.get(key.data_fingerprint[:16]),
        data_fingerprint=key.data_fingerprint,
        weights=store.origin.label if store.origin else None,
        training=training or trainings.get(key.weights_sha256),
        weights_sha256=key.weights_sha256,
        preprocessing=key.preprocessing,
        num_classes=len(store.class_names),
        num_videos=contents.num_videos,
        num_views=contents.num_views,
        num_shards=len(contents.shards),
        num_bytes=_size(store.folder.iterdir()),
        unreadable=contents.unreadable,
    )


def _known_weights(workspace: Workspace) -> set[str]:
    """Return the sha256 of all weights that a training or a record here speaks of."""
    known = set(_trainings(workspace))
    for record in all_records(workspace.records):
        known.update(record.weights_sha256.split("+"))  # a fused record has several
    return known


def _trainings(workspace: Workspace) -> dict[str, str]:
    """Return the digest of every finished training here by the sha256 of its weights."""
    cards = workspace.runs.glob("trainings/*/weights.json")
    return {str(json.loads(path.read_text(encoding="utf-8"))["sha256"]): path.parent.name for path in cards}


def _in_store(store: ScoreStore) -> Iterator[Garbage]:
    contents = store.contents()
    yield from _files((store.folder / name for name in contents.idle_shards), "older shards have all of its views")
    for name, why in contents.unreadable.items():
        yield from _files([store.folder / name], f"damaged: {why}")


def _files(paths: Iterable[Path], why: str) -> list[Garbage]:
    return [Garbage(path, why, _size([path])) for path in paths if _is_untouched([path])]


def _is_untouched(paths: Iterable[Path]) -> bool:
    return all(status.st_mtime < time.time() - UNTOUCHED_SECONDS for status in _statuses(paths))


def _size(paths: Iterable[Path]) -> int:
    return sum(status.st_size for status in _statuses(paths))


def _statuses(paths: Iterable[Path]) -> Iterator[os.stat_result]:
    """Yield what is known of the files that are there; a writer renames and deletes its temporary ones."""
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            yield path.stat()
