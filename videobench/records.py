"""What a result is on disk: one JSON file per evaluation and one CSV file with its videos.

``folder`` is everywhere the folder that holds the records themselves (``<results>/records``). A record exists
exactly when its JSON file does; that file is written last, and both appear complete or not at all. Numbers
keep their full precision: rounding belongs to whoever prints them. Accuracies are fractions in [0, 1].
"""

import csv
import hashlib
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError

from videobench.atomic import replacing
from videobench.errors import DataError
from videobench.video_outcome import VIDEO_COLUMNS, VideoOutcome

if TYPE_CHECKING:  # pandas takes half a second to import and only `table` needs it
    import pandas as pd

SCHEMA_VERSION = 1

Scale = Literal["paper", "gpu", "cpu", "smoke"]

_STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One number with its 95 % interval, what that covers ('videos', 'videos and seeds'), how it was made.

    A bound that is infinite (a single source says nothing about others) is None, on disk and here.
    """

    __pydantic_config__ = _STRICT
    value: float
    low: float | None
    high: float | None
    covers: str
    method: str
    n: int

    def __post_init__(self) -> None:
        for name in ("low", "high"):
            if (bound := getattr(self, name)) is not None and math.isinf(bound):
                object.__setattr__(self, name, None)


@dataclass(frozen=True, kw_only=True)
class SkippedVideo:
    """A video of the test set that was left out because the experiment allows it, and why."""

    __pydantic_config__ = _STRICT
    video: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class EvaluatedData:
    """The test set as it was met: ``num_expected`` videos in it, ``num_evaluated`` with all their views."""

    __pydantic_config__ = _STRICT
    name: str
    fingerprint: str
    num_expected: int
    num_evaluated: int
    skipped: tuple[SkippedVideo, ...] = ()
    classes_sha256: str
    original_fingerprint: str | None = None
    """Of optical flow: the fingerprint of the videos it was computed from."""

    @property
    def videos_fingerprint(self) -> str:
        """Says which videos were looked at, in colour or as flow."""
        return self.original_fingerprint or self.fingerprint


@dataclass(frozen=True, kw_only=True)
class NetworkSize:
    """Learnable parameters, convolution and fc weights alone (as P1 counts), multiply-adds per clip."""

    __pydantic_config__ = _STRICT
    parameters: int
    conv_fc_weights: int
    macs: int


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What the run took; training is None when the weights came from a file.

    ``total_training_seconds`` adds the trainings that this one's weights started from; ``threads`` count per process.
    """

    __pydantic_config__ = _STRICT
    training_seconds: float | None = None
    total_training_seconds: float | None = None
    evaluation_seconds: float
    clips: int
    device: str
    threads: int
    processes: int = 1


@dataclass(frozen=True, kw_only=True)
class Environment:
    """What ran: git commit (with ``dirty`` for uncommitted changes) and versions; None where unknown."""

    __pydantic_config__ = _STRICT
    git_sha: str | None
    dirty: bool | None
    python: str
    torch: str
    av: str
    ffmpeg: str
    platform: str


@dataclass(frozen=True, kw_only=True)
class Record:
    """One evaluation: what was run, on what, with which numbers.

    ``digest`` names the evaluation, ``training_digest`` the training that made the weights (None for a file).
    ``training`` and ``evaluation`` are the resolved settings as plain nested mappings; ``groups`` holds the
    same metrics as ``metrics`` for each group of classes. ``created`` is UTC in ISO 8601. ``notes`` are sentences that
    belong beside the numbers wherever they are shown: a table prints them as footnotes.
    """

    __pydantic_config__ = _STRICT
    digest: str
    training_digest: str | None
    scale: Scale
    seed: int | None
    training: Mapping[str, Any] | None
    evaluation: Mapping[str, Any]
    data: EvaluatedData
    metrics: Mapping[str, Metric]
    groups: Mapping[str, Mapping[str, Metric]] = field(default_factory=dict)
    network: NetworkSize
    cost: Cost
    weights_sha256: str
    environment: Environment
    created: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class _RecordFile:
    """The JSON file: the record, its schema, and the sha256 of the CSV file that belongs to it."""

    __pydantic_config__ = _STRICT
    schema_version: int
    videos_sha256: str
    record: Record


def write_record(folder: Path, record: Record, videos: Iterable[VideoOutcome]) -> Path:
    """Write the record and its videos atomically, the JSON file last, and return the JSON file's path."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, VIDEO_COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(outcome.to_row() for outcome in videos)
    table = buffer.getvalue()
    content = _RecordFile(schema_version=SCHEMA_VERSION, videos_sha256=_sha256(table), record=record)
    text = json.dumps(asdict(content), indent=1, ensure_ascii=False, allow_nan=False)
    write_atomically(_videos_path(folder, record.digest), table)
    path = _record_path(folder, record.digest)
    write_atomically(path, text + "\n")
    return path


def write_class_names(folder: Path, names: Sequence[str]) -> None:
    """Keep the class names that records name by their ``classes_sha256``, once for all of them."""
    path = _class_names_path(folder, class_names_sha256(names))
    if not path.exists():
        write_atomically(path, json.dumps(list(names), indent=1, ensure_ascii=False) + "\n")


def read_class_names(folder: Path, sha256: str) -> tuple[str, ...] | None:
    """Return the class names behind a record's ``classes_sha256``; None where they were not kept."""
    path = _class_names_path(folder, sha256)
    if not path.is_file():
        return None
    try:
        names = tuple(map(str, json.loads(_read_text(path))))
    except ValueError as error:
        raise _damaged(path, f"not JSON ({error})") from error
    if class_names_sha256(names) != sha256:
        raise _damaged(path, "it holds other class names")
    return names


