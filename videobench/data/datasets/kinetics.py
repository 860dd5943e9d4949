"""Kinetics-400, -600 and -700 as they are downloaded: the official CSVs, others' lists, or folders of classes."""

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal

from videobench.data.datasets.label_lists import Labels, read_class_names, read_label_list
from videobench.data.datasets.on_disk import Folder, first_folder, is_video_name, names_in, without_suffix
from videobench.data.frame_folder import is_frame_folder
from videobench.data.video_set import Video, VideoSet
from videobench.errors import DataError

Subset = Literal["train", "validation", "test"]

OFFICIAL_COUNTS: Final = {"train": 246_534, "validation": 19_906, "test": 39_805}
"""Clips of Kinetics-400 in the lists that come with CVDF's copy; no copy has all of them."""

_WORDS: Final = {"train": ("train",), "validation": ("val", "validate", "validation"), "test": ("test",)}
_CLIP: Final = re.compile(r"(?P<youtube_id>[\w-]{11})_\d{6}_\d{6}")
_KINETICS_400: Final = Path(__file__).with_name("kinetics400.txt")


def kinetics(
    root: Path,
    *,
    num_classes: Literal[400, 600, 700],
    subset: Subset,
    videos: Path | None = None,
    annotations: Path | None = None,
    class_names: Path | None = None,
) -> VideoSet:
    """Return the videos of one subset.

    ``annotations`` (by default that folder, or the root) is searched for the official CSV (label, youtube_id,
    time_start, time_end), then for a list of paths and labels (PySlowFast's, mmaction2's); where there is neither,
    videos have the class of their folder.
    Files lie in ``videos`` (by default the root), there in a folder that is called after the subset if there is one,
    flat or in folders of classes; those of a folder ``replacement`` go before (CVDF's copy of Kinetics-400 has them
    for broken ones).

    Ids are ``<youtube id>_<start>_<end>`` whatever the layout, ``source`` the YouTube id. Classes are in
    alphabetical order, which is the official one; those of Kinetics-400 are known, others come from ``class_names``
    or all CSVs together, and must be ``num_classes``: so a subset never renumbers them.
    """
    annotations = annotations or first_folder(root, ("annotations",)) or root
    videos = videos or root
    of_subset = _subset_folder(videos, subset)
    folder = of_subset or videos
    labels = _labels(num_classes, annotations, class_names)
    path = _annotation(annotations, subset, num_classes)
    if path is None:
        found = _from_class_folders(of_subset, labels) if of_subset else iter(())
    elif _has_header(path):
        found = _from_csv(path, folder, root / "replacement", labels)
    else:
        found = _from_list(path, folder, root, labels)
    chosen = tuple(found)
    if not chosen:
        raise DataError(
            f"has no {subset} videos", where=str(folder), hint="docs/data-sets.md shows the ways Kinetics may lie there"
        )
    return VideoSet(name=f"kinetics{num_classes}", classes=labels.classes, videos=chosen)


def folder_spelling(class_name: str) -> str:
    """Return what the usual ways to spell a class as a folder have in common: blanks or ``_``, with ``'()`` or not."""
    return re.sub(r"['()]", "", class_name.replace("_", " ")).lower()


def _labels(num_classes: int, annotations: Path, class_names: Path | None) -> Labels:
    if class_names is None and num_classes == 400:
        class_names = _KINETICS_400
    if class_names is not None:
        classes, where = read_class_names(class_names), str(class_names)
    else:
        paths = [path for subset in _WORDS if (path := _annotation(annotations, subset, num_classes))]
        classes = tuple(sorted({label for path in paths if _has_header(path) for _, label, *_ in _rows(path)}))
        where = str(annotations)
    if len(classes) != num_classes:
        raise DataError(
            f"names {len(classes)} classes instead of {num_classes}",
            where=where,
            hint="give a file with all class names in their order, one a line: data.class_names",
        )
    return Labels(classes, spelling=folder_spelling)


def _annotation(folder: Path, subset: str, num_classes: int) -> Path | None:
    """Return the file that says which videos the subset has, by the names that CVDF, DeepMind, ... gave it."""
    patterns = (
        "{0}.csv", "kinetics{1}/{0}.csv", "kinetics_{0}.csv", "kinetics-{1}_{0}.csv",
        "kinetics{1}_{0}_list_videos.txt", "kinetics{1}_{0}_list_rawframes.txt",
    )  # fmt: skip
    paths = (folder / pattern.format(word, num_classes) for pattern in patterns for word in _WORDS[subset])
    return next((path for path in paths if path.is_file()), None)


