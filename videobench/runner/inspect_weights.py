"""Looking into files of weights: which network they are of, and writing them in another format."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import TypeAdapter
from safetensors.torch import save_file
from torch import Tensor

from videobench.atomic import replacing
from videobench.errors import ConfigError, WeightsError
from videobench.models.classifier import Classifier
from videobench.models.complexity import count_parameters
from videobench.models.weights.carry import CarryReport, listing, load_into
from videobench.models.weights.files import SAFETENSORS_SUFFIX
from videobench.models.weights.identify import Guess, describe, guess
from videobench.models.weights.native import save_weights
from videobench.models.weights.others import other_network
from videobench.models.weights.torchvision import torchvision_names
from videobench.published.released import ReleasedWeights, all_released_weights
from videobench.runner.networks import build_network
from videobench.runner.weights import StoredWeights, read_weights_file, weights_path
from videobench.runner.workspace import Workspace
from videobench.spec.base import digest
from videobench.spec.clip import Clip
from videobench.spec.expand import Experiment
from videobench.spec.head import Head
from videobench.spec.network import Network
from videobench.spec.problems import nearest
from videobench.spec.row import Replica
from videobench.spec.units import WeightsFile

USUAL_FRAMES = 16
USUAL_SIZE = 112
NETWORK: TypeAdapter[Network] = TypeAdapter(Network)
HEAD: TypeAdapter[Head] = TypeAdapter(Head)


@dataclass(frozen=True)
class Inspected:
    """A file, the network that it fits whole, and how each of its tensors fits."""

    stored: StoredWeights
    holds: Guess
    network: Network
    head: Head
    parameters: int
    report: CarryReport

    @property
    def released(self) -> ReleasedWeights | None:
        """Which public file it is, by its name and, where that is known, its sha256."""
        same_name = (each for each in all_released_weights() if each.file == self.stored.path.name)
        return next((each for each in same_name if self.stored.sha256.startswith(each.sha256 or "")), None)

    def build(self, *, on_meta: bool = False) -> Classifier:
        """Return the network, with fresh weights or (on the meta device) none."""
        return _build(self.holds, self.network, self.head, on_meta=on_meta)

    def as_dict(self) -> dict[str, Any]:
        report, names = self.report, self.stored.class_names
        return {
            "file": str(self.stored.path),
            "sha256": self.stored.sha256,
            "names": report.layout,
            "holds": describe(self.holds),
            "network": self.network.model_dump(mode="json"),
            "head": self.head.model_dump(mode="json"),
            "classes": self.holds.num_classes,
            "class_names": names,
            "in_channels": self.holds.in_channels,
            "frames": self.holds.frames,
            "parameters": self.parameters,
            "tensors": {kind: len(getattr(report, kind)) for kind in ("matched", "reshaped", "unused")},
            "reshaped": report.reshaped,
            "unused": report.unused,
            "released": self.released.name if self.released else None,
        }


def inspect_weights(path: Path) -> Inspected:
    """Read a file and find the network that it is of, which it must fit whole.

    WeightsError when the file can't be read, is of another network or of none known, with what it is where that can
    be told.
    """
    stored = read_weights_file(path)
    where = str(stored.path)
    if other := other_network(stored.tensors):
        raise WeightsError(f"this is {other}", where=where)
    holds = guess(stored.tensors) if stored.card is None else _from_card(stored.card, stored.tensors)
    if holds is None:
        begins = f"it begins with {listing(sorted(stored.tensors), limit=3)}"
        hint = "`videobench weights ls` has the files that fit, docs/weights.md their formats."
        raise WeightsError(f"its tensors are of no network known here: {begins}", where=where, hint=hint)
    network, head = NETWORK.validate_python(holds.network), HEAD.validate_python(holds.head)
    model = _build(holds, network, head, on_meta=True)
    report = load_into(model, stored.tensors, where=where)
    return Inspected(stored, holds, network, head, count_parameters(model), report)


def convert_weights(inspected: Inspected, folder: Path, *, class_names: Sequence[str] | None) -> Path:
    """Write the weights in videobench's own format; `class_names` in the order of the logits, where they are known."""
    names = inspected.stored.class_names if class_names is None else list(class_names)
    if names is not None and len(names) != inspected.holds.num_classes:
        raise ConfigError(f"{len(names)} class names were given for {inspected.holds.num_classes} classes")
    model = inspected.build()
    load_into(model, inspected.stored.tensors, where=str(inspected.stored.path))
    card = {
        "class_names": names,
        "preprocessing": None,
        "network": inspected.network.model_dump(mode="json"),
        "head": inspected.head.model_dump(mode="json"),
        "frames": inspected.holds.frames,
        "converted_from": {"file": inspected.stored.path.name, "sha256": inspected.stored.sha256},
    }
    return save_weights(folder, model, card={**card, **(inspected.stored.card or {})})


