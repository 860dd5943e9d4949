"""A non-local block over all positions, then the steps side by side (P2, table 1)."""

from torch import Tensor, nn

from videobench.models.heads.concatenation import Concatenation
from videobench.models.heads.steps import check_steps
from videobench.models.streams import Stream


class NonLocalConcatenation(nn.Module):
    """Features [B, D, T, H, W] through a `NonLocalBlock`, averaged over space, to [B, D T]."""

    def __init__(self, stream: Stream) -> None:
        super().__init__()
        self.block = NonLocalBlock(stream.channels)
        self.concatenation = Concatenation(stream)
        self.out_features = self.concatenation.out_features

    def initialise(self) -> None:
        """Draw all weights anew; the block then changes nothing until it is trained."""
        self.block.initialise()

    def forward(self, features: Tensor) -> Tensor:
        check_steps(features, steps=self.concatenation.steps)
        vector: Tensor = self.concatenation(self.block(features))  # [B, D T]
        return vector


class NonLocalBlock(nn.Module):
    """Add to each position of features [B, D, T, H, W] what it draws from all positions (embedded Gaussian).

    As in P2's code: inner width D, no subsampling, and scores divided by the root of the number of positions.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.query, self.key, self.value, self.output = (nn.Conv3d(channels, channels, 1) for _ in range(4))
        self.norm = nn.BatchNorm3d(channels)

    def initialise(self) -> None:
        """Convolutions as torch draws them, and a norm of scale 0: the block begins as the identity."""
        for convolution in (self.query, self.key, self.value, self.output):
            convolution.reset_parameters()
        self.norm.reset_parameters()
        nn.init.zeros_(self.norm.weight)

    def forward(self, features: Tensor) -> Tensor:
        query, key, value = (layer(features).flatten(2) for layer in (self.query, self.key, self.value))  # [B, D, N]
        scores = query.transpose(1, 2) @ key / key.shape[2] ** 0.5  # [B, N, N]
        drawn = value @ scores.softmax(dim=2).transpose(1, 2)  # [B, D, N]
        residual: Tensor = self.norm(self.output(drawn.reshape(features.shape)))  # [B, D, T, H, W]
        return features + residual
