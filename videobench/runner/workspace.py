"""Where everything lies on disk: ``runs`` for what can be made again, ``results`` for what was measured."""

import contextlib
import errno
import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from videobench.atomic import replacing
from videobench.errors import ConfigError, DataError

DATA_VARIABLE = "VIDEOBENCH_DATA"
"""Environment variable: the folder that holds data sets by name."""

WEIGHTS_VARIABLE = "VIDEOBENCH_WEIGHTS"
"""Environment variable: the folder that holds public weights under their own file names."""

REFUSED_BY_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS}
"""Failures to write that are the disk's fault: full, over quota, file too large, mounted read-only."""


@contextlib.contextmanager
def explaining_full_disk() -> Iterator[None]:
    """Turn a write that the disk refuses into an error for users."""
    try:
        yield
    except OSError as error:
        if error.errno not in REFUSED_BY_DISK:
            raise
        raise DataError(
            f"the disk takes no more ({error.strerror})",
            where=str(error.filename) if error.filename else None,
            hint="make room and run the same command again: what was finished is kept",
        ) from error


@dataclass(frozen=True)
class Workspace:
    """The folders under one home; nothing is created before it is needed."""

    home: Path

    @property
    def runs(self) -> Path:
        return self.home / "runs"

    @property
    def records(self) -> Path:
        return self.home / "results" / "records"

    @property
    def scores(self) -> Path:
        return self.runs / "scores"

    @property
    def index(self) -> Path:
        return self.runs / "index"

    @property
    def frames(self) -> Path:
        return self.runs / "frames"

    @property
    def weights(self) -> Path:
        """Return where public weights are looked for and put: $VIDEOBENCH_WEIGHTS, or weights."""
        base = os.environ.get(WEIGHTS_VARIABLE)
        return Path(base) if base else self.home / "weights"

    def training(self, digest: str) -> "TrainingFolder":
        return TrainingFolder(self.runs / "trainings" / digest)

    def dataset_folder(self, name: str) -> Path:
        """Return where a data set without a ``root`` of its own is looked for: $VIDEOBENCH_DATA/name, or runs/data."""
        base = os.environ.get(DATA_VARIABLE)
        return (Path(base) if base else self.runs / "data") / name

    def check_writable(self) -> None:
        """Raise DataError when results could not be stored, before anything is computed."""
        for folder in (self.runs, self.records):
            try:
                folder.mkdir(parents=True, exist_ok=True)
                probe = folder / f".writable.{os.getpid()}"
                probe.write_bytes(b"")
                probe.unlink()
            except OSError as error:
                raise DataError(
                    f"nothing can be written here ({error.strerror})",
                    where=str(folder),
                    hint="choose another folder with --home",
                ) from None


@dataclass(frozen=True)
class TrainingFolder:
    """One training on disk, named by its digest."""

    path: Path

    @property
    def checkpoint(self) -> Path:
        return self.path / "checkpoint.safetensors"

    @property
    def best(self) -> Path:
        return self.path / "best.safetensors"

    @property
    def weights(self) -> Path:
        return self.path / "weights.safetensors"

    @property
    def card(self) -> Path:
        return self.path / "weights.json"

    @property
    def log(self) -> Path:
        return self.path / "log.jsonl"

    @property
    def failure(self) -> Path:
        return self.path / "failure.json"

    @property
    def begun(self) -> Path:
        return self.path / "begun.json"

    def is_done(self) -> bool:
        return self.weights.is_file() and self.card.is_file()

    def is_begun(self) -> bool:
        return self.checkpoint.is_file()

    def has_failed(self) -> bool:
        return self.failure.is_file()

    def begin(self, *, data_fingerprint: str) -> None:
        """Note which videos the training is on; DataError when it was begun on others and would go on with these."""
        if self.is_begun() and self.data_fingerprint() not in (None, data_fingerprint):
            raise DataError(
                "the videos are not those this training was begun on: files were added, removed or replaced",
                where=str(self.path),
                hint="put the old files back, or delete this folder to train on the new ones from the start",
            )
        with replacing(self.begun) as temporary:
            temporary.write_text(json.dumps({"data_fingerprint": data_fingerprint}) + "\n", encoding="utf-8")

    def data_fingerprint(self) -> str | None:
        """Return the fingerprint of the videos it was begun on here; None when it came from elsewhere."""
        try:
            content = json.loads(self.begun.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return None
        return str(content["data_fingerprint"])

    def remember_failure(self, error: Exception) -> None:
        with contextlib.suppress(OSError):  # a full disk must not hide what went wrong
            self.failure.write_text(json.dumps({"kind": type(error).__name__, "message": str(error)}) + "\n")

    def append_log(self, event: dict[str, Any]) -> None:
        with self.log.open("a", encoding="utf-8") as file:
            file.write(json.dumps(event, ensure_ascii=False) + "\n")

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the training for this process. The lock vanishes with the process, however that ends."""
        self.path.mkdir(parents=True, exist_ok=True)
        with (self.path / "lock").open("a+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                raise ConfigError(
                    f"process {file.read().strip() or '?'} is running this training already",
                    where=str(self.path),
                    hint="wait for it, or stop it; the same command then goes on where it stopped",
                ) from None
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            yield
