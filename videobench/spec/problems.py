"""Mistakes gathered on the way and raised together, and the hint that names the nearest legal word."""

import difflib
import re
from collections.abc import Iterable

from videobench.errors import ConfigError

LISTED = 30
"""So many legal words are listed in full."""


class Problems:
    """Mistakes gathered on the way, each once, raised together."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], None] = {}

    def add(self, where: str, message: str) -> None:
        """Note a mistake; ``where`` is ``file:line``, or ``--set``."""
        self._found[where, message] = None

    def add_error(self, where: str, field: str, error: ConfigError) -> None:
        """Note what went wrong where ``field`` led."""
        sentence = "; ".join(filter(None, (error.what, error.hint)))
        self.add(where, ": ".join(filter(None, (field, error.where, sentence))))

    def __bool__(self) -> bool:
        return bool(self._found)

    def raise_any(self) -> None:
        """Raise one ConfigError that lists every mistake by file and line; do nothing when there is none."""
        found = sorted(self._found, key=lambda mistake: _file_and_line(mistake[0]))
        if len(found) == 1:
            where, message = found[0]
            raise ConfigError(message, where=where)
        if found:
            lines = "\n".join(f"  {where}: {message}" for where, message in found)
            raise ConfigError(f"{len(found)} mistakes:\n{lines}")


def nearest(word: str, legal: Iterable[str]) -> str:
    """Return a hint: the closest legal word if one is close, and all of them."""
    words = [str(item) for item in legal]
    lower = {item.lower(): item for item in words}
    close = difflib.get_close_matches(word.lower(), lower, n=1, cutoff=0.6)
    meant = f"did you mean {lower[close[0]]}? " if close else ""
    listed = ", ".join(words[:LISTED]) + (f" and {len(words) - LISTED} more" if len(words) > LISTED else "")
    return f"{meant}legal: {listed}" if words else ""


def _file_and_line(where: str) -> tuple[str, int]:
    """Sort key that puts line 9 before line 10."""
    found = re.match(r"(.*):([0-9]+)", where)
    return (found[1], int(found[2])) if found else (where, 0)
