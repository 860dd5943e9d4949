"""How a network is trained: optimiser, schedule and budget in clips."""

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field

from videobench.spec.base import BrokenRule, Spec

Positive = Annotated[float, Field(gt=0)]


class Sgd(Spec):
    """Stochastic gradient descent as P1's authors use it: Nesterov momentum, weights decayed."""

    type: Literal["sgd"] = "sgd"
    momentum: float = Field(default=0.9, ge=0, lt=1)
    nesterov: bool = True
    weight_decay: float = Field(default=1e-4, ge=0)
    decay_biases: bool = False
    """Also decay biases and BatchNorm's shifts, which the authors' Caffe2 code spares."""


class StepSchedule(Spec):
    """Multiply the rate by ``factor`` after every ``every_epochs`` epochs (P1: 0.1 every 10)."""

    type: Literal["step"] = "step"
    every_epochs: Positive = 10.0
    factor: float = Field(default=0.1, gt=0, lt=1)


class OneCycleSchedule(Spec):
    """Rise linearly over the warm-up, then fall to nothing along a cosine."""

    type: Literal["one_cycle"]


Schedule = Annotated[StepSchedule | OneCycleSchedule, Field(discriminator="type")]


class Recipe(Spec):
    """One training recipe; every length is in clips or epochs of ``epoch_clips`` clips, never in passes over files.

    The default numbers are P1's for Kinetics from scratch (section 4.1; ``batch`` is that of Table 3's 64 GPUs).
    """

    optimiser: Sgd = Sgd()
    learning_rate: Positive = 0.01
    """For ``reference_batch`` clips; scaled linearly to ``batch`` (Goyal et al.)."""
    reference_batch: int = Field(default=32, ge=1)
    batch: int = Field(default=2048, ge=1)
    """Clips per optimiser step, over all devices."""
    micro_batch: int = Field(default=32, ge=1)
    """Clips normalised together by BatchNorm: P1's share of one GPU. A step accumulates batch / micro_batch of them."""
    epoch_clips: int = Field(default=1_000_000, ge=1)
    epochs: Positive = 45.0
    warmup_epochs: float = Field(default=10.0, ge=0)
    schedule: Schedule = StepSchedule()
    flip: float = Field(default=0.5, ge=0, le=1)
    """Probability of a horizontal flip."""

    def broken_rules(self) -> Iterable[BrokenRule]:
        if self.batch % self.micro_batch:
            message = f"batch {self.batch} is not a multiple of micro_batch {self.micro_batch}"
            yield BrokenRule(message, ("batch", "micro_batch"))
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
