"""The names of the classes that a record counts by number."""

from pathlib import Path

from videobench.records import Record, read_class_names


def class_names(folder: Path, record: Record, *, num_known: int) -> tuple[str, ...]:
    """Return the names by index; where they weren't kept, 'class 7' for each of the ``num_known`` that are met."""
    names = read_class_names(folder, record.data.classes_sha256)
    return names or tuple(f"class {index}" for index in range(num_known))
