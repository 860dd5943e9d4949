"""The settings of a row: the vocabulary of ``base``, of rows, of the matrix and of ``--set``."""

from collections.abc import Iterable

from pydantic import Field

from videobench.spec.base import BrokenRule, OptionalPathText, Spec
from videobench.spec.clip import Clip
from videobench.spec.dataset import Dataset, Subset
from videobench.spec.network import Network
from videobench.spec.protocol import Protocol
from videobench.spec.recipe import Recipe
from videobench.spec.units import Select, SelectBest, SelectLast, Sha256, Validation


class Start(Spec):
    """Weights to start from or to measure: another row's, or a file's."""

    run: str | None = None
    """``experiment#row``, or ``#row`` of the same file."""
    file: OptionalPathText = None
    sha256: Sha256 | None = None

    def broken_rules(self) -> Iterable[BrokenRule]:
        if (self.run is None) == (self.file is None):
            yield BrokenRule('give either run ("experiment#row", quoted) or file', ("run", "file"))
        if self.run is not None and not ("#" in self.run and self.run.rpartition("#")[2]):
            yield BrokenRule(f"{self.run!r} names no row; write experiment#row, or #row of this file", ("run",))
        if self.sha256 is not None and self.run is not None and self.file is None:
            yield BrokenRule("sha256 belongs to file", ("sha256",))


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
        used = [("evaluate.subset", self.evaluate.subset, self.evaluate.data)]
        if not self.weights:
            used.append(("subset", self.subset, self.data))
            if isinstance(self.select, SelectBest):
                used.append(("select.subset", self.select.subset, self.data))
            if self.validation.videos:
                used.append(("validation.subset", self.validation.subset, self.data))
        for field, subset, data in used:
            if subset not in data.subsets:
                message = f"{data.type} has no subset {subset!r}; legal: {', '.join(data.subsets)}"
                yield BrokenRule(message, (field,))
