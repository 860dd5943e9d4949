"""From a backbone's features to logits: pooling, dropout, linear layers. Any pooling fits any backbone."""

from collections.abc import Sequence
from typing import Literal, cast

import torch
from torch import Tensor, nn

from videobench.models.heads.average import AveragePooling
from videobench.models.heads.bert import BertPooling
from videobench.models.heads.concatenation import Concatenation
from videobench.models.heads.lstm import LstmPooling
from videobench.models.heads.non_local import NonLocalConcatenation

Pooling = AveragePooling | Concatenation | LstmPooling | NonLocalConcatenation | BertPooling
LinearInitialisation = Literal["caffe2", "xavier", "normal", "torch"]


class Head(nn.Module):
    """Features to logits [B, K]: one pooling for every stream of features, their vectors side by side.

    `hidden` puts a linear layer of that width before the last one, without an activation in between (P2, table 1).
    """

    def __init__(
        self, poolings: Sequence[Pooling], *, num_classes: int, hidden: int | None = None, dropout: float = 0.0
    ) -> None:
        super().__init__()
        num_features = sum(pooling.out_features for pooling in poolings)
        self.poolings = nn.ModuleList(poolings)
        self.dropout = nn.Dropout(dropout)
        self.hidden = None if hidden is None else nn.Linear(num_features, hidden)
        self.linear = nn.Linear(num_features if hidden is None else hidden, num_classes)

    @torch.no_grad()
    def initialise(self, linear: LinearInitialisation) -> None:
        """Draw all weights anew: poolings as each does, the hidden layer as torch does, and the last layer's from
        U(+-sqrt(3 / fan in)) ("caffe2"), Xavier's uniform distribution ("xavier") or N(0, 0.01) ("normal") with
        biases 0, or as torch does ("torch").
        """
        for pooling in self.poolings:
            cast(Pooling, pooling).initialise()
        if self.hidden is not None:
            self.hidden.reset_parameters()
        if linear == "torch":
            self.linear.reset_parameters()
            return
        if linear == "caffe2":
            bound = (3 / self.linear.in_features) ** 0.5
            nn.init.uniform_(self.linear.weight, -bound, bound)
        elif linear == "xavier":
            nn.init.xavier_uniform_(self.linear.weight)
        else:
            nn.init.normal_(self.linear.weight, std=0.01)
        nn.init.zeros_(self.linear.bias)

    def forward(self, features: Tensor | tuple[Tensor, ...]) -> Tensor:
        """`features` [B, D, T, H, W] of the backbone's stream, or of each of its streams."""
        streams = (features,) if isinstance(features, Tensor) else features
        vectors = [pooling(stream) for pooling, stream in zip(self.poolings, streams, strict=True)]
        vector = self.dropout(torch.cat(vectors, dim=1))  # [B, E]
        if self.hidden is not None:
            vector = self.hidden(vector)
        logits: Tensor = self.linear(vector)  # [B, K]
        return logits
