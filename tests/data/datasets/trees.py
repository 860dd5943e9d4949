"""Data sets as they are downloaded, made of empty files: listing one opens no video."""

import csv
from collections.abc import Iterable
from pathlib import Path

ANNOTATIONS = Path(__file__).parents[3] / ".." / "shared" / "annotations"
"""The official lists, where they are at hand; tests that need them are skipped elsewhere."""


def touch(root: Path, *names: str) -> Path:
    """Make empty files below ``root``."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def write_lines(path: Path, lines: Iterable[str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def write_kinetics_csv(path: Path, rows: Iterable[tuple[str, str, int]]) -> Path:
    """Write rows (label, YouTube id, start) as CVDF's lists have them: clips of ten seconds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["label", "youtube_id", "time_start", "time_end", "split", "is_cc"])
        writer.writerows([label, youtube_id, start, start + 10, path.stem, 0] for label, youtube_id, start in rows)
    return path


def write_hmdb51_lists(folder: Path, lines: dict[str, list[str]], split: int = 1) -> Path:
    """Write the lists of all 51 classes; those not named are made up and have no videos."""
    others = (f"other_{number:02d}" for number in range(51))
    names = [*lines, *others][:51]
    for name in names:
        write_lines(folder / f"{name}_test_split{split}.txt", lines.get(name, []))
    return folder
