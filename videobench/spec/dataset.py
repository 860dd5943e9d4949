"""Data sets as an experiment file names them."""

from collections.abc import Iterable
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from videobench.spec.base import BrokenRule, OptionalPathText, Spec

Subset = Literal["train", "validation", "test"]
DatasetName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
"""What the user calls a data set of their own: it identifies the data in digests and finds it under the data folder."""
InsideRoot = Annotated[str, Field(min_length=1)]
"""A file or folder of the data set, from its ``root``. It decides which videos are in which split: what, not where."""


class SyntheticMotion(Spec):
    """The embedded data set: real H.264 files whose classes differ by appearance, motion or order of events."""

    subsets: ClassVar[tuple[Subset, ...]] = ("train", "test")
    type: Literal["synthetic_motion"]
    version: Literal[1] = 1
    train_videos_per_class: int = Field(default=100, ge=1)
    test_videos_per_class: int = Field(default=100, ge=1)

    @property
    def name(self) -> str:
        return f"synthetic-motion v{self.version}"


class ClassFolders(Spec):
    """A folder a class: ``root/<class>/*.mp4`` cut into folds, or ``root/<subset>/<class>/*.mp4``."""

    type: Literal["class_folders"]
    name: DatasetName
    root: OptionalPathText = None
    classes: int | None = Field(default=None, ge=2)
    """How many classes there must be; a copy with a class missing is refused instead of renumbered."""
    folds: int | None = Field(default=None, ge=2)
    split: int = Field(default=1, ge=1)
    """Which fold is the test set, counted from 1."""
    groups: InsideRoot | None = None
    """CSV with columns path and source: videos of one source stay in one fold."""

    @property
    def subsets(self) -> tuple[Subset, ...]:
        return ("train", "test") if self.folds else ("train", "validation", "test")

    def broken_rules(self) -> Iterable[BrokenRule]:
        if self.folds is not None and self.split > self.folds:
            yield BrokenRule(f"split {self.split} is not one of the {self.folds} folds", ("split", "folds"))
        if self.folds is None and (self.groups is not None or self.split != 1):
            yield BrokenRule("groups and split need folds", ("groups", "split"))


class SplitLists(Spec):
    """UCF101's layout: class folders beside ``classInd.txt``, ``trainlist0N.txt`` and ``testlist0N.txt``."""

    subsets: ClassVar[tuple[Subset, ...]] = ("train", "test")
    type: Literal["split_lists"]
    name: DatasetName
    root: OptionalPathText = None
    lists: InsideRoot = "ucfTrainTestlist"
    """Folder of the lists."""
    split: int = Field(default=1, ge=1)
    groups: InsideRoot | None = None
    """CSV with columns path and source: which videos were cut from the same recording."""


Dataset = Annotated[SyntheticMotion | ClassFolders | SplitLists, Field(discriminator="type")]