def _has_header(path: Path) -> bool:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return "youtube_id" in next(csv.reader(file), [])


def _rows(path: Path) -> Iterator[tuple[str, str, str, str]]:
    """Yield (where, label, YouTube id, name of the clip)."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        needed = ("label", "youtube_id", "time_start", "time_end")
        if lacking := [name for name in needed if name not in (reader.fieldnames or ())]:
            raise DataError(
                f"has no column {', '.join(lacking)}",
                where=str(path),
                hint="the labels of the test set were once held back: get the CSV anew, or use another subset",
            )
        for row in reader:
            where = f"{path}: line {reader.line_num}"
            label, youtube_id, start, end = (row[name] for name in needed)
            try:
                yield where, label, youtube_id, f"{youtube_id}_{int(start):06d}_{int(end):06d}"
            except (TypeError, ValueError):
                raise DataError("has no start and end in seconds", where=where) from None


def _from_csv(path: Path, folder: Path, replacement: Path, labels: Labels) -> Iterator[Video]:
    files, replacements = _by_clip(folder), _by_clip(replacement)
    for where, label, youtube_id, name in _rows(path):
        places = ((replacements, name), (replacements, youtube_id), (files, name), (files, youtube_id))
        file = next((found[key] for found, key in places if key in found), folder / f"{name}.mp4")
        yield Video(name, file, (labels.number(label, where),), source=youtube_id)


def _from_list(path: Path, folder: Path, root: Path, labels: Labels) -> Iterator[Video]:
    by_subset, by_root = Folder(folder), Folder(root)
    for row in read_label_list(path):
        number = labels.number(row.label, row.where)
        in_folder = row.path.rpartition("/")[0].rpartition("/")[2]
        _require_agreement(labels, number, in_folder, row.where)
        yield _video(row.path, by_subset.find(row.path) or by_root.path(row.path), number)


def _require_agreement(labels: Labels, number: int, class_folder: str, where: str) -> None:
    """DataError when a file lies in the folder of another class than its number says: a list in another order."""
    expected = labels.named(class_folder)
    if expected is not None and expected != number:
        raise DataError(
            f"number {number} is '{labels.classes[number]}', but the video lies in the folder of "
            f"'{labels.classes[expected]}', which is {expected}",
            where=where,
            hint="classes count from 0 in alphabetical order; another order needs data.class_names",
        )


def _from_class_folders(folder: Path, labels: Labels) -> Iterator[Video]:
    for class_name in sorted(names_in(str(folder))):
        class_folder = folder / class_name
        if class_folder.is_dir() and not class_name.startswith("."):
            number = labels.number(class_name, str(class_folder))
            for name in sorted(names_in(str(class_folder))):
                if is_video_name(name) or is_frame_folder(class_folder / name):
                    yield _video(f"{class_name}/{name}", class_folder / name, number)


def _video(listed: str, file: Path, number: int) -> Video:
    """Make a video; one that isn't named by its YouTube id keeps the path it was listed by as its id."""
    name = without_suffix(listed.rpartition("/")[2])
    match = _CLIP.fullmatch(name)
    return Video(name if match else listed, file, (number,), source=match["youtube_id"] if match else None)


def _subset_folder(root: Path, subset: Subset) -> Path | None:
    patterns = ("{0}", "videos_{0}", "videos/{0}", "rawframes_{0}")
    return first_folder(root, (pattern.format(word) for pattern in patterns for word in _WORDS[subset]))


def _by_clip(folder: Path) -> dict[str, Path]:
    """Return the files, or folders of frames, that are named as clips, in the folder or one further down.

    Each is found by its name and by its YouTube id alone: start and end in CVDF's names differ from its lists.
    """
    further = (name for name in sorted(names_in(str(folder))) if not _CLIP.match(name) and not is_video_name(name))
    files: dict[str, Path] = {}
    for directory in (folder, *(folder / name for name in further)):
        for name in sorted(names_in(str(directory))):
            if match := _CLIP.fullmatch(without_suffix(name)):
                for key in (match[0], match["youtube_id"]):
                    files.setdefault(key, directory / name)
    return files
