"""Files that appear whole or not at all, also after a kill or a power cut."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path, *, fsync: bool = True) -> Iterator[Path]:
    """Yield the name of a temporary file beside ``path``; when the block ends well, it becomes ``path``.

    The temporary file lies beside the target because a rename across file systems isn't atomic. It is forced to the
    disk first, unless ``fsync`` is False for files that can be made again. After an exception ``path`` is as before.
    """
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        yield temporary
        if fsync:
            flush_to_disk(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    if fsync:
        flush_to_disk(path.parent)


def flush_to_disk(path: Path) -> None:
    """Wait until a file's content, or a folder's entries, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
