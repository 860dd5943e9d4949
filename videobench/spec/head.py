"""Temporal pooling heads as an experiment file names them (P2 section 3 and Table 1)."""

from typing import Annotated, Literal

from pydantic import Field, Tag

from videobench.spec.base import Spec, type_or

Share = Annotated[float, Field(ge=0.0, lt=1.0)]
Count = Annotated[int, Field(ge=1)]


class AverageHead(Spec):
    """TGAP: average over time and space, then the classifier. P1's head, and P2's baseline."""

    type: Literal["average"] = "average"
    dropout: Share = 0.0
    """Before the classifier; P2's authors use 0.8, of flow 0.7."""
    classifier: Literal["backbone", "xavier"] = "backbone"
    """How the classifier's weights are drawn: as the backbone's authors do, or Glorot's way, as P2's do."""


class ConcatenationHead(Spec):
    """The features of all time steps side by side; with ``hidden``, a fully connected layer before the classifier."""

    type: Literal["concatenation"]
    hidden: Count | None = None
    """P2's authors: 1550."""
    dropout: Share = 0.0


class LstmHead(Spec):
    """The last output of an LSTM that reads the time steps."""

    type: Literal["lstm"]
    layers: Count = 2
    hidden: Count = 450
    dropout: Share = 0.0


class NonLocalHead(Spec):
    """A non-local block over time and space, then concatenation."""

    type: Literal["non_local"]
    hidden: Count | None = 1000
    dropout: Share = 0.0


class BertHead(Spec):
    """A transformer over the time steps; the defaults are P2's best (Table 2), as its authors built it."""

    type: Literal["bert"]
    layers: Count = 1
    heads: Count = 8
    output: Literal["class_token", "mean"] = "class_token"
    """What is classified: a learned token's output, or the mean of the outputs at the features, without the token."""
    initialisation: Literal["small", "scaled"] = "small"
    """Token and positions N(0, 0.02), linear layers as torch draws them; or, as on I3D, N(0, d^-0.5) and N(0, 0.02)."""
    normalise_tokens: bool = False
    """Divide every feature vector by its L2 norm first, as on I3D."""
    keep: float = Field(default=0.8, gt=0.0, le=1.0)
    """Share of the time steps that may be attended to in training."""
    inner_dropout: Share = 0.1
    """Of embedding, attention, feed-forward and block outputs."""
    dropout: Share = 0.0
    """Before the classifier."""


Head = Annotated[
    Annotated[AverageHead, Tag("average")]
    | Annotated[ConcatenationHead, Tag("concatenation")]
    | Annotated[LstmHead, Tag("lstm")]
    | Annotated[NonLocalHead, Tag("non_local")]
    | Annotated[BertHead, Tag("bert")],
    type_or("average"),
]
