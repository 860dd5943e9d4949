"""Pseudo-3D residual networks (Qiu et al., 2017), as qijiezhao's public code has them.

A bottleneck's 3 x 3 x 3 convolution becomes S, 1 x 3 x 3, and T, 3 x 1 x 1, in one of three arrangements that take
turns from block to block. Shapes: B batch, C channels, T frames, H W pixels, D features.
"""

from collections import OrderedDict
from typing import Literal

import torch
from torch import Tensor, nn

from videobench.errors import ConfigError
from videobench.models.convolutions import TemporalConvolution
from videobench.models.streams import Stream

NUM_BLOCKS: dict[int, tuple[int, int, int, int]] = {  # in conv2_x .. conv5_x
    63: (3, 4, 6, 3),
    131: (3, 4, 23, 3),
    199: (3, 8, 36, 3),
}
PAPER_WIDTH = 64  # channels of conv1, and of S and T in conv2_x; `width` scales everything by width / 64
EXPANSION = 4  # of a block's output over S and T
TEMPORAL_STRIDE = 16  # of the whole network, all of it by pooling

Arrangement = Literal["serial", "parallel", "serial with shortcut"]
ARRANGEMENTS: tuple[Arrangement, ...] = ("serial", "parallel", "serial with shortcut")  # P3D-A, P3D-B, P3D-C


class P3D(nn.Module):
    """Clips [B, C, T, H, W] of 16 frames or more to features [B, 32 width, T / 16, H / 32, W / 32] (T rounded down)."""

    def __init__(self, *, frames: int = 16, depth: int = 63, width: int = PAPER_WIDTH, in_channels: int = 3) -> None:
        super().__init__()
        if depth not in NUM_BLOCKS:
            raise ConfigError(f"there is no P3D of depth {depth}", hint=f"Depths: {', '.join(map(str, NUM_BLOCKS))}.")
        if frames < TEMPORAL_STRIDE:
            raise ConfigError(
                f"P3D can't take clips of {frames} frames",
                hint=f"Its poolings leave nothing of clips under {TEMPORAL_STRIDE} frames.",
            )
        self.stem = nn.Sequential(
            OrderedDict(
                convolution=nn.Conv3d(
                    in_channels, width, kernel_size=(1, 7, 7), stride=(1, 2, 2), padding=(0, 3, 3), bias=False
                ),
                norm=nn.BatchNorm3d(width),
                relu=nn.ReLU(inplace=True),
            )
        )
        self.pool = nn.MaxPool3d(kernel_size=(2, 3, 3), stride=2, padding=(0, 1, 1))
        self.temporal_pool = nn.MaxPool3d(kernel_size=(2, 1, 1))
        channels, first = width, 0
        groups = []
        for number, num_blocks in enumerate(NUM_BLOCKS[depth], start=2):
            out_channels = EXPANSION * width * 2 ** (number - 2)
            group = nn.Sequential()
            for index in range(num_blocks):
                stride = 2 if number > 2 and index == 0 else 1
                # The arrangements take turns through the whole network; conv5_x is 2D.
                arrangement = None if number == 5 else ARRANGEMENTS[(first + index) % len(ARRANGEMENTS)]
                group.append(PseudoBottleneck(channels, out_channels, spatial_stride=stride, arrangement=arrangement))
                channels = out_channels
            groups.append(group)
            first += num_blocks
        self.group2, self.group3, self.group4, self.group5 = groups
        self.streams = (Stream(channels, frames // TEMPORAL_STRIDE),)

    def forward(self, clips: Tensor) -> Tensor:
        if clips.shape[2] < TEMPORAL_STRIDE:
            raise ConfigError(
                f"P3D was given clips of {clips.shape[2]} frames", hint=f"It needs {TEMPORAL_STRIDE} or more."
            )
        if clips.device.type == "cpu":
            clips = clips.contiguous(memory_format=torch.channels_last_3d)
        features: Tensor = self.pool(self.stem(clips))  # [B, width, T/2, H/4, W/4]
        features = self.temporal_pool(self.group2(features))  # [B, 4 width, T/4, H/4, W/4]
        features = self.temporal_pool(self.group3(features))  # [B, 8 width, T/8, H/8, W/8]
        features = self.temporal_pool(self.group4(features))  # [B, 16 width, T/16, H/16, W/16]
        output: Tensor = self.group5(features)  # [B, 32 width, T/16, H/32, W/32]
        return output

    def initialise(self) -> None:
        """Draw all weights anew: N(0, sqrt(2 / (k k C'))) with the kernel's length and height and the output's
        channels, but torch's own in conv5_x, which is 2D in the original.
        """
        for name, module in self.named_modules():
            if isinstance(module, nn.Conv3d) and not name.startswith("group5."):
                length, height, _ = module.kernel_size
                nn.init.normal_(module.weight, std=(2 / (length * height * module.out_channels)) ** 0.5)
            elif isinstance(module, nn.Conv3d | nn.BatchNorm3d):
                module.reset_parameters()


class PseudoBottleneck(nn.Module):
    """1 x 1 x 1 (which strides), S and T in their arrangement or S alone, 1 x 1 x 1; plus the shortcut, ReLU.

    Norm and ReLU follow every convolution, but after the last one the ReLU only follows the sum.
    """

    def __init__(
        self, in_channels: int, out_channels: int, *, spatial_stride: int, arrangement: Arrangement | None
    ) -> None:
        super().__init__()
        inner = out_channels // EXPANSION
        stride = (1, spatial_stride, spatial_stride)
        self.arrangement = arrangement
        self.convolution1 = nn.Conv3d(in_channels, inner, kernel_size=1, stride=stride, bias=False)
        self.norm1 = nn.BatchNorm3d(inner)
        self.spatial = nn.Conv3d(inner, inner, kernel_size=(1, 3, 3), padding=(0, 1, 1), bias=False)
        self.spatial_norm = nn.BatchNorm3d(inner)
        if arrangement is not None:
            self.temporal = TemporalConvolution(inner, inner)
            self.temporal_norm = nn.BatchNorm3d(inner)
        self.convolution2 = nn.Conv3d(inner, out_channels, kernel_size=1, bias=False)
        self.norm2 = nn.BatchNorm3d(out_channels)
        self.relu = nn.ReLU(inplace=True)
        self.shortcut: nn.Module = nn.Identity()
        if in_channels != out_channels:
            self.shortcut = nn.Sequential(
                OrderedDict(
                    convolution=nn.Conv3d(in_channels, out_channels, kernel_size=1, stride=stride, bias=False),
                    norm=nn.BatchNorm3d(out_channels),
                )
            )

    def forward(self, features: Tensor) -> Tensor:
        narrow = self.relu(self.norm1(self.convolution1(features)))  # [B, C' / 4, T, H', W']
        residual = self.norm2(self.convolution2(self.filtered(narrow)))  # [B, C', T, H', W']
        residual += self.shortcut(features)
        output: Tensor = self.relu(residual)
        return output

    def filtered(self, narrow: Tensor) -> Tensor:
        """S and T on features [B, C' / 4, T, H', W']."""
        in_space: Tensor = self.relu(self.spatial_norm(self.spatial(narrow)))
        if self.arrangement is None:
            return in_space
        source = narrow if self.arrangement == "parallel" else in_space
        in_time: Tensor = self.relu(self.temporal_norm(self.temporal(source)))
        return in_time if self.arrangement == "serial" else in_space + in_time
