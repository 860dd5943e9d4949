"""Files that are shorter than they say they are."""

from pathlib import Path
from typing import BinaryIO

_UNKNOWN_RIFF_SIZES = (0, 0xFFFFFFFF)  # of what was written into a pipe


def num_missing_bytes(path: Path) -> int:
    """Return how many bytes of its frames an AVI or Matroska (WebM) file lacks at its end; 0 where it doesn't say."""
    with path.open("rb") as file:
        head = file.read(12)
        if head[:4] == b"RIFF" and head[8:] == b"AVI ":
            end = _end_of_movie(file)
        elif head[:4] == b"\x1a\x45\xdf\xa3":
            end = _end_of_segment(file)
        else:
            return 0
    return max(0, end - path.stat().st_size)


def _end_of_movie(file: BinaryIO) -> int:
    """Return where an AVI's list of packets ends, 0 where it doesn't say; its index comes after and isn't needed."""
    position = 12
    while len(header := file.read(12)) == 12:
        size = int.from_bytes(header[4:8], "little")
        if header[:4] == b"LIST" and header[8:] == b"movi":
            return 0 if size in _UNKNOWN_RIFF_SIZES else position + 8 + size
        position += 8 + size + size % 2
        file.seek(position)
    return 0


def _end_of_segment(file: BinaryIO) -> int:
    """Return where the element with all of a Matroska file's packets ends, 0 where it doesn't say (RFC 8794, 9559)."""
    file.seek(4)
    size_of_head = _variable_length(file)
    file.seek(size_of_head or 0, 1)
    if file.read(4) != b"\x18\x53\x80\x67":
        return 0
    size = _variable_length(file)
    return 0 if size is None else file.tell() + size


def _variable_length(file: BinaryIO) -> int | None:
    """Read a length whose first 1 bit says how many bytes it has; None for "unknown", which is all ones."""
    first = int.from_bytes(file.read(1), "big")
    num_bytes = 9 - first.bit_length()
    value = int.from_bytes(bytes([first]) + file.read(num_bytes - 1), "big")
    every_bit = (1 << 7 * num_bytes) - 1
    value &= every_bit
    return None if value == every_bit else value
