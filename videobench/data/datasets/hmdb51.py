"""HMDB51 as it is downloaded: a folder a class, and testTrainMulti_7030_splits with a list a class and split."""

from pathlib import Path
from typing import Final, Literal

from videobench.data.datasets.leaks import require_disjoint
from videobench.data.datasets.on_disk import Folder, first_folder, folder_with, read_lines
from videobench.data.video_set import Video, VideoSet
from videobench.errors import DataError

Subset = Literal["train", "test"]

OFFICIAL_COUNTS: Final[dict[Subset, int]] = {"train": 3570, "test": 1530}
"""Videos of each subset, the same in all splits."""

_NUM_CLASSES: Final = 51
_SUBSET_OF_CODE: Final = {"0": None, "1": "train", "2": "test"}
_FOLDER: Final = "testTrainMulti_7030_splits"


def hmdb51(root: Path, *, split: int, subset: Subset, videos: Path | None = None) -> VideoSet:
    """Return one subset of one of the three splits; classes are in alphabetical order, as there is no official list.

    Each split uses 70 videos of a class to train and 30 to test, and leaves the others out; test sets of different
    splits overlap. Ids are ``class/file.avi``. ``source`` is the film a clip was cut from, within its class: no
    official split has clips of one film on both sides, but other classes show the same film.

    Folders of classes are looked for in ``videos``, or else in ``hmdb51_org``, ``videos`` or the root; the lists in
    ``testTrainMulti_7030_splits`` below the root or beside it, in ``splits``, ``annotations`` or the root.
    """
    lists = folder_with(f"*_test_split{split}.txt", root, (_FOLDER, f"../{_FOLDER}", "splits", "annotations", "."))
    classes = tuple(sorted(path.name.partition("_test_split")[0] for path in lists.glob(f"*_test_split{split}.txt")))
    if len(classes) != _NUM_CLASSES:
        raise DataError(
            f"has lists of {len(classes)} classes for split {split} instead of {_NUM_CLASSES}",
            where=str(lists),
            hint="unpack the lists anew; for fewer classes set data.only_classes",
        )
    listed: dict[str, dict[str, tuple[int, str | None]]] = {"train": {}, "test": {}}
    for label, class_name in enumerate(classes):
        for where, line in read_lines(lists / f"{class_name}_test_split{split}.txt", hint=f"unpack {_FOLDER}"):
            name, _, code = line.rpartition(" ")
            if not name or code not in _SUBSET_OF_CODE:
                raise DataError(f"'{line}' should be a file name and 1 (train), 2 (test) or 0 (neither)", where=where)
            if in_subset := _SUBSET_OF_CODE[code]:
                listed[in_subset][f"{class_name}/{name.rstrip()}"] = label, _film(class_name, name)
    train, test = ({video_id: film for video_id, (_, film) in listed[each].items()} for each in ("train", "test"))
    require_disjoint(train, test, where=f"hmdb51 split {split}")
    folder = Folder(videos or first_folder(root, ("hmdb51_org", "videos")) or root)
    found = (
        Video(video_id, folder.path(video_id), (label,), source=film)
        for video_id, (label, film) in listed[subset].items()
    )
    return VideoSet(name="hmdb51", classes=classes, videos=tuple(found))


def _film(class_name: str, name: str) -> str | None:
    """Return what stands before the class in ``April_09_brush_hair_u_nm_np1_ba_goo_0.avi``, within its class."""
    film, found, _ = name.rpartition(f"_{class_name}_")
    return f"{class_name}/{film}" if found else None
