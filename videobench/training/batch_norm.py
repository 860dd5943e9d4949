"""What BatchNorm's running statistics follow, which only evaluation sees: training normalises by the micro-batch."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

RunningStatistics = Literal["first", "all"]
"""The micro-batches of a step that they follow: 1711.11248's code keeps those of its first GPU, 2008.01232's
accumulation on one GPU goes through all of them in order."""


def batch_norms_of(model: nn.Module) -> list[_BatchNorm]:
    return [module for module in model.modules() if isinstance(module, _BatchNorm)]


def set_momentum(model: nn.Module, momentum: float) -> None:
    """Give the last micro-batch this weight in all running statistics (PyTorch's sense: Caffe2's is one minus it)."""
    for norm in batch_norms_of(model):
        norm.momentum = momentum


@contextmanager
def running_statistics_kept(batch_norms: Sequence[_BatchNorm]) -> Iterator[None]:
    """Let BatchNorm normalise by its batch without learning from it: momentum 0 for the while."""
    momenta = [norm.momentum for norm in batch_norms]
    try:
        for norm in batch_norms:
            norm.momentum = 0.0
        yield
    finally:
        for norm, momentum in zip(batch_norms, momenta, strict=True):
            norm.momentum = momentum
