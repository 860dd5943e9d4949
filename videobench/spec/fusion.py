"""Late fusion as a unit: which evaluations become one result, and how."""

import math
from collections.abc import Iterable, Mapping
from typing import Annotated, Literal

from pydantic import Field

from videobench.spec.base import DIGEST_LENGTH, Spec

Form = Literal["mean", "l2norm_sum"]

EvaluationDigest = Annotated[str, Field(pattern=rf"^[0-9a-f]{{{DIGEST_LENGTH}}}$")]


class Fusion(Spec):
    """Several evaluations of the same videos joined into one result."""

    streams: dict[str, EvaluationDigest]
    """What the user calls the stream -> the evaluation it is."""
    weights: dict[str, float]
    """Share of each stream; they sum to 1."""
    form: Form = "mean"
    """``mean``: weighted mean of the streams' softmax scores (P1); ``l2norm_sum``: weighted sum of their mean logits,
    each scaled to length 1 (P2)."""


class FusionSettings(Spec):
    """How the streams of a row are joined."""

    form: Form = "mean"
    weights: dict[str, Annotated[float, Field(gt=0)]] | None = None
    """Of each stream; only their ratios count. None: all the same."""


def shares_of(streams: Iterable[str], weights: Mapping[str, float] | None) -> dict[str, float]:
    """Return what each stream contributes to a whole of 1: the same, or in the ratio of the ``weights``."""
    numbers = {stream: weights[stream] if weights else 1.0 for stream in streams}
    return {stream: number / math.fsum(numbers.values()) for stream, number in numbers.items()}
