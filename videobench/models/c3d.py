"""C3D (Tran et al., 2015): eight 3 x 3 x 3 convolutions, five poolings and two fully connected layers.

Shapes: B batch, C channels, T frames, H W pixels, D features.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from videobench.errors import ConfigError
from videobench.models.convolutions import batch_norm
from videobench.models.streams import Stream

# Convolutions of the five groups: their output's channels over the first one's. A pooling ends each group.
GROUPS = ((1,), (2,), (4, 4), (8, 8), (8, 8))
PAPER_WIDTH = 64  # channels of the first convolution; `width` scales everything by width / 64
FULLY_CONNECTED = 64  # their channels over those of the first convolution
NORM_EPS = 1e-3
TEMPORAL_STRIDE = 16  # of the whole network
MIN_SIZE = 32
DROPOUT = 0.5  # between the fully connected layers; the paper has the same before the last layer, in the head
LINEAR_STD = 0.005


@dataclass(frozen=True)
class Flavour:
    """Where the two public networks differ."""

    norms: bool
    last_padding: int  # of the last pooling, in space
    convolution_std: float | None  # None: sqrt(2 / fan out)


FLAVOURS: dict[str, Flavour] = {
    "caffe2": Flavour(norms=True, last_padding=0, convolution_std=0.01),  # of P1's authors
    "mmaction2": Flavour(norms=False, last_padding=1, convolution_std=None),  # of the paper, from Caffe
}


class C3D(nn.Module):
    """Clips [B, C, T, H, W] to features [B, 4096, 1, 1, 1], of clips of exactly `frames` frames of size x size pixels.

    Without `fully_connected` they are those of the last convolution instead, [B, 512, T / 16, H / 32, W / 32], of
    clips of any length from 16 and any size: for heads that pool over time. All channels scale with `width`.
    """

    def __init__(
        self,
        *,
        frames: int = 16,
        size: int = 112,
        in_channels: int = 3,
        width: int = PAPER_WIDTH,
        fully_connected: bool = True,
        flavour: Literal["caffe2", "mmaction2"] = "caffe2",
    ) -> None:
        super().__init__()
        if frames < TEMPORAL_STRIDE or size < MIN_SIZE:
            raise ConfigError(
                f"C3D can't take clips of {frames} frames of {size} x {size} pixels",
                hint=f"Its poolings leave nothing of clips under {TEMPORAL_STRIDE} frames or {MIN_SIZE} pixels.",
            )
        self.flavour = FLAVOURS[flavour]
        self.clip_shape = (frames, size, size)
        self.layers = convolutional_layers(in_channels, width=width, flavour=self.flavour)
        channels, steps = width * GROUPS[-1][-1], frames // TEMPORAL_STRIDE
        self.fully_connected: nn.Module = nn.Identity()
        if fully_connected:
            positions = (size // 16 + 2 * self.flavour.last_padding) // 2
            hidden = width * FULLY_CONNECTED
            self.fully_connected = nn.Sequential(
                OrderedDict(
                    flatten=nn.Flatten(),
                    linear6=nn.Linear(channels * steps * positions**2, hidden),
                    relu6=nn.ReLU(inplace=True),
                    dropout6=nn.Dropout(DROPOUT),
                    linear7=nn.Linear(hidden, hidden),
                    relu7=nn.ReLU(inplace=True),
                    unflatten=nn.Unflatten(1, (hidden, 1, 1, 1)),
                )
            )
            channels, steps = hidden, 1
        self.streams = (Stream(channels, steps),)

    def forward(self, clips: Tensor) -> Tensor:
        if isinstance(self.fully_connected, nn.Sequential) and clips.shape[2:] != self.clip_shape:
            given, built_for = (" x ".join(map(str, shape)) for shape in (clips.shape[2:], self.clip_shape))
            raise ConfigError(
                f"C3D was built for clips of {built_for} and was given {given}",
                hint="Its fully connected layers span the whole clip: train it anew for another length or size.",
            )
        if clips.device.type == "cpu":
            clips = clips.contiguous(memory_format=torch.channels_last_3d)
        features: Tensor = self.layers(clips)  # [B, 512, T/16, H/32, W/32]
        output: Tensor = self.fully_connected(features)  # the same, or [B, 4096, 1, 1, 1]
        return output

    def initialise(self) -> None:
        """Draw all weights anew: convolutions N(0, 0.01) or by their fan out (mmaction2), linear layers N(0, 0.005),
        biases 0.
        """
        std = self.flavour.convolution_std
        for module in self.modules():
            if isinstance(module, nn.BatchNorm3d):
                module.reset_parameters()
            if not isinstance(module, nn.Conv3d | nn.Linear):
                continue
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=LINEAR_STD)
            elif std is None:
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            else:
                nn.init.normal_(module.weight, std=std)
            assert module.bias is not None
            nn.init.zeros_(module.bias)


def convolutional_layers(in_channels: int, *, width: int, flavour: Flavour) -> nn.Sequential:
    """The five groups one after another. Convolutions, and what follows each, are called 1a, 2a, 3a, 3b, 4a .."""
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for number, group in enumerate(GROUPS, start=1):
        for letter, factor in zip("ab", group, strict=False):
            channels = factor * width
            layers[f"convolution{number}{letter}"] = nn.Conv3d(in_channels, channels, kernel_size=3, padding=1)
            if flavour.norms:
                layers[f"norm{number}{letter}"] = batch_norm(channels, eps=NORM_EPS)
            layers[f"relu{number}{letter}"] = nn.ReLU(inplace=True)
            in_channels = channels
        stride = 1 if number == 1 else 2
        padding = flavour.last_padding if number == len(GROUPS) else 0
        layers[f"pool{number}"] = nn.MaxPool3d((stride, 2, 2), padding=(0, padding, padding))
    return nn.Sequential(layers)
