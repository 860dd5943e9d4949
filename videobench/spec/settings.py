"""The settings of a row: the vocabulary of ``base``, of rows, of the matrix and of ``--set``."""

from collections.abc import Iterable

from pydantic import Field

from videobench.spec.base import BrokenRule, OptionalPathText, Spec
from videobench.spec.clip import Clip
from videobench.spec.dataset import Dataset, Subset
from videobench.spec.head import AverageHead, Head
from videobench.spec.network import Network
from videobench.spec.protocol import Protocol
from videobench.spec.recipe import PlateauSchedule, Recipe
from videobench.spec.units import Adaptation, Select, SelectBest, SelectLast, Sha256, Validation

NO_ROW = "names no row; write experiment#row, or #row of this file"


def names_row(reference: str) -> bool:
    """Tell whether this is ``experiment#row``, or ``#row`` of the same file."""
    return "#" in reference and bool(reference.rpartition("#")[2])


class Start(Spec):
    """Weights to start from or to measure: another row's, or a file's."""

    run: str | None = None
    """``experiment#row``, or ``#row`` of the same file."""
    file: OptionalPathText = None
    sha256: Sha256 | None = None
    released: str | None = None
    """A public file by its name in `videobench weights ls`."""
    adapt: tuple[Adaptation, ...] = ()
    """What is done to the tensors of a file for another network than it was made for."""

    def broken_rules(self) -> Iterable[BrokenRule]:
        if sum(source is not None for source in (self.run, self.file, self.released)) != 1:
            yield BrokenRule(
                'give one of run ("experiment#row", quoted), file and released', ("run", "file", "released")
            )
        if self.run is not None and not names_row(self.run):
            yield BrokenRule(f"{self.run!r} {NO_ROW}", ("run",))
        if self.sha256 is not None and self.file is None and (self.run or self.released):
            yield BrokenRule("sha256 belongs to file", ("sha256",))
        if self.adapt and self.run is not None:
            yield BrokenRule("adapt belongs to file and released", ("adapt",))


class EvaluateSettings(Spec):
    """How a row is measured; data and clip start from the training's."""

    data: Dataset
    subset: Subset = "test"
    clip: Clip
    protocol: Protocol = Protocol()
    allow_seen_videos: bool = False
    """Measure also where the weights may have been trained on these videos."""


class Settings(Spec):
    """Everything a row sets, after merging."""

    data: Dataset
    subset: Subset = "train"
    clip: Clip
    network: Network
    head: Head = AverageHead()
    recipe: Recipe = Recipe()
    init: Start | None = None
    weights: Start | None = None
    """Evaluate another row's network, or a file, instead of training."""
    evaluate: EvaluateSettings
    select: Select = SelectLast()
    validation: Validation = Validation()
    seed: int = Field(default=0, ge=0)
    """A row that sets its own seed runs at that one alone."""

    def broken_rules(self) -> Iterable[BrokenRule]:
        if self.weights and self.init:
            message = "weights are evaluated as they are, so nothing is trained that could start from init"
            yield BrokenRule(message, ("weights", "init"))
        trained_on, measured_on = self.clip.frames, self.evaluate.clip.frames
        if not self.weights and not isinstance(self.head, AverageHead) and trained_on != measured_on:
            message = (
                f"a {self.head.type} head fits clips of one length: it would be trained on {trained_on} frames and "
                f"measured on {measured_on}"
            )
            yield BrokenRule(message, ("evaluate.clip.frames", "head.type"))
        used = [("evaluate.subset", self.evaluate.subset, self.evaluate.data)]
        if not self.weights:
            used.append(("subset", self.subset, self.data))
            if isinstance(self.select, SelectBest):
                used.append(("select.subset", self.select.subset, self.data))
            if isinstance(self.recipe.schedule, PlateauSchedule):
                used.append(("recipe.schedule.subset", self.recipe.schedule.subset, self.data))
            if self.validation.videos:
                used.append(("validation.subset", self.validation.subset, self.data))
        for field, subset, data in used:
            if subset not in data.subsets:
                message = f"{data.type} has no subset {subset!r}; legal: {', '.join(data.subsets)}"
                yield BrokenRule(message, (field,))
