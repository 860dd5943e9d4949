"""A video classifier is a backbone and a head; any head fits any backbone."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from videobench.models.heads.head import Head


class Classifier(nn.Module):
    """Clips [B, C, T, H, W] to logits [B, K].

    `backbone` maps clips to features [B, D, T', H', W'], or to a tuple of them; `head` maps those to logits.
    """

    def __init__(self, backbone: nn.Module, head: Head) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head

    def forward(self, clips: Tensor) -> Tensor:
        features = self.backbone(clips)  # [B, D, T', H', W']
        logits: Tensor = self.head(features)  # [B, K]
        return logits

    @torch.no_grad()
    def reorder_classes(self, order: Sequence[int]) -> None:
        """Make logit i what logit `order[i]` was."""
        for parameter in self.head.linear.parameters():  # [K, D], [K]
            parameter.copy_(parameter[list(order)])
