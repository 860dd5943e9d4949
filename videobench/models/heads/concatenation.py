"""The features of all time steps side by side (P2, table 1)."""

from torch import Tensor, nn

from videobench.models.heads.steps import step_features
from videobench.models.streams import Stream


class Concatenation(nn.Module):
    """Features [B, D, T, H, W], averaged over space, to [B, D T]: the steps of a channel stand together."""

    def __init__(self, stream: Stream) -> None:
        super().__init__()
        self.steps = stream.steps
        self.out_features = stream.channels * stream.steps

    def initialise(self) -> None:
        """It has no weights."""

    def forward(self, features: Tensor) -> Tensor:
        return step_features(features, steps=self.steps).transpose(1, 2).flatten(1)  # [B, D T]
