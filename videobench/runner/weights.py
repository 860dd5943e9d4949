"""The weights a unit starts from or measures: found, checked against their card and the classes, and loaded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from videobench.errors import WeightsError
from videobench.models.classifier import Classifier
from videobench.models.weights.carry import CarryReport, listing, load_into
from videobench.models.weights.files import SAFETENSORS_SUFFIX, file_sha256, read_tensors
from videobench.models.weights.native import WEIGHTS_FILE, load_weights
from videobench.published.released import ReleasedWeights, released_weights
from videobench.runner.workspace import Workspace
from videobench.spec.base import digest
from videobench.spec.units import Adaptation, Training, WeightsFile


@dataclass(frozen=True)
class StoredWeights:
    """Tensors as they lie on disk; ``card`` is what videobench wrote beside its own, None for other files."""

    tensors: Mapping[str, Tensor]
    path: Path
    sha256: str
    card: Mapping[str, Any] | None
    adapt: tuple[Adaptation, ...] = ()
    """What is to be done to the tensors for the network they go to."""

    @property
    def class_names(self) -> list[str] | None:
        """The classes in the order of the logits; None where nobody knows them."""
        names = None if self.card is None else self.card["class_names"]
        return None if names is None else [str(name) for name in names]

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
    if lacking := missing_file(source, workspace):
        raise lacking
    path = weights_path(source, workspace)
    stored = read_weights_file(path)
    expected = released_weights(source.released).sha256 if source.released else source.sha256
    if expected and not stored.sha256.startswith(expected):
        states = f"the {'catalogue' if source.released else 'experiment'} states {expected}"
        raise WeightsError(f"its sha256 is {stored.sha256}, {states}", where=str(path))
    return replace(stored, adapt=source.adapt)


def read_weights_file(path: Path) -> StoredWeights:
    """Read a file of any known format, or a folder of videobench's own, with the card where it has one."""
    path = path / WEIGHTS_FILE if path.is_dir() else path
    if path.suffix == SAFETENSORS_SUFFIX and path.with_suffix(".json").is_file():
        tensors, card = load_weights(path)
        return StoredWeights(tensors, path, str(card["sha256"]), card)
    tensors = read_tensors(path)
    return StoredWeights(tensors, path, file_sha256(path), None)


def weights_path(source: WeightsFile, workspace: Workspace) -> Path:
    """Return where a file lies, or has to be put."""
    if source.released is not None:
        return workspace.weights / released_weights(source.released).file
    assert source.file is not None  # it has one of the two
    return Path(source.file)


def missing_file(source: WeightsFile, workspace: Workspace) -> WeightsError | None:
    """Return the error for a file that isn't there, with the way to get it; None when it is."""
    path = weights_path(source, workspace)
    if path.is_file() or path.is_dir():
        return None
    hint = how_to_get(released_weights(source.released), path) if source.released else None
    return WeightsError("there is no such weights file", where=str(path), hint=hint)


def how_to_get(released: ReleasedWeights, path: Path) -> str:
    """Say how a public file gets to ``path``."""
    if released.url:
        return f"videobench weights get {released.name}"
    return f"download {released.file} with a browser, from {released.page}, and save it as {path}"


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
    load_into(model, weights.tensors, adapt=weights.adapt, where=str(weights.path))
    model.reorder_classes(order)


def load_to_start(model: Classifier, weights: StoredWeights, classes: Sequence[str]) -> CarryReport:
    """Load weights to train on from. A classifier for other classes, by name or number, keeps its fresh values."""
    where = str(weights.path)
    order = weights.order_of(classes)
    if order is not None:
        try:
            report = load_into(model, weights.tensors, adapt=weights.adapt, where=where)
        except WeightsError:
            pass  # perhaps it is only the classifier; whatever else doesn't fit is named by the last line
        else:
            model.reorder_classes(order)
            return report
    return load_into(model, weights.tensors, replace_head=True, adapt=weights.adapt, where=where)


def _differing_classes(theirs: Sequence[str], ours: Sequence[str], *, data: str) -> str:
    """Say how two sets of class names differ."""
    only_theirs = [name for name in theirs if name not in set(ours)]
    only_ours = [name for name in ours if name not in set(theirs)]
    parts = [f"the network was trained for {len(theirs)} classes, {data} has {len(ours)}"]
    parts += [f"{data} lacks {listing(only_theirs)}"] if only_theirs else []
    parts += [f"the network lacks {listing(only_ours)}"] if only_ours else []
    return "; ".join(parts)
