"""Dense optical flow between neighbouring frames, by OpenCV, and its form in 8 bits.

A field says where each pixel of a frame is in the next one: [H, W, 2], horizontal (to the right) then vertical
(downwards), in pixels. A video of N frames has N - 1 of them.
"""

from __future__ import annotations  # OpenCV is needed only where flow is computed

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
from numpy.typing import NDArray

from videobench.errors import ConfigError

if TYPE_CHECKING:
    from types import ModuleType

Algorithm = Literal["tvl1", "farneback"]

PARAMETERS: Final[Mapping[Algorithm, Mapping[str, float]]] = {
    "tvl1": {
        "tau": 0.25, "lambda": 0.15, "theta": 0.3, "scales": 5, "warps": 5, "epsilon": 0.01,
        "inner_iterations": 30, "outer_iterations": 10, "scale_step": 0.8, "gamma": 0.0, "median_filtering": 5,
    },
    "farneback": {
        "pyramid_scale": 0.5**0.5, "levels": 5, "window": 10, "iterations": 2, "neighbourhood": 7, "sigma": 1.5,
    },
}  # fmt: skip
"""TV-L1 with OpenCV's defaults, as the field's extractors run it (P2's flow); Farneback with the numbers of P1's
Caffe2 operator, over a Gaussian window."""


def require_opencv() -> ModuleType:
    """Return OpenCV's module; ConfigError, with the way to install it, where it or its contributed part is missing."""
    hint = 'pip install "videobench[flow]"; no other command needs it'
    try:
        import cv2
    except ImportError as error:
        raise ConfigError("optical flow is computed by OpenCV, which is not installed", hint=hint) from error
    if not hasattr(cv2, "optflow"):
        raise ConfigError(f"OpenCV {cv2.__version__} is installed without its contributed part, TV-L1", hint=hint)
    cv2.setNumThreads(1)  # workers are the parallelism
    return cv2


def flow_fields(frames: Iterable[NDArray[np.uint8]], algorithm: Algorithm) -> Iterator[NDArray[np.float32]]:
    """Yield the flow [H, W, 2] in px from each frame (RGB [H, W, 3]) to the next, computed on grey pictures."""
    cv2 = require_opencv()
    between = _matcher(cv2, algorithm)
    grey = (cv2.cvtColor(np.ascontiguousarray(frame), cv2.COLOR_RGB2GRAY) for frame in frames)
    for one, next_one in pairwise(grey):
        yield between(one, next_one)


def _matcher(
    cv2: ModuleType, algorithm: Algorithm
) -> Callable[[NDArray[np.uint8], NDArray[np.uint8]], NDArray[np.float32]]:
    parameters = PARAMETERS[algorithm].values()  # in the order of OpenCV's arguments
    if algorithm == "tvl1":
        tvl1 = cv2.optflow.DualTVL1OpticalFlow_create(*parameters)
        return lambda one, next_one: tvl1.calc(one, next_one, None)
    gaussian = cv2.OPTFLOW_FARNEBACK_GAUSSIAN
    return lambda one, next_one: cv2.calcOpticalFlowFarneback(one, next_one, None, *parameters, gaussian)


def quantise(field: NDArray[np.float32], *, bound: float) -> NDArray[np.uint8]:
    """Map -bound..bound px linearly to 0..255, what lies beyond to the ends (TSN's and P2's pictures of flow).

    Rest lies between two levels and becomes 128. The negative of level v is 255 - v.
    """
    levels = (field.astype(np.float64) + bound) * (255 / (2 * bound))
    return np.clip(np.rint(levels), 0, 255).astype(np.uint8)
