"""How a network is trained: optimiser, schedule and budget in clips."""

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field, Tag

from videobench.spec.base import BrokenRule, Spec, type_or
from videobench.spec.dataset import Subset
from videobench.spec.protocol import Protocol

Positive = Annotated[float, Field(gt=0)]


class Sgd(Spec):
    """Stochastic gradient descent. The defaults are P1's: Nesterov momentum, weights decayed."""

    type: Literal["sgd"] = "sgd"
    momentum: float = Field(default=0.9, ge=0, lt=1)
    nesterov: bool = True
    dampening: float = Field(default=0.0, ge=0, lt=1)
    """How much of a new gradient the momentum leaves out, from the second step on. P2: 0.9, without Nesterov."""
    weight_decay: float = Field(default=1e-4, ge=0)
    decay_biases: bool = False
    """Also decay biases and BatchNorm's shifts, which P1's Caffe2 code spares and P2's doesn't."""

    def broken_rules(self) -> Iterable[BrokenRule]:
        if self.nesterov and self.dampening:
            yield BrokenRule("Nesterov momentum has no dampening: write nesterov: false", ("dampening", "nesterov"))


class AdamW(Spec):
    """Adam with decoupled weight decay, as P2 trains its BERT heads: betas 0.9 and 0.999."""

    type: Literal["adamw"]
    weight_decay: float = Field(default=1e-3, ge=0)
    """A step shrinks every weight by this share of the learning rate."""
    decay_biases: bool = True


Optimiser = Annotated[Annotated[Sgd, Tag("sgd")] | Annotated[AdamW, Tag("adamw")], type_or("sgd")]


class StepSchedule(Spec):
    """Multiply the rate by ``factor`` after every ``every_epochs`` epochs (P1: 0.1 every 10)."""

    type: Literal["step"] = "step"
    every_epochs: Positive = 10.0
    factor: float = Field(default=0.1, gt=0, lt=1)


class OneCycleSchedule(Spec):
    """Rise linearly over the warm-up, then fall to nothing along a cosine."""

    type: Literal["one_cycle"]


class PlateauSchedule(Spec):
    """Multiply the rate by ``factor`` when the loss on all videos of ``subset`` stops falling, as PyTorch does.

    The defaults are P2's. On the videos that are reported this is learning from the answers, as P2's authors do, so
    results say so wherever they are shown.
    """

    type: Literal["plateau"]
    subset: Subset
    patience: int = Field(default=5, ge=0)
    """As many measurements in a row may bring no new lowest loss; the next such one lowers the rate."""
    factor: float = Field(default=0.1, gt=0, lt=1)
    threshold: float = Field(default=1e-4, ge=0, lt=1)
    """By this share a loss must lie below the lowest before."""
    every_epochs: Positive = 1.0
    protocol: Protocol = Protocol()
    """The views whose mean cross-entropy is the loss."""


Schedule = Annotated[
    Annotated[StepSchedule, Tag("step")]
    | Annotated[OneCycleSchedule, Tag("one_cycle")]
    | Annotated[PlateauSchedule, Tag("plateau")],
    type_or("step"),
]


class Recipe(Spec):
    """One training recipe; every length is in clips or epochs of ``epoch_clips`` clips, never in passes over files.

    The default numbers are P1's for Kinetics from scratch (section 4.1; ``batch`` is that of Table 3's 64 GPUs).
    """

    optimiser: Optimiser = Sgd()
    learning_rate: Positive = 0.01
    """For ``reference_batch`` clips; scaled linearly to ``batch`` (Goyal et al.)."""
    reference_batch: int = Field(default=32, ge=1)
    batch: int = Field(default=2048, ge=1)
    """Clips per optimiser step, over all devices."""
    micro_batch: int = Field(default=32, ge=1)
    """Clips normalised together by BatchNorm: P1's share of one GPU. A step accumulates batch / micro_batch of them."""
    running_statistics: Literal["first", "all"] = "first"
    """The micro-batches of a step that BatchNorm's running statistics follow: P1's authors keep those of the first GPU,
    P2's accumulation on one GPU goes through all."""
    batch_norm_momentum: float | None = Field(default=None, gt=0, le=1)
    """The last micro-batch's weight in the running statistics; None: the network's own. P2's R(2+1)D: 0.9."""
    epoch_clips: int = Field(default=1_000_000, ge=1)
    epochs: Positive = 45.0
    warmup_epochs: float = Field(default=10.0, ge=0)
    schedule: Schedule = StepSchedule()
    crop: Literal["random", "multi_scale", "multi_scale_late_temporal"] = "random"
    """What is cut out of a frame: the clip's crop anywhere, or one of several sizes and places, scaled to it
    (``data.sampling`` has both ways)."""
    flip: float = Field(default=0.5, ge=0, le=1)
    """Probability of a horizontal flip."""

    def broken_rules(self) -> Iterable[BrokenRule]:
        if self.batch % self.micro_batch:
            message = f"batch {self.batch} is not a multiple of micro_batch {self.micro_batch}"
            yield BrokenRule(message, ("batch", "micro_batch"))
        if self.micro_batch == 1:
            message = "micro_batch 1 leaves BatchNorm one clip to normalise: give it 2 or more"
            yield BrokenRule(message, ("micro_batch",))
        if self.warmup_epochs > self.epochs:
            message = f"warmup_epochs {self.warmup_epochs:g} is longer than epochs {self.epochs:g}"
            yield BrokenRule(message, ("warmup_epochs", "epochs"))

    @property
    def num_steps(self) -> int:
        return max(1, round(self.epochs * self.epoch_clips / self.batch))

    @property
    def peak_learning_rate(self) -> float:
        return self.learning_rate * self.batch / self.reference_batch

    def steps(self, epochs: float) -> int:
        """Convert epochs to optimiser steps."""
        return round(epochs * self.epoch_clips / self.batch)
