"""ResNeXt101 for video (Hara et al., 2018), the backbone of most of P2's tables, with P2's reductions.

Shapes: B batch, C channels, T frames, H W pixels, D features.
"""

import math
from collections import OrderedDict

import torch
from torch import Tensor, nn

from videobench.models.streams import REDUCED_CHANNELS, Reduction, Stream

STEM_CHANNELS = 64
CARDINALITY = 32  # groups of the 3 x 3 x 3 convolution
EXPANSION = 2  # of a block's output over its grouped convolution
TEMPORAL_STRIDE = 16  # of the whole network


class ResNeXt(nn.Module):
    """ResNeXt101: clips [B, C, T, H, W] of any size to features [B, D, T / 16, H / 32, W / 32], rounded up; D is 2048.

    With a reduction D is 512 (P2, figure 2): "modification" (FRMB) replaces the last block by a narrower one,
    "addition" (FRAB) puts that block after it.
    """

    def __init__(self, *, frames: int, in_channels: int = 3, reduction: Reduction | None = None) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            OrderedDict(
                convolution=nn.Conv3d(
                    in_channels, STEM_CHANNELS, kernel_size=7, stride=(1, 2, 2), padding=3, bias=False
                ),
                norm=nn.BatchNorm3d(STEM_CHANNELS),
                relu=nn.ReLU(inplace=True),
            )
        )
        self.pool = nn.MaxPool3d(kernel_size=3, stride=2, padding=1)
        self.group2 = residual_group(STEM_CHANNELS, 256, num_blocks=3, stride=1)
        self.group3 = residual_group(256, 512, num_blocks=4, stride=2)
        self.group4 = residual_group(512, 1024, num_blocks=23, stride=2)
        self.group5 = residual_group(1024, 2048, num_blocks=3, stride=2)
        self.reduction: nn.Module = nn.Identity()
        self.reduced_by: tuple[str, ...] = ()  # blocks that the network without a reduction doesn't have
        if reduction == "modification":
            self.group5[-1] = GroupedBottleneck(2048, REDUCED_CHANNELS)
            self.reduced_by = ("group5.2",)
        elif reduction == "addition":
            self.reduction = GroupedBottleneck(2048, REDUCED_CHANNELS)
            self.reduced_by = ("reduction",)
        channels = 2048 if reduction is None else REDUCED_CHANNELS
        self.streams = (Stream(channels=channels, steps=math.ceil(frames / TEMPORAL_STRIDE)),)

    def initialise(self) -> None:
        """Draw new weights as P2's authors do: convolutions N(0, sqrt(2 / fan in)), norms 1 and 0."""
        for module in self.modules():
            if isinstance(module, nn.Conv3d):
                nn.init.kaiming_normal_(module.weight)
            elif isinstance(module, nn.BatchNorm3d):
                module.reset_parameters()

    def forward(self, clips: Tensor) -> Tensor:
        if clips.device.type == "cpu":  # 1.1 to 1.4 times as fast, and equal but for rounding
            clips = clips.to(memory_format=torch.channels_last_3d)
        features: Tensor = self.stem(clips)  # [B, 64, T, H/2, W/2]
        features = self.pool(features)  # [B, 64, T/2, H/4, W/4]
        features = self.group2(features)  # [B, 256, T/2, H/4, W/4]
        features = self.group3(features)  # [B, 512, T/4, H/8, W/8]
        features = self.group4(features)  # [B, 1024, T/8, H/16, W/16]
        features = self.group5(features)  # [B, 2048 or 512, T/16, H/32, W/32]
        output: Tensor = self.reduction(features)  # [B, D, T/16, H/32, W/32]
        return output


class GroupedBottleneck(nn.Module):
    """1 x 1 x 1, grouped 3 x 3 x 3 (which strides) and 1 x 1 x 1 convolutions plus the shortcut, ReLU."""

    def __init__(self, in_channels: int, out_channels: int, *, stride: int = 1) -> None:
        super().__init__()
        middle_channels = out_channels // EXPANSION
        self.convolution1 = nn.Conv3d(in_channels, middle_channels, kernel_size=1, bias=False)
        self.norm1 = nn.BatchNorm3d(middle_channels)
        self.convolution2 = nn.Conv3d(
            middle_channels,
            middle_channels,
            kernel_size=3,
            stride=stride,
            padding=1,
            groups=CARDINALITY,
            bias=False,
        )
        self.norm2 = nn.BatchNorm3d(middle_channels)
        self.convolution3 = nn.Conv3d(middle_channels, out_channels, kernel_size=1, bias=False)
        self.norm3 = nn.BatchNorm3d(out_channels)
        self.relu = nn.ReLU(inplace=True)
        self.shortcut: nn.Module = nn.Identity()
        if in_channels != out_channels or stride != 1:
            self.shortcut = nn.Sequential(
                OrderedDict(
                    convolution=nn.Conv3d(in_channels, out_channels, kernel_size=1, stride=stride, bias=False),
                    norm=nn.BatchNorm3d(out_channels),
                )
            )

    def forward(self, features: Tensor) -> Tensor:
        residual = self.relu(self.norm1(self.convolution1(features)))  # [B, M, T, H, W]
        residual = self.relu(self.norm2(self.convolution2(residual)))  # [B, M, T', H', W']
        residual = self.norm3(self.convolution3(residual))  # [B, C', T', H', W']
        residual += self.shortcut(features)
        output: Tensor = self.relu(residual)
        return output


def residual_group(in_channels: int, out_channels: int, *, num_blocks: int, stride: int) -> nn.Sequential:
    """conv{n}_x: its first block changes the channels and strides in time and space."""
    group = nn.Sequential(GroupedBottleneck(in_channels, out_channels, stride=stride))
    group.extend(GroupedBottleneck(out_channels, out_channels) for _ in range(num_blocks - 1))
    return group
