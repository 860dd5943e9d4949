"""docs/data-sets.md says what is so: fields with their defaults, and every layout drawn there is found by its YAML."""

import re
from pathlib import Path
from typing import get_args

import pytest
from experiment_files import MINIMAL, load
from test_experiments_page import default

from videobench.data.check import KINDS
from videobench.runner.build import find_videos
from videobench.runner.workspace import DATA_VARIABLE, Workspace
from videobench.spec.base import Spec
from videobench.spec.dataset import FileDataset, Files
from videobench.spec.vocabulary import tags_of

PAGE = (Path(__file__).parents[2] / "docs" / "data-sets.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", PAGE, flags=re.DOTALL | re.MULTILINE))


def section(tag: str) -> str:
    """Return what the page says of a type."""
    (found,) = (text for heading, text in SECTIONS.items() if f"`{tag}`" in heading)
    return found


def rows(text: str) -> list[tuple[str, str]]:
    return re.findall(r"^\| `([a-z_0-9]+)` \| ([^|]*) \|", text, flags=re.MULTILINE)


def blocks(kind: str, text: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", text, flags=re.DOTALL)


DRAWN = {
    f"{heading} {number}": (tree, (examples := blocks("yaml", text))[min(number, len(examples) - 1)])
    for heading, text in SECTIONS.items()
    for number, tree in enumerate(blocks("text", text))
}
TYPES = {tag: model for model in get_args(FileDataset) for tag in tags_of(model)}


def lay_out(folder: Path, tree: str) -> None:
    """Make the files of a drawing: two blanks a level, what stands behind | is in the file."""
    parents: list[str] = []
    content: dict[Path, list[str]] = {}
    file = folder
    for line in tree.splitlines():
        name, bar, text = line.partition("|")
        if name.strip():
            level = (len(name) - len(name.lstrip())) // 2
            parents = [*parents[:level], name.strip().rstrip("/")]
            file = folder.joinpath(*parents)
        if not (name.strip().endswith("/")):
            content.setdefault(file, []).extend([text.strip()] if bar else [])
    for path, lines in content.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def complete(folder: Path) -> None:
    """Add what a drawing leaves out: the lists of HMDB51's other classes, the other labels of Sports-1M."""
    for lists in folder.rglob("testTrainMulti_7030_splits"):
        for number in range(50):
            (lists / f"other{number}_test_split1.txt").touch()
    for labels in folder.rglob("labels.txt"):
        labels.write_text(labels.read_text() + "".join(f"sport {number}\n" for number in range(486)))


@pytest.mark.parametrize("tag", TYPES)
def test_every_field_stands_there_with_its_default(tag: str) -> None:
    """The tables of the page are the fields of the types, in order; what all have stands there once."""
    model: type[Spec] = TYPES[tag]
    own = [name for name in model.model_fields if name not in Files.model_fields]
    assert rows(section(tag)) == [(name, default(model, name)) for name in own]


def test_common_fields_and_types_are_complete() -> None:
    """Every type is listed, every common field explained."""
    common = rows(SECTIONS["What they have in common"])
    assert common == [(name, default(Files, name)) for name in Files.model_fields]
    listed = re.findall(
        r"`([a-z_0-9]+)`", "".join(re.findall(r"^\| (`.*?) \|", PAGE.partition("## ")[0], re.MULTILINE))
    )
    assert set(listed) == {*TYPES, "type", "synthetic_motion"}


@pytest.mark.parametrize("drawing", DRAWN)
def test_every_layout_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, drawing: str) -> None:
    """All files of each drawing that are listed are found, by the YAML beside it and the folder's name."""
    tree, example = DRAWN[drawing]
    lay_out(tmp_path / "data", tree)
    complete(tmp_path / "data")
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path / "data"))
    indented = "".join(f"    {line}\n" for line in example.splitlines())
    (row,) = load(tmp_path, f"{MINIMAL}rows:\n  a:\n{indented}".replace(", resize: [32, 32], crop: 32", "")).rows
    (replica,) = row.replicas
    assert replica.training
    found = [
        find_videos(unit.data, unit.subset, Workspace(tmp_path)) for unit in (replica.training, replica.evaluation)
    ]
    drawn = [line for line in tree.splitlines() if re.search(r"\.(mp4|avi|webm|jpg)$", line) and "|" not in line]
    assert all(videos.videos for videos in found)
    assert sum(len(videos.videos) for videos in found) == len(drawn)


def test_all_that_is_checked_stands_there() -> None:
    """The page has every kind of finding that a check of videos prints, in order; those of flow come after them."""
    kinds = re.findall(r"^\| `([a-z ]+)` \|", SECTIONS["`videobench data check`"], flags=re.MULTILINE)
    assert kinds == list(KINDS)[: list(KINDS).index("short") + 1]
