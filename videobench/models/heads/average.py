"""TGAP: average over time and space, dropout, one linear layer (P1's head, and the baseline of P2)."""

from torch import Tensor, nn


class GlobalAveragePooling(nn.Module):
    """Features [B, D, T, H, W] of any size to logits [B, K]."""

    def __init__(self, features: int, num_classes: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(features, num_classes)

    def forward(self, features: Tensor) -> Tensor:
        pooled = features.mean(dim=(2, 3, 4))  # [B, D]
        logits: Tensor = self.linear(self.dropout(pooled))  # [B, K]
        return logits
