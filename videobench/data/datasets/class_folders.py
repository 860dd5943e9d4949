"""Data sets given as one folder per class, with or without folders for train, validation and test."""

import csv
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Literal

from videobench.data.datasets.on_disk import VIDEO_SUFFIXES, is_video_name, names_in
from videobench.data.frame_folder import is_frame_folder
from videobench.data.video_set import Video, VideoSet
from videobench.errors import DataError

Subset = Literal["train", "val", "test"]

_SUBSET_FOLDERS = {"train": ("train",), "val": ("val", "validation"), "test": ("test",)}


def class_folders(
    root: Path,
    *,
    name: str,
    subset: Subset,
    folds: int | None = None,
    fold: int | None = None,
    groups: Path | None = None,
    num_classes: int | None = None,
) -> VideoSet:
    """Return the videos of ``root/<class>/*`` (with ``folds``) or ``root/<subset>/<class>/*`` (without).

    Classes are the sorted folder names, those of all subsets together, so a subset never renumbers them. With
    ``folds``, "test" is fold number ``fold`` of 1..``folds`` and "train" the others: the same on every machine,
    each class spread evenly. ``groups`` is a CSV with the columns path (from root) and source: videos of one
    source stay in one fold. ``num_classes``, where given, must be the number of class folders.
    A video is a file with a video's suffix that isn't hidden, or a folder of frames; folders without videos are
    no classes. Ids are paths from root.
    """
    root = Path(root)
    if not root.is_dir():
        raise DataError("no such folder", where=str(root), hint=f"the root folder of {name} is looked for here")
    sources = read_sources(groups) if groups is not None else {}
    if folds is None:
        folders = _subset_folders(root)
        if subset not in folders:
            raise DataError(
                f"has no folder for subset '{subset}' (found: {', '.join(sorted(folders)) or 'none'})",
                where=str(root),
                hint="expected <subset>/<class>/*; for plain <class>/* folders give folds and fold",
            )
        labelled = {key: list(_labelled(root, f"{folder}/")) for key, folder in folders.items()}
    else:
        if fold is None or not 1 <= fold <= folds or folds < 2 or subset == "val":
            raise DataError(
                f"subset '{subset}', fold {fold} of {folds}",
                where=str(root),
                hint="with folds (at least 2), fold counts from 1 and the subsets are train and test",
            )
        labelled = {"all": list(_labelled(root, ""))}
    classes = sorted({class_name for pairs in labelled.values() for _, class_name in pairs})
    _check_classes(root, classes, num_classes)
    if folds is None:
        chosen = labelled[subset]
    else:
        of_source = {video_id: sources.get(video_id, video_id) for video_id, _ in labelled["all"]}
        fold_of = _folds([(class_name, of_source[video_id]) for video_id, class_name in labelled["all"]], folds)
        chosen = [
            (video_id, class_name)
            for video_id, class_name in labelled["all"]
            if (fold_of[of_source[video_id]] == fold) == (subset == "test")
        ]
    if not chosen:
        raise DataError(f"subset '{subset}' holds no videos", where=str(root))
    number = {class_name: label for label, class_name in enumerate(classes)}
    videos = tuple(
        Video(id=video_id, path=Path(f"{root}/{video_id}"), labels=(number[class_name],), source=sources.get(video_id))
        for video_id, class_name in chosen
    )
    return VideoSet(name=name, classes=tuple(classes), videos=videos)


def read_sources(groups: Path) -> dict[str, str]:
    """Read a CSV with the columns path and source (others are ignored) into path -> source."""
    with groups.open(newline="", encoding="utf-8") as file:
        rows = csv.DictReader(file)
        missing = {"path", "source"} - set(rows.fieldnames or ())
        if missing:
            raise DataError(
                f"has no column {' and '.join(sorted(missing))}",
                where=str(groups),
                hint="expected a header line with path (from the root folder) and source",
            )
        return {row["path"]: row["source"] for row in rows}


def _subset_folders(root: Path) -> dict[str, str]:
    """Return subset -> the name of its folder, for the subsets that have one."""
    return {subset: folder for subset, names in _SUBSET_FOLDERS.items() for folder in names if (root / folder).is_dir()}


def _labelled(root: Path, prefix: str) -> Iterator[tuple[str, str]]:
    """Yield (video id, class name), in the order of their names, of the class folders at ``prefix`` below the root."""
    for class_name in sorted(names_in(f"{root}/{prefix}")):
        if not class_name.startswith("."):
            folder = f"{prefix}{class_name}"
            for name in sorted(names_in(f"{root}/{folder}")):
                if is_video_name(name) or is_frame_folder(Path(root, folder, name)):
                    yield f"{folder}/{name}", class_name


def _check_classes(root: Path, classes: list[str], num_classes: int | None) -> None:
    if not classes:
        raise DataError(
            "holds no class folder with videos",
            where=str(root),
            hint=f"expected <class>/<video> with one of {' '.join(sorted(VIDEO_SUFFIXES))}",
        )
    if num_classes is not None and len(classes) != num_classes:
        shown = ", ".join(classes[:5]) + (", ..." if len(classes) > 5 else "")
        raise DataError(f"has {len(classes)} classes ({shown}) instead of {num_classes}", where=str(root))


def _folds(videos: list[tuple[str, str]], num_folds: int) -> Mapping[str, int]:
    """Deal the sources of (class, source) pairs out to folds 1..``num_folds``, each class spread evenly.

    Large sources first, then in the order of a hash: each to the fold that has the fewest of its classes.
    """
    class_counts: dict[str, Counter[str]] = defaultdict(Counter)
    for class_name, source in videos:
        class_counts[source][class_name] += 1
    held = [Counter[str]() for _ in range(num_folds)]
    fold_of: dict[str, int] = {}

    def order(source: str) -> tuple[int, bytes]:
        return -class_counts[source].total(), blake2b(source.encode("utf-8", "surrogateescape")).digest()

    for source in sorted(class_counts, key=order):
        counts = class_counts[source]

        def cost(fold: int, counts: Counter[str] = counts) -> tuple[int, int, int]:
            same_class = sum(held[fold][class_name] * count for class_name, count in counts.items())
            return same_class, held[fold].total(), fold

        best = min(range(num_folds), key=cost)
        held[best].update(counts)
        fold_of[source] = best + 1
    return fold_of
