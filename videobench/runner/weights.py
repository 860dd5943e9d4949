"""The weights a unit starts from or measures: found, checked against their card and the classes, and loaded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from videobench.errors import WeightsError
from videobench.models.classifier import Classifier
from videobench.models.weights.carry import CarryReport, listing, load_into
from videobench.models.weights.files import SAFETENSORS_SUFFIX, file_sha256, read_tensors
from videobench.models.weights.native import load_weights
from videobench.runner.workspace import Workspace
from videobench.spec.base import digest
from videobench.spec.units import Training, WeightsFile


@dataclass(frozen=True)
class StoredWeights:
    """Tensors as they lie on disk; ``card`` is what videobench wrote beside its own, None for other files."""

    tensors: Mapping[str, Tensor]
    path: Path
    sha256: str
    card: Mapping[str, Any] | None

    @property
    def class_names(self) -> list[str] | None:
        return None if self.card is None else [str(name) for name in self.card["class_names"]]

    def order_of(self, classes: Sequence[str]) -> list[int] | None:
        """Return where each of ``classes`` stands among the file's; None when those are others.

        A file that doesn't name its classes is taken to have them in this order.
        """
        names = list(classes) if self.class_names is None else self.class_names
        return [names.index(name) for name in classes] if sorted(names) == sorted(classes) else None


def read_weights(source: Training | WeightsFile, workspace: Workspace) -> StoredWeights:
    """Read the weights of a finished training or of a file.

    WeightsError when the training is not finished, or the file is missing, damaged or another one than stated.
    """
    if isinstance(source, Training):
        folder = workspace.training(digest(source))
        if not folder.is_done():
            raise WeightsError("this training is not finished", where=str(folder.path), hint="videobench train does it")
        tensors, card = load_weights(folder.weights)
        return StoredWeights(tensors, folder.weights, str(card["sha256"]), card)
    path = Path(source.file)
    sha256 = check_weights_file(path, source.sha256)
    if path.suffix == SAFETENSORS_SUFFIX and path.with_suffix(".json").is_file():
        tensors, card = load_weights(path)
        return StoredWeights(tensors, path, sha256, card)
    return StoredWeights(read_tensors(path), path, sha256, None)


def check_weights_file(path: Path, expected: str | None) -> str:
    """Return the file's sha256; WeightsError when the file is missing or another one than stated."""
    if not path.is_file():
        raise WeightsError("there is no such weights file", where=str(path))
    found = file_sha256(path)
    if expected and found != expected:
        raise WeightsError(f"its sha256 is {found}, the experiment states {expected}", where=str(path))
    return found


def load_to_measure(model: Classifier, weights: StoredWeights, classes: Sequence[str], *, data: str) -> None:
    """Load weights that must fit the network whole and, where their classes are known, be for the same ones.

    Classes are matched by name: those that stand in another order in the file are put into that of ``classes``.
    """
    order = weights.order_of(classes)
    if order is None:
        raise WeightsError(
            _differing_classes(weights.class_names or [], classes, data=data),
            where=str(weights.path),
            hint="fine-tune it for these classes: videobench finetune EXPERIMENT --from FILE",
        )
    load_into(model, weights.tensors, where=str(weights.path))
    model.reorder_classes(order)


def load_to_start(model: Classifier, weights: StoredWeights, classes: Sequence[str]) -> CarryReport:
    """Load weights to train on from. A classifier for other classes, by name or number, keeps its fresh values."""
    where = str(weights.path)
    order = weights.order_of(classes)
    if order is not None:
        try:
            report = load_into(model, weights.tensors, where=where)
        except WeightsError:
            pass  # perhaps it is only the classifier; whatever else doesn't fit is named by the last line
        else:
            model.reorder_classes(order)
            return report
    return load_into(model, weights.tensors, replace_head=True, where=where)


def _differing_classes(theirs: Sequence[str], ours: Sequence[str], *, data: str) -> str:
    """Say how two sets of class names differ."""
    only_theirs = [name for name in theirs if name not in set(ours)]
    only_ours = [name for name in ours if name not in set(theirs)]
    parts = [f"the network was trained for {len(theirs)} classes, {data} has {len(ours)}"]
    parts += [f"{data} lacks {listing(only_theirs)}"] if only_theirs else []
    parts += [f"the network lacks {listing(only_ours)}"] if only_ours else []
    return "; ".join(parts)