def class_names_sha256(names: Sequence[str]) -> str:
    """Return what identifies class names in their order."""
    return _sha256("\n".join(names))


def has_record(folder: Path, digest: str) -> bool:
    """Whether the evaluation with this digest has a record."""
    return _record_path(folder, digest).is_file()


def read_record(folder: Path, digest: str) -> Record:
    """Read one record; DataError when it is missing, damaged or of a newer schema."""
    return _read(_record_path(folder, digest)).record


def all_records(folder: Path) -> list[Record]:
    """Read every record of a folder, in the order of their digests; DataError names the first damaged one."""
    return [read_record(folder, path.stem) for path in sorted(folder.glob("[!.]*.json"))]


def read_videos(folder: Path, digest: str) -> list[VideoOutcome]:
    """Read the videos of one record; DataError when they are missing or not those it was written with."""
    columns = read_video_columns(folder, digest)
    rows = zip(*columns.values(), strict=True)
    return [VideoOutcome.from_row(dict(zip(columns, row, strict=True))) for row in rows]


def read_video_columns(folder: Path, digest: str) -> dict[str, tuple[str, ...]]:
    """Read the videos of one record as columns of text: ten times as fast, for tables of many records."""
    path = _videos_path(folder, digest)
    expected = _read(_record_path(folder, digest)).videos_sha256
    text = _read_text(path)
    if _sha256(text) != expected:
        raise DataError(
            "the file is not the one its record was written with",
            where=str(path),
            hint="Delete the record's .json and .csv file and run `videobench eval` again.",
        )
    names, *rows = csv.reader(io.StringIO(text, newline=""))
    columns = zip(*rows, strict=True) if rows else [()] * len(names)
    return dict(zip(names, columns, strict=True))


def load_records(folder: Path) -> "pd.DataFrame":
    """Load all records of a folder as one table: a line per record, a column per flat field ('network.macs').

    A folder without records, or none at all, gives an empty table. One DataError names all damaged records.
    """
    import pandas as pd

    records, faults = [], []
    for path in sorted(folder.glob("[!.]*.json")):
        try:
            records.append(flatten(asdict(_read(path).record)))
        except DataError as error:
            faults.append(error)
    if len(faults) == 1:
        raise faults[0]
    if faults:
        names = "\n".join(f"  {error.where}: {error.what}" for error in faults)
        raise DataError(f"{len(faults)} damaged records:\n{names}", where=str(folder), hint=faults[0].hint)
    return pd.DataFrame.from_records(records)


def flatten(nested: Mapping[str, Any]) -> dict[str, Any]:
    """Flatten nested mappings into dotted names: {'clip': {'frames': 8}} -> {'clip.frames': 8}."""
    flat: dict[str, Any] = {}
    for name, value in nested.items():
        if isinstance(value, Mapping):
            flat.update((f"{name}.{inner}", item) for inner, item in flatten(value).items())
        else:
            flat[name] = value
    return flat


def write_atomically(path: Path, text: str) -> None:
    """Write a text file whole or not at all; DataError where that is impossible."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary:
            temporary.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise DataError(
            f"can't write: {error.strerror or error}",
            where=str(path),
            hint="Make the folder writable, see that the disk has room, or choose another with --home.",
        ) from error


def _record_path(folder: Path, digest: str) -> Path:
    return folder / f"{digest}.json"


def _class_names_path(folder: Path, sha256: str) -> Path:
    return folder / "classes" / f"{sha256[:16]}.json"


def _videos_path(folder: Path, digest: str) -> Path:
    return folder / f"{digest}.videos.csv"


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@cache
def _record_file() -> TypeAdapter[_RecordFile]:
    return TypeAdapter(_RecordFile)  # built on first use: it takes some milliseconds that `--help` can do without


def _read_text(path: Path) -> str:
    try:
        return path.read_bytes().decode()
    except FileNotFoundError as error:
        raise DataError(
            "no such record", where=str(path), hint="Run `videobench eval` on its experiment first."
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise _damaged(path, str(error)) from error


def _read(path: Path) -> _RecordFile:
    text = _read_text(path)
    try:
        content = json.loads(text)
    except ValueError as error:
        raise _damaged(path, f"not JSON ({error})") from error
    version = content.get("schema_version") if isinstance(content, dict) else None
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise DataError(
            f"the record has schema version {version}; this videobench reads up to {SCHEMA_VERSION}",
            where=f"{path}: schema_version",
            hint="Update videobench to read it.",
        )
    try:
        file = _record_file().validate_json(text)
    except ValidationError as error:
        raise _damaged(path, _first_faults(error.errors(include_url=False))) from error
    if file.record.digest != path.stem:
        raise _damaged(path, f"it holds the record of {file.record.digest!r}")
    return file


def _first_faults(errors: Sequence[Any]) -> str:
    faults = [f"field {'.'.join(map(str, error['loc']))}: {error['msg']}" for error in errors[:3]]
    return "; ".join(faults) + (f"; and {len(errors) - 3} more" if len(errors) > 3 else "")


def _damaged(path: Path, reason: str) -> DataError:
    return DataError(
        f"damaged record: {reason}",
        where=str(path),
        hint="Delete it and run `videobench eval` again; the stored scores make that quick.",
    )
