"""Data sets that come with UCF101-style lists: classInd.txt, trainlist0N.txt and testlist0N.txt."""

import difflib
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from videobench.data.datasets.class_folders import read_sources
from videobench.data.video_set import Video, VideoSet
from videobench.errors import DataError

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

    Lines are ``Class/video.avi`` with, in the training list, the class's number from 1. Files are found
    whatever the case of their letters (UCF101 has HandstandPushups folders with HandStandPushups files); ids
    are the paths as listed. ``source`` comes from ``groups`` (a CSV with the columns path and source) or from
    the gNN in UCF101's names. Raises DataError for an unknown class, a missing file, and for a video or a
    source that is in both subsets.
    """
    classes = _read_classes(lists / "classInd.txt")
    sources = read_sources(groups) if groups is not None else None
    listed = {each: _read_list(lists / f"{each}list{split:02d}.txt", classes, sources) for each in ("train", "test")}
    _check_leaks(listed, where=f"{name} split {split}")
    paths = _find(Path(root), listed[subset], name)
    videos = tuple(
        Video(id=each.path, path=path, labels=(each.label,), source=each.source)
        for each, path in zip(listed[subset], paths, strict=True)
    )
    return VideoSet(name=name, classes=classes, videos=videos)


def _read_lines(path: Path) -> list[tuple[str, str]]:
    """Return (where, line) for the lines that aren't blank."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise DataError(
            "no such list", where=str(path), hint="expected classInd.txt, trainlist01.txt, testlist01.txt, ..."
        ) from None
    lines = enumerate(text.splitlines(), start=1)
    return [(f"{path}: line {number}", line.strip()) for number, line in lines if line.strip()]


def _read_classes(path: Path) -> tuple[str, ...]:
    classes = []
    for number, (where, line) in enumerate(_read_lines(path), start=1):
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
    for where, line in _read_lines(path):
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


def _check_leaks(listed: Mapping[str, list[_Listed]], *, where: str) -> None:
    train, test = listed["train"], listed["test"]
    both = sorted({each.path for each in train} & {each.path for each in test})
    if both:
        raise DataError(f"{len(both)} videos are in both the training and the test list: {_some(both)}", where=where)
    both = sorted({each.source or "" for each in train} & {each.source or "" for each in test} - {""})
    if both:
        raise DataError(
            f"{len(both)} sources have videos in both the training and the test list: {_some(both)}",
            where=where,
            hint="videos cut from one source are near-duplicates: results on such a split mean little",
        )


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _find(root: Path, listed: list[_Listed], name: str) -> list[Path]:
    """Return the file of each listed video, by its exact name or else whatever the case of its letters."""
    if not root.is_dir():
        raise DataError("no such folder", where=str(root), hint=f"the root folder of {name} is looked for here")
    on_disk: dict[str, dict[str, Path]] = defaultdict(dict)
    for folder in root.iterdir():
        if folder.is_dir() and not folder.name.startswith("."):
            for path in folder.iterdir():
                relative = f"{folder.name}/{path.name}"
                on_disk[relative.lower()][relative] = path
    found = []
    missing = []
    for each in listed:
        candidates = on_disk.get(each.path.lower(), {})
        if each.path in candidates:
            found.append(candidates[each.path])
        elif candidates:
            found.append(candidates[min(candidates)])
        else:
            missing.append(each.path)
    if missing:
        raise DataError(
            f"{len(missing)} of {len(listed)} listed videos are missing: {_some(missing)}",
            where=str(root),
            hint=f"expected the folders of {name} directly below this one",
        )
    return found
