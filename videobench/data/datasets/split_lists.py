"""Data sets that come with UCF101-style lists: classInd.txt, trainlist0N.txt and testlist0N.txt."""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from videobench.data.datasets.class_folders import read_sources
from videobench.data.datasets.leaks import require_disjoint
from videobench.data.datasets.on_disk import Folder, read_lines
from videobench.data.video_set import Video, VideoSet
from videobench.errors import DataError

_LISTS = "expected classInd.txt, trainlist01.txt, testlist01.txt, ..."
_GROUP = re.compile(r"_(g\d+)_c\d+\.\w+$")  # v_Archery_g07_c02.avi


@dataclass(frozen=True)
class _Listed:
    path: str
    label: int
    source: str | None


def split_lists(
    root: Path,
    *,
    name: str,
    lists: Path,
    split: int,
    subset: Literal["train", "test"],
    groups: Path | None = None,
) -> VideoSet:
    """Return one subset of one split (1, 2, 3), with the classes in the order of classInd.txt.

    Lines are ``Class/video.avi`` with, in the training list, the class's number from 1. Files are found below
    ``root`` in the ways of ``on_disk.Folder``; ids are the paths as listed. ``source`` comes from ``groups`` (a
    CSV with the columns path and source) or from the gNN in UCF101's names. Raises DataError for an unknown
    class, and for a video or a source that is in both subsets.
    """
    classes = _read_classes(lists / "classInd.txt")
    sources = read_sources(groups) if groups is not None else None
    listed = {each: _read_list(lists / f"{each}list{split:02d}.txt", classes, sources) for each in ("train", "test")}
    train, test = ({each.path: each.source for each in listed[subset]} for subset in ("train", "test"))
    require_disjoint(train, test, where=f"{name} split {split}")
    folder = Folder(root)
    videos = tuple(
        Video(id=each.path, path=folder.path(each.path), labels=(each.label,), source=each.source)
        for each in listed[subset]
    )
    return VideoSet(name=name, classes=classes, videos=videos)


def _read_classes(path: Path) -> tuple[str, ...]:
    classes = []
    for number, (where, line) in enumerate(read_lines(path, hint=_LISTS), start=1):
        index, _, class_name = line.partition(" ")
        if index != str(number) or not class_name.strip():
            raise DataError(
                f"'{line}' should be number {number} and a class name", where=where, hint="classes count from 1"
            )
        classes.append(class_name.strip())
    return tuple(classes)


def _read_list(path: Path, classes: tuple[str, ...], sources: Mapping[str, str] | None) -> list[_Listed]:
    labels = {class_name: label for label, class_name in enumerate(classes)}
    listed = []
    for where, line in read_lines(path, hint=_LISTS):
        video, _, number = line.rpartition(" ")
        if not (video and number.isdecimal()):
            video, number = line, ""
        class_name = video.split("/")[0]
        if class_name not in labels:
            near = difflib.get_close_matches(class_name, classes, n=1)
            raise DataError(
                f"class '{class_name}' is not in classInd.txt",
                where=where,
                hint=f"the nearest name there is '{near[0]}'" if near else "lines are <class>/<video>",
            )
        label = labels[class_name]
        if number and int(number) != label + 1:
            raise DataError(
                f"class '{class_name}' has number {number} here and {label + 1} in classInd.txt", where=where
            )
        source = _group(video) if sources is None else sources.get(video)
        listed.append(_Listed(video, label, source))
    return listed


def _group(path: str) -> str | None:
    """Return UCF101's group of clips of one person or place, numbered within a class: "Archery_g07"."""
    match = _GROUP.search(path)
    return f"{path.split('/')[0]}_{match[1]}" if match else None
