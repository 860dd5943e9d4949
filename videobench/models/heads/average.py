"""TGAP, temporal global average pooling: P1's head and the baseline of P2."""

from torch import Tensor, nn

from videobench.models.streams import Stream


class AveragePooling(nn.Module):
    """The average of features [B, D, T, H, W] over time and space: [B, D]. Any size will do."""

    def __init__(self, stream: Stream) -> None:
        super().__init__()
        self.out_features = stream.channels

    def initialise(self) -> None:
        """It has no weights."""

    def forward(self, features: Tensor) -> Tensor:
        return features.mean(dim=(2, 3, 4))  # [B, D]
