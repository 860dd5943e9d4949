"""What weights have been trained on, as far as it is written down: the ground for trusting their results."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from videobench.spec.base import Spec, identity
from videobench.spec.dataset import Dataset, Subset
from videobench.spec.recipe import PlateauSchedule, Recipe
from videobench.spec.units import Evaluation, Select, SelectLast, Training

FORCE_HINT = "measure on the same split; evaluate.allow_seen_videos: true forces it, and the table says so"


class Stage(Spec):
    """One of the trainings that weights went through: its videos, its recipe, and how it chose its weights."""

    data: Dataset
    subset: Subset = "train"
    recipe: Recipe = Recipe()
    select: Select = SelectLast()

    def is_on(self, data: Dataset, subset: Subset) -> bool:
        """Whether it was trained on these very videos."""
        return self.subset == subset and self._is_same_split(data)

    def is_chosen_on(self, data: Dataset, subset: Subset) -> bool:
        """Whether these very videos decided which of its weights were kept."""
        return self.select.type == "best" and self.select.subset == subset and self._is_same_split(data)

    @property
    def plateau(self) -> PlateauSchedule | None:
        """The schedule by which a measured loss decided about the learning rate."""
        return self.recipe.schedule if isinstance(self.recipe.schedule, PlateauSchedule) else None

    def is_steered_on(self, data: Dataset, subset: Subset) -> bool:
        """Whether the loss on these very videos decided about its learning rate."""
        return self.plateau is not None and self.plateau.subset == subset and self._is_same_split(data)

    def is_on_other_split(self, data: Dataset) -> bool:
        """Whether it was trained on another split of this data set, in which any of its videos may be."""
        return self.data.name == data.name and self.data.partition != data.partition

    def _is_same_split(self, data: Dataset) -> bool:
        return (self.data.name, self.data.partition) == (data.name, data.partition)


def stages(training: Training | Mapping[str, Any]) -> Iterator[Stage]:
    """Yield a training and those it started from, the nearest first; it may be given by its identity."""
    fields: Mapping[str, Any] | None = identity(training) if isinstance(training, Training) else training
    while fields and "data" in fields:  # weights that a file brought have none
        own = {name: fields[name] for name in Stage.model_fields if name in fields}
        yield Stage.model_validate_json(json.dumps(own))
        fields = fields.get("init")


def leak(evaluation: Evaluation, history: Iterable[Stage]) -> str | None:
    """Say which videos the weights may have seen before they are measured on them; None if that isn't so."""
    data = evaluation.data
    for stage in history:
        if stage.is_on_other_split(data):
            return (
                f"the network was trained on the {stage.subset} videos of {data.name}, {stage.data.partition};"
                f" the {evaluation.subset} videos of {data.partition} may be among them"
            )
    return None
