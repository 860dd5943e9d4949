"""Finding on disk what lists name: the same files lie under other spellings, suffixes and folders on other machines."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from videobench.data.video_set import Video, VideoSet
from videobench.errors import DataError

VIDEO_SUFFIXES = frozenset(
    (".mp4", ".avi", ".mkv", ".webm", ".mov", ".m4v", ".mpg", ".mpeg", ".ts", ".gif", ".flv", ".ogv", ".wmv")
)


class Folder:
    """The names below a folder, each directory read once and only when something is looked for in it."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._listed: dict[str, Mapping[str, str]] = {}

    def path(self, listed: str) -> Path:
        """Return where a listed video lies; of one that isn't there, where it should."""
        return self.find(listed) or self._root / listed

    def find(self, listed: str) -> Path | None:
        """Return where a listed video lies, if it does.

        Its name may be in letters of another case (UCF101's HandstandPushups folder with HandStandPushups files)
        or have another video's suffix, or none: then it is a folder of frames.
        """
        *parents, name = listed.split("/")
        directory = str(self._root)
        for parent in parents:
            found = self._names(directory).get(parent.lower())
            if found is None:
                exact = self._root / listed  # absolute, or with dots
                return exact if exact.exists() else None
            directory = found
        names = self._names(directory)
        path = names.get(name) or names.get(name.lower()) or names.get(without_suffix(name).lower())
        return Path(path) if path else None

    def _names(self, directory: str) -> Mapping[str, str]:
        """Return path by name, by name in lower case, and by that without a video's suffix; the first two win."""
        if directory not in self._listed:
            names = sorted(names_in(directory), reverse=True)  # of several that would do, the first is taken
            paths = {name: f"{directory}/{name}" for name in names if not name.startswith(".")}
            by_stem = {without_suffix(name).lower(): path for name, path in paths.items()}
            self._listed[directory] = by_stem | {name.lower(): path for name, path in paths.items()} | paths
        return self._listed[directory]


def names_in(directory: str) -> list[str]:
    """Return the names in a directory, unsorted; none where it isn't there."""
    try:
        with os.scandir(directory) as entries:
            return [entry.name for entry in entries]
    except (FileNotFoundError, NotADirectoryError):
        return []


def without_suffix(name: str) -> str:
    """Return a name without a video's suffix; what else follows a dot belongs to the name."""
    stem, dot, suffix = name.rpartition(".")
    return stem if f"{dot}{suffix}".lower() in VIDEO_SUFFIXES else name


def is_video_name(name: str) -> bool:
    """Tell whether a file of this name is a video; hidden ones are not (archives from Macs are full of ``._x.mp4``)."""
    return without_suffix(name) != name and not name.startswith(".")


def first_folder(root: Path, names: Iterable[str]) -> Path | None:
    """Return the first of these folders below ``root`` that is there."""
    return next((root / name for name in names if (root / name).is_dir()), None)


def folder_with(file: str, root: Path, names: Sequence[str]) -> Path:
    """Return the first of these folders below ``root`` that has a file of this name, which may be a pattern."""
    for name in names:
        if any((root / name).glob(file)):
            return root / name
    raise DataError(
        f"has no {file}",
        where=str(root),
        hint=f"it is looked for in {', '.join(names)}; docs/data-sets.md shows what to unpack where",
    )


def missing_files(videos: VideoSet) -> list[Video]:
    """Return the videos whose file isn't there; every directory is read once, no file is looked at."""
    names: dict[str, set[str]] = {}
    missing = []
    for video in videos.videos:
        directory, _, name = str(video.path).rpartition("/")
        if directory not in names:
            names[directory] = set(names_in(directory))
        if name not in names[directory]:
            missing.append(video)
    return missing


def require_files(videos: VideoSet) -> None:
    """DataError that counts the listed videos which are not on disk and names some of them."""
    if missing := missing_files(videos):
        raise DataError(
            f"{len(missing)} of {len(videos.videos)} listed videos are missing: {some(v.id for v in missing)}",
            where=os.path.commonpath([video.path.parent for video in missing]),
            hint="`videobench data check` names them all and docs/data-sets.md shows where they should lie; "
            "--set data.on_error=skip goes on without them",
        )


def some(names: Iterable[str]) -> str:
    """Return the first five names and how many more there are."""
    shown = list(names)
    return ", ".join(shown[:5]) + (f" and {len(shown) - 5} more" if len(shown) > 5 else "")


def read_lines(path: Path, *, hint: str) -> Iterator[tuple[str, str]]:
    """Yield (where, line) for the lines of a list that aren't blank; DataError with ``hint`` where it isn't there."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise DataError("no such list", where=str(path), hint=hint) from None
    for number, line in enumerate(text.splitlines(), start=1):
        if stripped := line.strip():
            yield f"{path}: line {number}", stripped
