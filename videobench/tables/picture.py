"""Pictures on disk: which kinds there are, written whole or not at all."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from videobench.atomic import replacing
from videobench.errors import ConfigError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KINDS = (".png", ".pdf", ".svg")


def check_picture(path: Path) -> None:
    """Raise ConfigError for a file that no picture can be written to; to be asked before any work."""
    if path.suffix not in KINDS:
        raise ConfigError(
            f"{path.suffix or 'a file without ending'} is no picture",
            where=str(path),
            hint=f"legal: {', '.join(KINDS)}",
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"there can't be a file here ({error.strerror})", where=str(path)) from None
    if not os.access(path.parent, os.W_OK):
        raise ConfigError("this folder is not writable", where=str(path.parent))


def save_picture(figure: "Figure", path: Path, *, dots_per_inch: int = 150) -> None:
    """Write a figure as the kind of picture that the file's ending says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        figure.savefig(temporary, format=path.suffix.removeprefix("."), dpi=dots_per_inch)
