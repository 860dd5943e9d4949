"""Where everything lies on disk: ``runs`` for what can be made again, ``results`` for what was measured."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from videobench.errors import ConfigError, DataError

DATA_VARIABLE = "VIDEOBENCH_DATA"
"""Environment variable: the folder that holds data sets by name."""


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

    def is_done(self) -> bool:
        return self.weights.is_file() and self.card.is_file()

    def is_begun(self) -> bool:
        return self.checkpoint.is_file()

    def has_failed(self) -> bool:
        return self.failure.is_file()

    def remember_failure(self, error: Exception) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        self.failure.write_text(json.dumps({"kind": type(error).__name__, "message": str(error)}) + "\n")

    def append_log(self, event: dict[str, Any]) -> None:
        with self.log.open("a", encoding="utf-8") as file:
            file.write(json.dumps(event, ensure_ascii=False) + "\n")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the training for this process. The lock vanishes with the process, however that ends."""
        self.path.mkdir(parents=True, exist_ok=True)
        with (self.path / "lock").open("a+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                raise ConfigError(
                    f"process {file.read().strip() or '?'} is running this training",
                    where=str(self.path),
                    hint="wait for it, or stop it; the same command then goes on where it stopped",
                ) from None
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            yield
