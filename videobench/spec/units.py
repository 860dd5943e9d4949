"""The two units everything is made of: a Training and an Evaluation."""

from typing import Annotated

from pydantic import Field

from videobench.spec.base import OutsideDigest, PathText, Spec
from videobench.spec.clip import Clip
from videobench.spec.dataset import Dataset, Subset
from videobench.spec.network import Network
from videobench.spec.protocol import Protocol
from videobench.spec.recipe import Recipe

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class WeightsFile(Spec):
    """Weights from a file; what identifies them is their content, so a digest needs the ``sha256``."""

    file: PathText
    sha256: Sha256 | None = None


class Validation(Spec):
    """How the training is watched. It changes no weights, so it is outside the digest."""

    subset: Subset = "test"
    every_epochs: float = Field(default=1.0, gt=0)
    videos: int = Field(default=200, ge=0)
    """At most this many videos, one clip each; 0 switches it off."""


class Training(Spec):
    """One network trained once: data, clip, network, recipe, start and seed decide its weights."""

    data: Dataset
    subset: Subset = "train"
    clip: Clip
    network: Network
    recipe: Recipe
    init: "Training | WeightsFile | None" = None
    """The training or file whose weights this one starts from; a classifier of another size is replaced."""
    seed: int = Field(default=0, ge=0)
    validation: Annotated[Validation, OutsideDigest()] = Validation()


class Evaluation(Spec):
    """One set of weights measured on one data split by one protocol."""

    weights: Training | WeightsFile
    network: Network
    data: Dataset
    subset: Subset = "test"
    clip: Clip
    protocol: Protocol = Protocol()
