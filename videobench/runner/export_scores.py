"""Stored scores as one table for whoever goes on with them elsewhere: a row a view, or a row a video."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from videobench.atomic import replacing
from videobench.errors import ConfigError, DataError
from videobench.evaluation.metrics import aggregate
from videobench.evaluation.score_shard import KEY_COLUMNS
from videobench.records import Record, read_videos
from videobench.runner.stored import StoredRun, stored_run
from videobench.runner.workspace import Workspace

Per = Literal["view", "video"]
_Part = tuple[pd.DataFrame, NDArray[Any]]
"""Rows of the table, R of them, and their scores [R, K]."""


def export_scores(records: Sequence[Record], path: Path, *, per: Per, workspace: Workspace) -> int:
    """Write the scores behind ``records``, which are of the same classes, to a new ``path``; return the number of rows.

    Every row names its record's digest (``run``), seed and split. In parquet the labels of a video and the K scores of
    a row are lists, and the frame's ``attrs`` hold the names of the classes; CSV has a column a class. ConfigError for
    other kinds of files; DataError and IncompleteError where something isn't stored or can't be written.
    """
    writers: Mapping[str, Callable[..., None]] = {".csv": _write_csv, ".parquet": _write_parquet}
    if path.suffix not in writers:
        raise ConfigError(f"{path} is no kind of table", hint=f"legal endings: {', '.join(writers)}")
    runs = [stored_run(record, workspace) for record in records]
    parts = [_views(run) if per == "view" else _videos(run, workspace) for run in runs]
    rows = pd.concat([_origin(run.record, len(part)).join(part) for run, (part, _) in zip(runs, parts, strict=True)])
    scores = np.concatenate([scores for _, scores in parts])  # [R, K]
    try:
        with replacing(path) as temporary:
            name = "logit" if per == "view" else "score"
            writers[path.suffix](temporary, rows.reset_index(drop=True), scores, name, runs[0].videos.classes)
    except OSError as error:
        raise DataError(
            f"can't write: {error.strerror or error}",
            where=str(path),
            hint="name a file in a folder that is there and has room",
        ) from error
    return len(rows)


def _views(run: StoredRun) -> _Part:
    labels = {video.id: list(video.labels) for video in run.videos.videos}
    views = [(video, view) for video, wanted in run.wanted.items() for view in sorted(set(wanted))]
    rows = pd.DataFrame([{"video": video, **asdict(view)} for video, view in views], columns=KEY_COLUMNS)
    counted = rows.assign(count=run.scores.counts, labels=pd.Series([labels[video] for video, _ in views]))
    return counted, run.scores.logits


def _videos(run: StoredRun, workspace: Workspace) -> _Part:
    outcomes = read_videos(workspace.records, run.record.digest)
    scores = aggregate(run.scores, run.protocol.average)
    row_of = {video: row for row, video in enumerate(scores.videos)}
    rows = pd.DataFrame([asdict(outcome) for outcome in outcomes])
    return rows, scores.scores[[row_of[outcome.video] for outcome in outcomes]]


def _origin(record: Record, num_rows: int) -> pd.DataFrame:
    """Return the columns that say where rows come from."""
    data = record.evaluation["data"]
    is_split = data.get("folds", True) is not None  # class folders have splits only where they are cut into folds
    origin = {"run": record.digest, "seed": record.seed, "split": data.get("split") if is_split else None}
    return pd.DataFrame([origin] * num_rows).astype({"seed": "Int64", "split": "Int64"})


def _write_csv(path: Path, rows: pd.DataFrame, scores: NDArray[Any], name: str, classes: Sequence[str]) -> None:
    lists = [column for column in ("labels", "predicted") if column in rows]
    text = rows.assign(**{column: [" ".join(map(str, cell)) for cell in rows[column]] for column in lists})
    numbers = pd.DataFrame(scores, columns=[f"{name}_{one}" for one in classes])
    text.join(numbers).to_csv(path, index=False)


def _write_parquet(path: Path, rows: pd.DataFrame, scores: NDArray[Any], name: str, classes: Sequence[str]) -> None:
    table = rows.assign(**{f"{name}s": list(scores)})
    table.attrs["classes"] = list(classes)
    table.to_parquet(path, index=False)