def export_weights(inspected: Inspected, path: Path) -> int:
    """Write the weights under torchvision's names, which torchvision loads where it has the network.

    Returned is how many tensors there are. ConfigError for a network that torchvision has no names for.
    """
    model = inspected.build()
    load_into(model, inspected.stored.tensors, where=str(inspected.stored.path))
    state = model.state_dict()
    names = torchvision_names(state)
    if set(names) != set(state):
        hint = "Its names cover P1's networks and their deeper relatives, with an average pooling head."
        raise ConfigError(f"torchvision has no names for {describe(inspected.holds)}", hint=hint)
    if path.suffix not in (".pth", ".pt", SAFETENSORS_SUFFIX):
        raise ConfigError("the file's ending says its format: .pth or .safetensors", where=str(path))
    tensors = {names[name]: tensor.contiguous() for name, tensor in state.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        if path.suffix == SAFETENSORS_SUFFIX:
            save_file(tensors, temporary)
        else:
            torch.save(tensors, temporary)
    return len(tensors)


def weights_of_row(experiment: Experiment, row: str, workspace: Workspace) -> Path:
    """Return where the weights of a row lie, of its first seed and split; ConfigError when there is no such row.

    WeightsError while they are not trained.
    """
    names = [each.name for each in experiment.rows]
    if row not in names:
        raise ConfigError(f"{experiment.name} has no row {row!r}", hint=nearest(row, names))
    replica = experiment.rows[names.index(row)].replicas[0]
    if not isinstance(replica, Replica):
        raise ConfigError(f"{row} is a fusion: it has no weights of its own", where=experiment.name)
    source = replica.evaluation.weights
    if isinstance(source, WeightsFile):
        return weights_path(source, workspace)
    folder = workspace.training(digest(source))
    if not folder.is_done():
        raise WeightsError("this training is not finished", where=str(folder.path), hint="videobench train does it")
    return folder.path


def _from_card(card: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Guess:
    """What the card of videobench's own weights says of them; cards of the first version had dropout in the network."""
    network = {name: value for name, value in card["network"].items() if name != "dropout"}
    first = next(tensor for name, tensor in tensors.items() if name.startswith("backbone.") and tensor.dim() == 5)
    stem = next((tensor for name, tensor in tensors.items() if ".stem." in name and tensor.dim() == 5), first)
    num_classes = len(tensors["head.linear.bias"])
    return Guess(network, card.get("head", {"type": "average"}), num_classes, stem.shape[1], card.get("frames"))


def _build(holds: Guess, network: Network, head: Head, *, on_meta: bool) -> Classifier:
    clip = Clip(
        frames=holds.frames or USUAL_FRAMES,
        resize=(USUAL_SIZE, USUAL_SIZE),
        crop=USUAL_SIZE,
        modality="flow" if holds.in_channels == 2 else "rgb",
    )
    with torch.device("meta" if on_meta else "cpu"):
        return build_network(network, head, clip=clip, num_classes=holds.num_classes)
