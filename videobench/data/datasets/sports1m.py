"""Sports-1M: partition files of YouTube addresses with several labels each; the videos lie there as they were got."""

import re
from pathlib import Path
from typing import Final, Literal

from videobench.data.datasets.label_lists import read_class_names
from videobench.data.datasets.on_disk import (
    first_folder,
    folder_with,
    is_video_name,
    names_in,
    read_lines,
    without_suffix,
)
from videobench.data.video_set import Video, VideoSet
from videobench.errors import DataError

NUM_CLASSES: Final = 487

_LINE: Final = re.compile(r"\S*[?&/]v[=/](?P<video>[\w-]{11})\S*\s+(?P<labels>\d+(,\d+)*)")
_BRACKETED: Final = re.compile(r"\[([\w-]{11})\]$")  # yt-dlp's "title [id].mp4"
_HINT: Final = "expected original/train_partition.txt and original/test_partition.txt, unpacked, beside labels.txt"


def sports1m(root: Path, *, subset: Literal["train", "test"], videos: Path | None = None) -> VideoSet:
    """Return the videos of one partition, each with all of its labels; classes are the lines of labels.txt.

    Ids are YouTube's. A file of any video's suffix is found in ``videos`` (by default that folder, or the root), or
    one folder further down, when its name is the id, or ends with it in brackets. A video that is listed twice has
    the labels of both lines. The lists lie in the root, in ``sports-1m-dataset`` or in ``annotations``.
    """
    lists = folder_with("labels.txt", root, (".", "sports-1m-dataset", "annotations"))
    classes = read_class_names(lists / "labels.txt")
    if len(classes) != NUM_CLASSES:
        raise DataError(f"names {len(classes)} classes instead of {NUM_CLASSES}", where=str(lists / "labels.txt"))
    partition = f"{subset}_partition.txt"
    path = folder_with(partition, lists, ("original", ".")) / partition
    labels: dict[str, dict[int, None]] = {}
    for where, line in read_lines(path, hint=_HINT):
        match = _LINE.fullmatch(line)
        if match is None:
            raise DataError(f"'{line}' should be a YouTube address and labels such as 168,169", where=where)
        numbers = [int(number) for number in match["labels"].split(",")]
        if max(numbers) >= len(classes):
            raise DataError(f"there is no class number {max(numbers)}", where=where, hint=f"{len(classes)} are known")
        labels.setdefault(match["video"], {}).update(dict.fromkeys(numbers))
    folder = videos or first_folder(root, ("videos",)) or root
    files = _files(str(folder))
    found = (
        Video(video_id, files.get(video_id, folder / f"{video_id}.mp4"), tuple(numbers))
        for video_id, numbers in labels.items()
    )
    return VideoSet(name="sports1m", classes=classes, videos=tuple(found))


def _files(directory: str) -> dict[str, Path]:
    """Return the file of every YouTube id that is here."""
    files: dict[str, Path] = {}
    further = sorted(f"{directory}/{name}" for name in names_in(directory) if not is_video_name(name))
    for folder in (directory, *further):
        for name in sorted(names_in(folder)):
            if is_video_name(name):
                stem = without_suffix(name)
                bracketed = _BRACKETED.search(stem)
                files.setdefault(bracketed[1] if bracketed else stem, Path(folder, name))
    return files
