"""A video classifier is a backbone and a head; any head fits any backbone of the same number of features."""

from torch import Tensor, nn


class Classifier(nn.Module):
    """Clips [B, C, T, H, W] to logits [B, K].

    `backbone` maps clips to features [B, D, T', H', W']; `head` maps those to logits.
    """

    def __init__(self, backbone: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head

    def forward(self, clips: Tensor) -> Tensor:
        features = self.backbone(clips)  # [B, D, T', H', W']
        logits: Tensor = self.head(features)  # [B, K]
        return logits
