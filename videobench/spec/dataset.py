"""Data sets as an experiment file names them."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from videobench.spec.base import OptionalPathText, PathText, Spec

Subset = Literal["train", "validation", "test"]
DatasetName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
"""What the user calls a data set of their own: it identifies the data in digests and finds it under the data folder."""


class SyntheticMotion(Spec):
    """The embedded data set: real H.264 files whose classes differ by appearance, motion or order of events."""

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
    groups: OptionalPathText = None
    """CSV with columns path,class,source: videos of one source stay in one fold."""

    @model_validator(mode="after")
    def _split_is_a_fold(self) -> "ClassFolders":
        if self.folds is not None and self.split > self.folds:
            raise ValueError(f"split {self.split} is not one of the {self.folds} folds")
        if self.folds is None and (self.groups is not None or self.split != 1):
            raise ValueError("groups and split need folds")
        return self


class SplitLists(Spec):
    """UCF101's layout: class folders beside ``classInd.txt``, ``trainlist0N.txt`` and ``testlist0N.txt``."""

    type: Literal["split_lists"]
    name: DatasetName
    root: OptionalPathText = None
    lists: PathText = "ucfTrainTestlist"
    """Folder of the lists, from ``root``."""
    split: int = Field(default=1, ge=1)
    groups: OptionalPathText = None


Dataset = Annotated[SyntheticMotion | ClassFolders | SplitLists, Field(discriminator="type")]
