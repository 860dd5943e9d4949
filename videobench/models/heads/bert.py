"""BERT over the time steps of a clip, the pooling that P2 (arXiv 2008.01232) proposes.

The details are those of the authors' code. Shapes: B batch, D features, T time steps, N tokens (T and the class
token), H W pixels.
"""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from videobench.errors import ConfigError
from videobench.models.heads.steps import step_features
from videobench.models.streams import Stream

LINEAR_STD = 0.02
FEED_FORWARD_FACTOR = 4
NORM_EPSILON = 1e-6


class BertPooling(nn.Module):
    """Features [B, D, T, H, W], averaged over space, to [B, D]: what BERT's layers make of the sequence.

    `output` is the class token's output, or the mean of the outputs at the T features; there is no class token
    then (P2, table 2: "learnable class token"; the paper's code has no such network, so this is our reading).
    In training, other tokens see a feature with probability `keep`; which ones is drawn anew for every clip.
    The class token is always seen. `initialisation` is "small" (the authors' BERT5) or "scaled" (BERT2, their I3D's,
    which also has `normalise_tokens`: each feature divided by its length).
    """

    def __init__(
        self,
        stream: Stream,
        *,
        layers: int = 1,
        heads: int = 8,
        output: Literal["class_token", "mean"] = "class_token",
        initialisation: Literal["small", "scaled"] = "small",
        normalise_tokens: bool = False,
        keep: float = 0.8,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        channels, self.steps = stream
        if channels % heads:
            raise ConfigError(
                f"{heads} attention heads can't share {channels} features evenly",
                hint="The number of heads must divide the backbone's number of features.",
            )
        self.out_features = channels
        self.initialisation = initialisation
        self.normalise_tokens = normalise_tokens
        self.keep = keep
        self.class_token = nn.Parameter(torch.zeros(1, 1, channels)) if output == "class_token" else None
        num_tokens = self.steps + (output == "class_token")
        self.positions = nn.Parameter(torch.zeros(1, num_tokens, channels))
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(TransformerBlock(channels, heads=heads, dropout=dropout) for _ in range(layers))

    @torch.no_grad()
    def initialise(self) -> None:
        """Draw all weights anew: class token and positions from N(0, 0.02) and linear layers as torch does ("small"),
        or from N(0, 1 / sqrt(D)) and N(0, 0.02) with biases 0 ("scaled").
        """
        std = LINEAR_STD if self.initialisation == "small" else self.out_features**-0.5
        for parameter in (self.class_token, self.positions):
            if parameter is not None:
                nn.init.normal_(parameter, std=std)
        for module in self.blocks.modules():
            if isinstance(module, LayerNorm):
                nn.init.ones_(module.weight)
                nn.init.zeros_(module.bias)
            elif isinstance(module, nn.Linear) and self.initialisation == "small":
                module.reset_parameters()
            elif isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=LINEAR_STD)
                nn.init.zeros_(module.bias)

    def forward(self, features: Tensor, *, kept: Tensor | None = None) -> Tensor:
        """`kept` [B, T] (bool): the features that are seen. Without it, training draws them, evaluation keeps all."""
        outputs = self.encode(step_features(features, steps=self.steps), kept=kept)  # [B, N, D]
        return outputs.mean(dim=1) if self.class_token is None else outputs[:, 0]

    def encode(self, tokens: Tensor, *, kept: Tensor | None = None) -> Tensor:
        """BERT's outputs [B, N, D] for the features [B, T, D]; the class token's is the first."""
        if kept is None and self.training:
            kept = torch.rand(tokens.shape[:2], device=tokens.device) < self.keep  # [B, T]
        if self.normalise_tokens:
            tokens = F.normalize(tokens, dim=2)
        if self.class_token is not None:
            tokens = torch.cat([self.class_token.expand(len(tokens), -1, -1), tokens], dim=1)  # [B, N, D]
            kept = None if kept is None else F.pad(kept, (1, 0), value=True)  # [B, N]
        tokens = self.dropout(tokens + self.positions)
        for block in self.blocks:
            tokens = block(tokens, kept)
        return tokens


