"""Ways in which files break."""

import os
from pathlib import Path


def cut(path: Path) -> None:
    """Lose the second half of a file, as a broken download does."""
    os.truncate(path, path.stat().st_size // 2)


def rot(path: Path) -> None:
    """Damage a file without a trace in its size or times."""
    status = path.stat()
    path.write_bytes(b"\0" * status.st_size)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
