"""Data sets as an experiment file names them."""

from collections.abc import Iterable
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from videobench.spec.base import BrokenRule, OptionalPathText, OutsideDigest, Spec

Subset = Literal["train", "validation", "test"]
OnError = Literal["fail", "skip", "retry"]
DatasetName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
"""What the user calls a data set of their own: it identifies the data in digests and finds it under the data folder."""
InsideRoot = Annotated[str, Field(min_length=1)]
"""A file or folder of the data set, from its ``root``. It decides which videos are in which split: what, not where."""


class SyntheticMotion(Spec):
    """The embedded data set: real H.264 files whose classes differ by appearance, motion or order of events."""

    subsets: ClassVar[tuple[Subset, ...]] = ("train", "test")
    on_error: ClassVar[OnError] = "fail"
    type: Literal["synthetic_motion"]
    version: Literal[1] = 1
    train_videos_per_class: int = Field(default=100, ge=1)
    test_videos_per_class: int = Field(default=100, ge=1)
    flow: OptionalPathText = None
    """Folder that `videobench data flow` fills; the usual one lies beside the data set's own."""

    @property
    def name(self) -> str:
        return f"synthetic-motion v{self.version}"

    @property
    def partition(self) -> str:
        """How the videos are divided into subsets, in words; the same words mean the same subsets."""
        return "the only split"


class Files(Spec):
    """What all data sets share that lie on disk as files of the user's."""

    type: str
    root: OptionalPathText = None
    flow: OptionalPathText = None
    """Folder that `videobench data flow` fills; the usual one lies beside the data set's own."""
    only_classes: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    """Leave out the videos of all other classes; labels keep their numbers."""
    on_error: Annotated[OnError, OutsideDigest("retry")] = "fail"
    """What becomes of a run when a video can't be used: an error, or the rest without it, which every table says; or
    an error when it could not be read at several attempts either."""

    @property
    def partition(self) -> str:
        """How the videos are divided into subsets, in words; the same words mean the same subsets."""
        split = getattr(self, "split", None)
        return "the only split" if split is None else f"split {split}"


class ClassFolders(Files):
    """A folder a class: ``root/<class>/*.mp4`` cut into folds, or ``root/<subset>/<class>/*.mp4``."""

    type: Literal["class_folders"]
    name: DatasetName
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

    @property
    def partition(self) -> str:
        if self.folds is None:
            return "the only split"
        return f"split {self.split} of {self.folds}" + (f" by {self.groups}" if self.groups else "")

    def broken_rules(self) -> Iterable[BrokenRule]:
        if self.folds is not None and self.split > self.folds:
            yield BrokenRule(f"split {self.split} is not one of the {self.folds} folds", ("split", "folds"))
        if self.folds is None and (self.groups is not None or self.split != 1):
            yield BrokenRule("groups and split need folds", ("groups", "split"))


class SplitLists(Files):
    """UCF101's layout: class folders beside ``classInd.txt``, ``trainlist0N.txt`` and ``testlist0N.txt``."""

    subsets: ClassVar[tuple[Subset, ...]] = ("train", "test")
    type: Literal["split_lists"]
    name: DatasetName
    lists: InsideRoot = "ucfTrainTestlist"
    """Folder of the lists."""
    split: int = Field(default=1, ge=1)
    groups: InsideRoot | None = None
    """CSV with columns path and source: which videos were cut from the same recording."""

    @property
    def partition(self) -> str:
        usual = type(self).model_fields["lists"].default
        return f"split {self.split}" + ("" if self.lists == usual else f" of {self.lists}")


class OfficialSet(Files):
    """A published data set, as its authors' archives unpack; its type is its name."""

    videos: InsideRoot | None = None
    """Folder of the videos, or of frames of them; the usual ones are found without it."""

    @property
    def name(self) -> str:
        return self.type


class UCF101(OfficialSet):
    """``UCF-101`` beside ``ucfTrainTestlist``."""

    subsets: ClassVar[tuple[Subset, ...]] = ("train", "test")
    classes: ClassVar[int] = 101
    type: Literal["ucf101"]
    split: int = Field(default=1, ge=1, le=3)


class HMDB51(OfficialSet):
    """A folder a class beside ``testTrainMulti_7030_splits``."""

    subsets: ClassVar[tuple[Subset, ...]] = ("train", "test")
    classes: ClassVar[int] = 51
    type: Literal["hmdb51"]
    split: int = Field(default=1, ge=1, le=3)


class Kinetics(OfficialSet):
    """``train``, ``val`` and ``test`` as CVDF has them, and a list of one of the usual kinds, or folders of classes."""

    subsets: ClassVar[tuple[Subset, ...]] = ("train", "validation", "test")
    type: Literal["kinetics400", "kinetics600", "kinetics700"]
    annotations: InsideRoot | None = None
    """Folder of the lists: ``annotations`` or the root itself."""
    class_names: InsideRoot | None = None
    """Class names in their order, one a line, where the lists don't name them all."""

    @property
    def classes(self) -> Literal[400, 600, 700]:
        return _KINETICS_CLASSES[self.type]


_KINETICS_CLASSES: dict[str, Literal[400, 600, 700]] = {"kinetics400": 400, "kinetics600": 600, "kinetics700": 700}


class Sports1M(OfficialSet):
    """Videos named by their YouTube ids, beside ``labels.txt`` and ``original/train_partition.txt``."""

    subsets: ClassVar[tuple[Subset, ...]] = ("train", "test")
    classes: ClassVar[int] = 487
    type: Literal["sports1m"]


class Manifest(Files):
    """A list of paths and labels for each subset: a CSV with a header, or PySlowFast's and mmaction2's lines."""

    type: Literal["manifest"]
    name: DatasetName
    train: InsideRoot | None = None
    validation: InsideRoot | None = None
    test: InsideRoot | None = None
    videos: InsideRoot = "."
    """Folder that the listed paths start from."""
    class_names: InsideRoot | None = None
    """Class names in their order, one a line."""

    @property
    def lists(self) -> dict[Subset, InsideRoot]:
        given: dict[Subset, InsideRoot | None]
        given = {"train": self.train, "validation": self.validation, "test": self.test}
        return {subset: path for subset, path in given.items() if path is not None}

    @property
    def subsets(self) -> tuple[Subset, ...]:
        return tuple(self.lists)

    @property
    def partition(self) -> str:
        return f"the split of {self.train}" if self.train else "a split without a train list"

    def broken_rules(self) -> Iterable[BrokenRule]:
        if not self.lists:
            yield BrokenRule("give a list for at least one subset", ("train", "validation", "test"))


FileDataset = ClassFolders | SplitLists | UCF101 | HMDB51 | Kinetics | Sports1M | Manifest

Dataset = Annotated[SyntheticMotion | FileDataset, Field(discriminator="type")]