class TransformerBlock(nn.Module):
    """Tokens [B, N, D] to tokens: attention and feed-forward layers, each on normalised tokens and added to them."""

    def __init__(self, channels: int, *, heads: int, dropout: float) -> None:
        super().__init__()
        self.attention_norm = LayerNorm(channels)
        self.attention = Attention(channels, heads=heads, dropout=dropout)
        self.feed_forward_norm = LayerNorm(channels)
        self.feed_forward = FeedForward(channels, dropout=dropout)
        self.dropout = nn.Dropout(dropout)

    def forward(self, tokens: Tensor, kept: Tensor | None) -> Tensor:
        tokens = tokens + self.dropout(self.attention(self.attention_norm(tokens), kept))
        tokens = tokens + self.dropout(self.feed_forward(self.feed_forward_norm(tokens)))
        output: Tensor = self.dropout(tokens)  # [B, N, D]
        return output


class Attention(nn.Module):
    """Multi-head self-attention over tokens [B, N, D]; those not `kept` [B, N] are seen by none."""

    def __init__(self, channels: int, *, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.output = (nn.Linear(channels, channels) for _ in range(4))
        self.dropout = nn.Dropout(dropout)

    def forward(self, tokens: Tensor, kept: Tensor | None) -> Tensor:
        query, key, value = (self._split(layer(tokens)) for layer in (self.query, self.key, self.value))
        scores = query @ key.transpose(2, 3) / query.shape[3] ** 0.5  # [B, heads, N, N]
        if kept is not None:
            # The lowest number is as good as the authors' -1e9, which float16 doesn't have: both leave a weight of 0,
            # or equal weights where no token is kept (minus infinity would give NaN there).
            scores = scores.masked_fill(~kept[:, None, None], torch.finfo(scores.dtype).min)
        drawn = self.dropout(scores.softmax(dim=3)) @ value  # [B, heads, N, D / heads]
        output: Tensor = self.output(drawn.transpose(1, 2).flatten(2))  # [B, N, D]
        return output

    def _split(self, tokens: Tensor) -> Tensor:
        return tokens.reshape(*tokens.shape[:2], self.heads, -1).transpose(1, 2)  # [B, heads, N, D / heads]


class FeedForward(nn.Module):
    """Tokens [B, N, D] through a hidden layer of 4 D with GELU (in its tanh form)."""

    def __init__(self, channels: int, *, dropout: float) -> None:
        super().__init__()
        self.expand = nn.Linear(channels, FEED_FORWARD_FACTOR * channels)
        self.dropout = nn.Dropout(dropout)
        self.contract = nn.Linear(FEED_FORWARD_FACTOR * channels, channels)

    def forward(self, tokens: Tensor) -> Tensor:
        hidden = F.gelu(self.expand(tokens), approximate="tanh")  # [B, N, 4 D]
        output: Tensor = self.contract(self.dropout(hidden))  # [B, N, D]
        return output


class LayerNorm(nn.Module):
    """Tokens [B, N, D] less their mean, over their standard deviation (n - 1) plus epsilon: not torch's layer norm."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, tokens: Tensor) -> Tensor:
        centred = tokens - tokens.mean(dim=2, keepdim=True)
        return self.weight * centred / (tokens.std(dim=2, keepdim=True) + NORM_EPSILON) + self.bias


def resized_positions(positions: Tensor, *, steps: int, class_token: bool) -> Tensor:
    """A position table [1, N, D] for clips of another length: `steps` features, and the class token's entry as it was.

    The entries in between are interpolated linearly, each time step taken as an interval of the clip.
    """
    num_special = int(class_token)
    special, learnt = positions[:, :num_special], positions[:, num_special:]
    resized = F.interpolate(learnt.transpose(1, 2), size=steps, mode="linear").transpose(1, 2)  # [1, steps, D]
    return torch.cat([special, resized], dim=1)
