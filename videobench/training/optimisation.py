"""The optimisers and learning-rate schedules of the two papers, as plain functions of plain numbers.

A schedule is a frozen value whose ``at(step, losses)`` is the learning rate of one step (counted from 0), given the
validation losses measured before it: it holds no state, so nothing but those losses has to be saved, and a resumed
run reads the same rate as an uninterrupted one.
All lengths are in optimiser steps; who thinks in epochs or clips converts before.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn

# ---------------------------------------------------------------------------------------------- optimisers


def sgd(
    model: nn.Module,
    *,
    learning_rate: float,
    momentum: float,
    nesterov: bool,
    dampening: float,
    weight_decay: float,
    decay_biases: bool,
) -> torch.optim.SGD:
    """Stochastic gradient descent with momentum over every trainable parameter of ``model``.

    ``weight_decay`` is added to the gradient (L2). With ``decay_biases=False`` it leaves out biases and
    nothing else, as the Caffe2 code of 1711.11248 does: convolution and fc weights and BatchNorm scales
    decay, BatchNorm shifts and the classifier's bias don't. ``True`` is PyTorch's habit, and 2008.01232's.

    PyTorch multiplies the velocity by the current learning rate, Caffe2 stores it already multiplied. The two
    are equal while the rate is constant; after a drop Caffe2's velocity fades out over some ten steps.
    """
    return torch.optim.SGD(
        parameter_groups(model, weight_decay=weight_decay, decay_biases=decay_biases),
        lr=learning_rate,
        momentum=momentum,
        nesterov=nesterov,
        dampening=dampening,
        fused=True,  # one pass over memory: on a CPU more than ten times faster than the default
    )


def adamw(
    model: nn.Module,
    *,
    learning_rate: float,
    betas: tuple[float, float] = (0.9, 0.999),
    epsilon: float = 1e-8,
    weight_decay: float,
    decay_biases: bool,
) -> torch.optim.AdamW:
    """AdamW (decoupled weight decay) over every trainable parameter, as 2008.01232 trains its BERT heads."""
    return torch.optim.AdamW(
        parameter_groups(model, weight_decay=weight_decay, decay_biases=decay_biases),
        lr=learning_rate,
        betas=betas,
        eps=epsilon,
        fused=True,
    )


def parameter_groups(model: nn.Module, *, weight_decay: float, decay_biases: bool) -> list[dict[str, Any]]:
    """Split the trainable parameters into those that decay and those that don't; no group is empty."""
    decayed: list[nn.Parameter] = []
    spared: list[nn.Parameter] = []
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            is_spared = name.endswith("bias") and not decay_biases  # attention has an ``in_proj_bias``
            (spared if is_spared else decayed).append(parameter)
    groups = [
        {"params": decayed, "weight_decay": weight_decay},
        {"params": spared, "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]


def set_learning_rate(optimiser: torch.optim.Optimizer, learning_rate: float) -> None:
    """Give all parameter groups the same learning rate."""
    for group in optimiser.param_groups:
        group["lr"] = learning_rate


# ----------------------------------------------------------------------------------- learning-rate schedules

NEGLIGIBLE_CHANGE = 1e-8
"""A drop of the rate by no more than this isn't made, as in PyTorch (``eps``)."""


@dataclass(frozen=True, kw_only=True)
class WarmUp:
    """Rise from ``start`` (a factor of the peak) to the peak over ``num_steps`` steps (Goyal, 1706.02677)."""

    num_steps: int
    start: float
    shape: Literal["linear", "cosine"] = "linear"

    def factor(self, step: int) -> float:
        share = step / self.num_steps
        return self.start + (1.0 - self.start) * (share if self.shape == "linear" else _half_cosine(share))


@dataclass(frozen=True, kw_only=True)
class Constant:
    """The peak for ever."""

    def factor(self, step: int) -> float:  # noqa: ARG002 - all decays are called alike
        return 1.0


@dataclass(frozen=True, kw_only=True)
class StepDecay:
    """Multiply by ``factor_per_drop`` after every ``num_steps`` steps."""

    num_steps: int
    factor_per_drop: float = 0.1

    def factor(self, step: int) -> float:
        return self.factor_per_drop ** (step // self.num_steps)


@dataclass(frozen=True, kw_only=True)
class Cosine:
    """Fall to ``final`` (a factor of the peak) along half a cosine of ``num_steps`` steps, and stay there."""

    num_steps: int
    final: float = 0.0

    def factor(self, step: int) -> float:
        return 1.0 - (1.0 - self.final) * _half_cosine(min(step / self.num_steps, 1.0))


@dataclass(frozen=True, kw_only=True)
class Plateau:
    """Multiply when the loss stops falling: PyTorch's ``ReduceLROnPlateau`` with its defaults, as 2008.01232 uses it.

    A loss counts as lower when it lies below the lowest before by the share ``threshold``. After more than
    ``patience`` losses in a row that don't, the rate drops and the counting starts anew.
    """

    patience: int
    factor_per_drop: float
    threshold: float

    def rate(self, peak: float, losses: Sequence[float]) -> float:
        """The rate after these losses, in the order in which they were measured."""
        rate, lowest, num_bad = peak, math.inf, 0
        for loss in losses:
            if loss < lowest * (1.0 - self.threshold):
                lowest, num_bad = loss, 0
            else:
                num_bad += 1
            if num_bad > self.patience:
                lower = rate * self.factor_per_drop
                rate, num_bad = (lower if rate - lower > NEGLIGIBLE_CHANGE else rate), 0
        return rate


@dataclass(frozen=True, kw_only=True)
class LearningRate:
    """An optional warm-up to ``peak``, then a decay, whose steps count from the end of the warm-up.

    So 1711.11248's "first 10 epochs warm-up, divided by 10 every 10 epochs" (Section 4.1) drops after epochs
    20, 30 and 40, as its Figure 3 shows.
    """

    peak: float
    decay: Constant | StepDecay | Cosine | Plateau = Constant()
    warm_up: WarmUp | None = None

    def at(self, step: int, losses: Sequence[float] = ()) -> float:
        """The learning rate of the step with this number, counted from 0, after these validation losses."""
        rising_steps = 0 if self.warm_up is None else self.warm_up.num_steps
        if self.warm_up is not None and step < rising_steps:
            return self.peak * self.warm_up.factor(step)
        if isinstance(self.decay, Plateau):
            return self.decay.rate(self.peak, losses)
        return self.peak * self.decay.factor(step - rising_steps)


def one_cycle(
    peak: float, *, num_steps: int, rising_share: float = 0.3, start: float = 0.04, final: float = 4e-6
) -> LearningRate:
    """Rise and fall once over ``num_steps`` along two half cosines (Smith and Topin, 1708.07120).

    ``start`` and ``final`` are factors of the peak, by default PyTorch's; the last step has the final rate.
    """
    rising_steps = min(max(1, round(rising_share * num_steps)), max(1, num_steps - 2))
    return LearningRate(
        peak=peak,
        warm_up=WarmUp(num_steps=rising_steps, start=start, shape="cosine"),
        decay=Cosine(num_steps=max(1, num_steps - 1 - rising_steps), final=final),
    )


def _half_cosine(share: float) -> float:
    """Half a wave from (0, 0) to (1, 1), flat at both ends."""
    return (1.0 - math.cos(math.pi * share)) / 2.0
