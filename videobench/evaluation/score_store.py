"""Logits of single views on disk: computed once, then used by every protocol that contains the view.

A store is a folder of immutable parquet shards and a ``key.json`` that says whose scores they are. A shard is
written under a temporary name, synced and renamed, and names never repeat; the store is the union of its
shards. So there are no locks, any number of processes may write, also over NFS, and a killed one leaves at
most a temporary file that nobody reads.
"""

import contextlib
import dataclasses
import hashlib
import json
import os
import time
import uuid
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from videobench.atomic import replacing
from videobench.errors import DataError, IncompleteError
from videobench.evaluation.score_shard import KEY_COLUMNS, UnreadableShardError, read_keys, read_logits, write_shard
from videobench.evaluation.view_scores import ViewScores
from videobench.evaluation.views import View

if TYPE_CHECKING:
    import pandas as pd

_SCHEMA_VERSION = 1


@dataclasses.dataclass(frozen=True)
class ScoreKey:
    """Everything but the view that a logit depends on."""

    weights_sha256: str
    data_fingerprint: str
    modality: str
    preprocessing: str
    network: str = ""
    """What the weights alone don't say of the network they are in, such as BatchNorm's epsilon; empty where they do."""

    @property
    def hash16(self) -> str:
        """The first 16 hexadecimal digits of the key's sha256: the name of the store's folder."""
        parts = dataclasses.asdict(self)
        if not self.network:
            del parts["network"]  # stores older than this field keep their names
        text = json.dumps(parts, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclasses.dataclass(frozen=True)
class WeightsOrigin:
    """Where a store's weights came from: for people, and for machines that have the scores but not the weights."""

    label: str
    training: str | None = None
    """Digest of the training that made them; None for weights from a file."""
    card: Mapping[str, Any] | None = None
    """What was written beside the weights, if anything was."""


def open_store(
    root: Path, key: ScoreKey, class_names: Sequence[str], origin: WeightsOrigin | None = None
) -> "ScoreStore":
    """The store for ``key`` under ``root``, made if absent; DataError when it holds other class names.

    ``origin`` is kept beside the key, also in a store that was made without one.
    """
    folder = root / key.hash16
    path = folder / "key.json"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        _write_card(folder, key, class_names, origin)
    store = existing_store(folder)  # also when just written: another process may have been first
    if store.key != key:
        raise DataError(
            "this folder holds the scores of another key",
            where=str(path),
            hint="move the folder away; its scores are then computed again",
        )
    if store.class_names != tuple(class_names):
        raise DataError(_class_names_differ(store.class_names, class_names), where=f"{path}: class_names")
    if store.origin is None and origin:
        _write_card(folder, key, class_names, origin)
        return existing_store(folder)
    with contextlib.suppress(PermissionError):  # somebody else's file
        os.utime(path)  # its time says when the store was last used
    return store


def existing_store(folder: Path) -> "ScoreStore":
    """The store in ``folder``, all about it read from its ``key.json``."""
    path = folder / "key.json"
    try:
        card = json.loads(path.read_text())
        fields = [field.name for field in dataclasses.fields(ScoreKey) if field.name != "network"]
        key = ScoreKey(**{name: card[name] for name in fields}, network=card.get("network", ""))
        class_names = tuple(card["class_names"])
        origin = WeightsOrigin(**card["origin"]) if card.get("origin") else None
    except FileNotFoundError:
        hint = "name a folder that an evaluation has filled with scores"
        raise DataError("no store of scores here", where=str(path), hint=hint) from None
    except (ValueError, KeyError, TypeError) as error:
        hint = "move the folder away; its scores are then computed again"
        raise DataError(f"cannot be read as a store's key ({error!r})", where=str(path), hint=hint) from error
    return ScoreStore(folder, key, class_names, origin)


def stores_under(root: Path) -> "list[ScoreStore]":
    """All stores under ``root``, in the order of their folders' names."""
    return [existing_store(path.parent) for path in sorted(root.glob("*/key.json"))]


def require_complete(store: "ScoreStore", wanted: Mapping[str, Collection[View]]) -> None:
    """IncompleteError, naming videos and how many views each lacks, unless the store has all wanted views."""
    missing = store.missing(wanted)
    if not missing:
        return
    num_views = sum(map(len, missing.values()))
    shown = [f"  {video}: {len(views)} missing" for video, views in list(missing.items())[:10]]
    if len(missing) > len(shown):
        shown.append(f"  and {len(missing) - len(shown)} videos more")
    raise IncompleteError(
        f"{len(missing)} of {len(wanted)} videos lack views, {num_views} views in all\n" + "\n".join(shown),
        where=str(store.folder),
        hint="`videobench eval`, where the videos and the weights are, computes only what is missing",
    )


@dataclasses.dataclass(frozen=True)
class StoreContents:
    """How much a store holds."""

    num_videos: int
    num_views: int
    shards: tuple[str, ...]
    """Names of the shards that can be read, the oldest first."""
    idle_shards: tuple[str, ...]
    """Those of them whose every view an older shard has too: nothing is ever read from them."""
    unreadable: Mapping[str, str]
    """Name of a shard that can't be read -> why."""


class ScoreStore:
    """One folder of scores; get one from ``open_store`` or ``existing_store``."""

    def __init__(self, folder: Path, key: ScoreKey, class_names: tuple[str, ...], origin: WeightsOrigin | None) -> None:
        self.folder = folder
        self.key = key
        self.class_names = class_names
        self.origin = origin
        self.unreadable: dict[str, str] = {}  # shard -> why: left out of the union, its views count as missing
        self._shards: dict[str, pd.DataFrame] = {}  # the keys of every shard read so far
        self._rows: pd.DataFrame | None = None  # their union

    def write(self, views: Sequence[tuple[str, View]], logits: NDArray[np.float32]) -> None:
        """Add the logits [R, K] of R (video, view) pairs as a new shard; on return they are on disk."""
        if logits.shape != (len(views), len(self.class_names)):
            raise ValueError(f"logits {logits.shape} for {len(views)} views and {len(self.class_names)} classes")
        if not views:
            return
        # The time first: of two shards with the same view the older one counts.
        name = f"shard-{time.time_ns():020d}-{uuid.uuid4().hex[:12]}.parquet"
        write_shard(self.folder / name, views, logits)

    def missing(self, wanted: Mapping[str, Collection[View]]) -> dict[str, list[View]]:
        """The distinct wanted views the store lacks, sorted; only videos that lack any."""
        distinct = {video: sorted(set(views)) for video, views in wanted.items()}
        pairs = [(video, view) for video, views in distinct.items() for view in views]
        lacking: dict[str, list[View]] = {}
        for index in np.flatnonzero(self._find(pairs)[0] < 0):
            video, view = pairs[index]
            lacking.setdefault(video, []).append(view)
        return lacking

    def logits(self, wanted: Mapping[str, Collection[View]]) -> ViewScores:
        """Logits of all wanted views, repeated ones once with their count; IncompleteError if any is missing.

        Videos come in the order of ``wanted``, a video's views ascending.
        """
        counted: list[dict[View, int]] = []
        for views in wanted.values():
            counts: dict[View, int] = {}
            for view in views:
                counts[view] = counts.get(view, 0) + 1
            counted.append(dict(sorted(counts.items())))
        for video, views_of_video in zip(wanted, counted, strict=True):
            if not views_of_video:
                raise ValueError(f"no view of {video} is wanted")
        shard_of, row_of = self._find(
            [(video, view) for video, views in zip(wanted, counted, strict=True) for view in views]
        )
        if (shard_of < 0).any():
            require_complete(self, wanted)
            return self.logits(wanted)  # another process has added them in between
        logits = np.empty((len(shard_of), len(self.class_names)), np.float32)  # [R, K]
        for number, name in enumerate(sorted(self._shards)):
            here = shard_of == number
            if here.any():
                logits[here] = self._logits_of(name)[row_of[here]]
        first_row = np.cumsum([0, *map(len, counted)], dtype=np.int64)[:-1]
        counts_of_rows = [count for views in counted for count in views.values()]
        return ViewScores(tuple(wanted), logits, first_row, np.array(counts_of_rows, np.int64))

    def contents(self) -> StoreContents:
        """What is in the store, found from the keys of its shards alone."""
        rows = self._union()
        names = sorted(self._shards)
        used = {names[number] for number in rows["shard"].unique()}
        return StoreContents(
            num_videos=rows["video"].nunique(),
            num_views=len(rows),
            shards=tuple(names),
            idle_shards=tuple(name for name in names if name not in used),
            unreadable=dict(self.unreadable),
        )

    def frame(self) -> "pd.DataFrame":
        """Every stored view once: its key's columns and its logits, an array [K] a row."""
        import pandas as pd

        rows = self._union()
        shards = [self._logits_of(name) for name in sorted(self._shards)]
        first_row = np.cumsum([0, *map(len, shards)])
        stacked = np.concatenate(shards) if shards else np.empty((0, len(self.class_names)), np.float32)
        logits = stacked[first_row[rows["shard"].to_numpy(np.int64)] + rows["row"].to_numpy(np.int64)]
        return rows[KEY_COLUMNS].assign(logits=pd.Series(list(logits), rows.index, dtype=object))

    def _logits_of(self, shard: str) -> NDArray[np.float32]:
        return read_logits(self.folder / shard, num_classes=len(self.class_names))

    def _find(self, pairs: Sequence[tuple[str, View]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Shard number and row in it of each pair, which must be distinct; -1 where the store lacks it."""
        import pandas as pd

        columns: dict[str, list[Any]] = {"video": [video for video, _ in pairs]}
        for name in KEY_COLUMNS[1:]:
            columns[name] = [getattr(view, name) for _, view in pairs]
        rows = self._union()
        if not len(rows) or not pairs:
            return np.full(len(pairs), -1), np.full(len(pairs), -1)
        found = pd.DataFrame(columns).merge(rows, on=KEY_COLUMNS, how="left")
        shard, row = (found[name].fillna(-1).to_numpy(np.int64) for name in ("shard", "row"))
        return shard, row

    def _union(self) -> "pd.DataFrame":
        """Keys of all stored views with ``shard`` (number among sorted names) and ``row``; first shard wins.

        Only shards that are new since the last call are opened, and only their keys are read.
        """
        import pandas as pd

        names = {path.name for path in self.folder.glob("shard-*.parquet")}
        new = names - self._shards.keys() - self.unreadable.keys()
        for name in sorted(new):
            try:
                self._shards[name] = read_keys(self.folder / name, num_classes=len(self.class_names))
            except UnreadableShardError as error:
                self.unreadable[name] = str(error)
        if new or self._rows is None:
            parts = [self._shards[name].assign(shard=number) for number, name in enumerate(sorted(self._shards))]
            columns = [*KEY_COLUMNS, "row", "shard"]
            union = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)
            self._rows = union.drop_duplicates(KEY_COLUMNS, ignore_index=True)
        return self._rows


def _write_card(folder: Path, key: ScoreKey, class_names: Sequence[str], origin: WeightsOrigin | None) -> None:
    card = {
        "schema": _SCHEMA_VERSION,
        **dataclasses.asdict(key),
        "class_names": list(class_names),
        "origin": dataclasses.asdict(origin) if origin else None,
    }
    with replacing(folder / "key.json") as temporary:
        temporary.write_text(json.dumps(card, indent=1))


def _class_names_differ(stored: Sequence[str], given: Sequence[str]) -> str:
    if len(stored) != len(given):
        return f"the stored scores have {len(stored)} classes, the data set has {len(given)}"
    differing = [
        f"class {index} is {old!r} there and {new!r} in the data set"
        for index, (old, new) in enumerate(zip(stored, given, strict=True))
        if old != new
    ]
    return f"{len(differing)} class names differ: " + ", ".join(differing[:3])
