"""Data sets given by one list for each subset, with a path and a label for each video."""

from collections.abc import Mapping
from pathlib import Path

from videobench.data.datasets.label_lists import Labels, Listed, read_class_names, read_label_list
from videobench.data.datasets.leaks import require_disjoint
from videobench.data.datasets.on_disk import Folder
from videobench.data.video_set import Video, VideoSet
from videobench.errors import DataError


def manifest(
    root: Path, *, name: str, lists: Mapping[str, Path], subset: str, class_names: Path | None = None
) -> VideoSet:
    """Return one subset; ``lists`` has the list of every subset (see ``label_lists`` for their form).

    Of a CSV with a column subset, the rows of that subset are meant. Paths start from ``root``; ids are the paths
    as listed. Classes are those of ``class_names``; without it, those of all lists together: names in alphabetical
    order, or numbers, each its own name. DataError for a video or a source in both train and test.
    """
    listed = {each: _of_subset(each, read_label_list(path)) for each, path in lists.items()}
    if not listed[subset]:
        raise DataError(f"lists no videos of the subset {subset}", where=str(lists[subset]))
    if "train" in listed and "test" in listed:
        train, test = ({row.path: row.source for row in listed[each]} for each in ("train", "test"))
        require_disjoint(train, test, where=name)
    used = {row.label for rows in listed.values() for row in rows}
    labels = Labels(read_class_names(class_names) if class_names else _classes(used))
    folder = Folder(root)
    videos = (
        Video(row.path, folder.path(row.path), (labels.number(row.label, row.where),), source=row.source)
        for row in listed[subset]
    )
    return VideoSet(name=name, classes=labels.classes, videos=tuple(videos))


def _of_subset(subset: str, rows: list[Listed]) -> list[Listed]:
    return [row for row in rows if row.subset in (None, subset)]


def _classes(labels: set[str]) -> list[str]:
    """Return the classes that are meant by these labels."""
    if all(label.isdecimal() for label in labels):
        return [str(number) for number in range(max(map(int, labels)) + 1)]
    return sorted(labels)
