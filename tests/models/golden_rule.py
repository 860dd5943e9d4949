"""Weights and clips made by a rule, so that networks can be compared with other implementations of them.

A tensor's values depend on its name in the other implementation and on its shape alone: an integer hash of
(crc32 of the name, flat index), mapped to [0, 1), scaled by what the name says the tensor is. Values are
rounded to float32, so every implementation holds exactly the same ones.
"""

import math
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

GOLDEN_RATIO = 0x9E3779B97F4A7C15
SEED_FACTOR = 0xD1B54A32D192ED03
MIXING = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))  # shift, then multiply
MODULUS = 2**64


def uniform(name: str, count: int) -> npt.NDArray[np.float64]:
    """`count` numbers in [0, 1) that depend on the name alone."""
    start = zlib.crc32(name.encode()) * SEED_FACTOR % MODULUS
    state = np.arange(1, count + 1, dtype=np.uint64)
    state *= np.uint64(GOLDEN_RATIO)  # array arithmetic wraps modulo 2**64 silently
    state += np.uint64(start)
    for shift, factor in MIXING:
        state ^= state >> np.uint64(shift)
        state *= np.uint64(factor)
    state ^= state >> np.uint64(31)
    return (state >> np.uint64(11)) * 2.0**-53


def golden_tensor(name: str, shape: Sequence[int], *, gain: float = 1.0) -> npt.NDArray[np.float32]:
    """The values of the tensor that another implementation calls `name`; `gain` scales those of two axes or more."""
    values = uniform(name, math.prod(shape))
    if name.endswith(("running_var", "_riv")):
        values += 0.5
    elif name.endswith(("running_mean", "_rm")):
        values = 0.2 * (values - 0.5)
    elif len(shape) >= 2:
        values = gain * math.sqrt(3 / math.prod(shape[1:])) * (2 * values - 1)
    elif name.endswith(("weight", "a_2", "_s")):
        values += 0.5
    else:
        values = 0.2 * (values - 0.5)
    return values.astype(np.float32).reshape(shape)


def golden_clips(shape: Sequence[int]) -> npt.NDArray[np.float32]:
    """A batch of clips in [-1, 1), of shape [B, C, T, H, W]."""
    return (2 * uniform("input", math.prod(shape)) - 1).astype(np.float32).reshape(shape)


def largest_deviation(actual: Tensor, expected: dict[str, Any]) -> float:
    """Of the first ten values and the mean as shares of the rms, and of the norm as a share of itself."""
    assert actual.numel() == expected["n"]
    rms = expected["l2"] / expected["n"] ** 0.5
    assert int(actual.argmax()) == expected["argmax"]
    first = (actual.flatten()[:10] - tensor(expected["first10"])).abs().max() / rms
    total = abs(actual.sum().item() - expected["sum"]) / (expected["l2"] * expected["n"] ** 0.5)
    norm = abs(actual.norm().item() / expected["l2"] - 1)
    return max(first.item(), total, norm)


def tensor(values: Any) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)
