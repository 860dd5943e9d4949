"""The two units everything is made of: a Training and an Evaluation."""

from pathlib import PurePath
from typing import Annotated, Literal

from pydantic import Field

from videobench.spec.base import OptionalPathText, OutsideDigest, Spec
from videobench.spec.clip import Clip
from videobench.spec.dataset import Dataset, Subset
from videobench.spec.head import AverageHead, Head
from videobench.spec.network import Network
from videobench.spec.protocol import Protocol
from videobench.spec.recipe import PlateauSchedule, Positive, Recipe

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


Adaptation = Literal["flow_stem", "flow_stem_x1.5", "inflate", "positions"]
"""RGB's first convolution for flow: the mean over the colours for each direction (I3D), or 1.5 times that (P2);
convolutions of images repeated over time and divided by its length; position tables interpolated."""


class WeightsFile(Spec):
    """Weights from a file; what identifies them is their content, so a digest needs ``sha256`` or ``released``."""

    file: OptionalPathText = None
    sha256: Sha256 | None = None
    released: str | None = None
    """Its name in the catalogue of public weights, instead of ``file``: the folder they lie in is the machine's."""
    adapt: tuple[Adaptation, ...] = ()

    @property
    def label(self) -> str:
        return self.released or PurePath(self.file or "").name


class Validation(Spec):
    """How the training is watched. It changes no weights, so it is outside the digest."""

    subset: Subset = "test"
    every_epochs: Positive = 1.0
    videos: int = Field(default=200, ge=0)
    """At most this many videos; 0 switches it off."""
    protocol: Protocol = Protocol()


class SelectLast(Spec):
    """Keep the weights of the last step."""

    type: Literal["last"] = "last"


class SelectBest(Spec):
    """Keep the weights that measure best on all videos of ``subset``; of equally good ones, the earliest.

    On the videos that are reported this is choosing by the answers, so results say so wherever they are shown.
    """

    type: Literal["best"]
    subset: Subset
    metric: Literal["clip@1", "video@1"] = "video@1"
    every_epochs: Positive = 1.0
    """The last step is measured in any case."""
    protocol: Protocol = Protocol()


Select = Annotated[SelectLast | SelectBest, Field(discriminator="type")]


class Training(Spec):
    """One network trained once: data, clip, network, recipe, start and seed decide its weights."""

    data: Dataset
    subset: Subset = "train"
    clip: Clip
    network: Network
    head: Head = AverageHead()
    recipe: Recipe
    init: "Training | WeightsFile | None" = None
    """The training or file whose weights this one starts from; a classifier for other classes is replaced."""
    seed: int = Field(default=0, ge=0)
    select: Select = SelectLast()
    validation: Annotated[Validation, OutsideDigest()] = Validation()

    @property
    def watches(self) -> tuple[SelectBest | PlateauSchedule | Validation, ...]:
        """What is measured while it runs: first what decides about the weights, then what is only shown."""
        choosing = (self.select,) if isinstance(self.select, SelectBest) else ()
        steering = (self.recipe.schedule,) if isinstance(self.recipe.schedule, PlateauSchedule) else ()
        shown = (self.validation,) if self.validation.videos else ()
        return (*choosing, *steering, *shown)


class Evaluation(Spec):
    """One set of weights measured on one data split by one protocol."""

    weights: Training | WeightsFile
    network: Network
    head: Head = AverageHead()
    data: Dataset
    subset: Subset = "test"
    clip: Clip
    protocol: Protocol = Protocol()
    allow_seen_videos: bool = False
    """Measure also where the weights may have been trained on these videos."""
