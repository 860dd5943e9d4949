"""Lists that give each video's path and label: a CSV with a header, PySlowFast's and mmaction2's lines."""

import csv
import difflib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from videobench.data.datasets.on_disk import is_video_name, read_lines
from videobench.errors import DataError

_FORMS: Final = "expected a CSV with a header (path, label), or lines `path label` or `folder frames label`"


@dataclass(frozen=True)
class Listed:
    """One video of a list: its path as written, its label as written, and where that stands."""

    path: str
    label: str
    where: str
    source: str | None = None
    subset: str | None = None


def read_label_list(path: Path) -> list[Listed]:
    """Read a list of paths and labels.

    Either a CSV whose header names path and label, and if need be subset and source; or, without a header, lines
    ``path label`` (parted by blanks or a comma) or, for folders of frames, ``folder frames label``: the number of
    frames is not needed and left out.
    """
    lines = list(read_lines(path, hint=_FORMS))
    if not lines:
        raise DataError("is empty", where=str(path), hint=_FORMS)
    header = [name.strip() for name in next(csv.reader([lines[0][1]]))]
    if "path" in header:
        return list(_with_header(path, header, lines[1:]))
    return [_without_header(where, line) for where, line in lines]


def _with_header(path: Path, header: Sequence[str], lines: Sequence[tuple[str, str]]) -> Iterator[Listed]:
    if "label" not in header:
        raise DataError("has no column label", where=str(path), hint=_FORMS)
    for where, line in lines:
        row = dict(zip(header, next(csv.reader([line])), strict=False))
        if not row.get("path") or not row.get("label"):
            raise DataError(f"'{line}' has no path or no label", where=where, hint=_FORMS)
        yield Listed(row["path"], row["label"], where, row.get("source") or None, row.get("subset") or None)


def _without_header(where: str, line: str) -> Listed:
    blank, comma = line.rpartition(" "), line.rpartition(",")
    path, _, label = blank if blank[2].isdecimal() else comma
    label = label.strip()
    if not path or not label.isdecimal():
        raise DataError(f"'{line}' has no path or no number of a class", where=where, hint=_FORMS)
    path = path.strip()
    folder, _, num_frames = path.rpartition(" ")
    return Listed(folder if folder and num_frames.isdecimal() and not is_video_name(path) else path, label, where)


class Labels:
    """The classes of a data set in their order, found by name or by number from 0.

    Names that ``spelling`` makes equal mean the same class.
    """

    def __init__(self, classes: Sequence[str], *, spelling: Callable[[str], str] = str) -> None:
        self.classes = tuple(classes)
        self._spelling = spelling
        self._numbers = {spelling(name): number for number, name in enumerate(classes)}

    def named(self, name: str) -> int | None:
        """Return the number of the class with this name, if there is one."""
        return self._numbers.get(self._spelling(name))

    def number(self, label: str, where: str) -> int:
        """Return the number of a class; DataError with the nearest name, or the legal numbers, if there is none."""
        named = self.named(label)
        if named is not None:
            return named
        if not label.isdecimal():
            near = difflib.get_close_matches(label, self.classes, n=1)
            raise DataError(
                f"there is no class '{label}'",
                where=where,
                hint=f"the nearest name is '{near[0]}'" if near else f"{len(self.classes)} classes are known",
            )
        if int(label) >= len(self.classes):
            raise DataError(
                f"there is no class number {label}",
                where=where,
                hint=f"classes count from 0, so the last of {len(self.classes)} is {len(self.classes) - 1}",
            )
        return int(label)


def read_class_names(path: Path) -> tuple[str, ...]:
    """Read class names in their order: one a line, each with its number before it or none (UCF101's classInd.txt)."""
    names = [line for _, line in read_lines(path, hint="expected one class name a line")]
    numbered = [name.partition(" ") for name in names]
    if all(number == str(place) and name for place, (number, _, name) in enumerate(numbered, start=1)):
        names = [name.strip() for _, _, name in numbered]
    return tuple(names)
