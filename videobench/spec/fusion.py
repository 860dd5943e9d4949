"""Late fusion as a unit: which evaluations become one result, and how."""

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
