"""The video ResNet of "A Closer Look at Spatiotemporal Convolutions" (P1) and its twelve variants.

Shapes: B batch, C channels, T frames, H W pixels, D features, K classes.
"""

from collections import OrderedDict
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

import torch
from torch import Tensor, nn

from videobench.errors import ConfigError
from videobench.models.classifier import Classifier
from videobench.models.convolutions import CONVOLUTIONS, ConvolutionShape, batch_norm, middle_channels
from videobench.models.heads.average import GlobalAveragePooling

# The convolution type of conv1, conv2_x, conv3_x, conv4_x, conv5_x. P1's text leaves open whether group x of
# MCx and rMCx is 2D or 3D; this is the only reading that gives the parameter counts of its table 2.
NETWORKS: dict[str, tuple[str, str, str, str, str]] = {
    "R2D": ("whole clip", "2D", "2D", "2D", "2D"),
    "f-R2D": ("2D", "2D", "2D", "2D", "2D"),
    "R3D": ("3D", "3D", "3D", "3D", "3D"),
    "MC2": ("3D", "2D", "2D", "2D", "2D"),
    "MC3": ("3D", "3D", "2D", "2D", "2D"),
    "MC4": ("3D", "3D", "3D", "2D", "2D"),
    "MC5": ("3D", "3D", "3D", "3D", "2D"),
    "rMC2": ("2D", "3D", "3D", "3D", "3D"),
    "rMC3": ("2D", "2D", "3D", "3D", "3D"),
    "rMC4": ("2D", "2D", "2D", "3D", "3D"),
    "rMC5": ("2D", "2D", "2D", "2D", "3D"),
    "R(2+1)D": ("(2+1)D", "(2+1)D", "(2+1)D", "(2+1)D", "(2+1)D"),
}

# Blocks in conv2_x .. conv5_x: P1's table 1 for 18 and 34, the authors' code for 10 and 16.
NUM_BLOCKS: dict[int, tuple[int, int, int, int]] = {
    10: (1, 1, 1, 1),
    16: (2, 2, 2, 1),
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
}

PAPER_WIDTH = 64  # channels of conv1 and conv2_x; `width` scales everything by width / 64
FRAMES_TO_HALVE = {4: 4, 5: 8}  # clips shorter than this keep their time steps in conv4_x, conv5_x
PAPER_STEM_MIDDLE = 45  # of R(2+1)D's stem: fixed in the authors' code, where the formula for M would give 83


@dataclass(frozen=True)
class Flavour:
    """Where the authors' network and torchvision's copy of it differ."""

    norm_eps: float
    middle_per_block: bool  # M from the block's channels for both its convolutions, not from each one's own
    keeps_short_clips: bool  # FRAMES_TO_HALVE applies
    linear_init: Literal["xavier", "normal"]


FLAVOURS: dict[str, Flavour] = {
    "caffe2": Flavour(norm_eps=1e-3, middle_per_block=False, keeps_short_clips=True, linear_init="xavier"),
    "torchvision": Flavour(norm_eps=1e-5, middle_per_block=True, keeps_short_clips=False, linear_init="normal"),
}


class BasicBlock(nn.Module):
    """Convolution, norm, ReLU, convolution, norm, plus the shortcut, ReLU."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        convolution: str,
        temporal_stride: int,
        spatial_stride: int,
        frames: int,
        flavour: Flavour,
    ) -> None:
        super().__init__()
        build = CONVOLUTIONS[convolution].build

        def shape(channels: int, temporal_stride: int, spatial_stride: int) -> ConvolutionShape:
            return ConvolutionShape(
                in_channels=channels,
                out_channels=out_channels,
                middle_channels=middle_channels(in_channels if flavour.middle_per_block else channels, out_channels),
                spatial_kernel=3,
                temporal_stride=temporal_stride,
                spatial_stride=spatial_stride,
                frames=frames,
                norm_eps=flavour.norm_eps,
            )

        self.convolution1 = build(shape(in_channels, temporal_stride, spatial_stride))
        self.norm1 = batch_norm(out_channels, eps=flavour.norm_eps)
        self.convolution2 = build(shape(out_channels, 1, 1))
        self.norm2 = batch_norm(out_channels, eps=flavour.norm_eps)
        self.relu = nn.ReLU(inplace=True)
        self.shortcut: nn.Module = nn.Identity()
        if in_channels != out_channels or (temporal_stride, spatial_stride) != (1, 1):
            self.shortcut = nn.Sequential(
                OrderedDict(
                    # Never factorised and never followed by a ReLU, whatever the type of the block.
                    convolution=nn.Conv3d(
                        in_channels,
                        out_channels,
                        kernel_size=1,
                        stride=(temporal_stride, spatial_stride, spatial_stride),
                        bias=False,
                    ),
                    norm=batch_norm(out_channels, eps=flavour.norm_eps),
                )
            )

    def forward(self, features: Tensor) -> Tensor:
        residual = self.relu(self.norm1(self.convolution1(features)))  # [B, C', T', H', W']
        residual = self.norm2(self.convolution2(residual))
        residual += self.shortcut(features)
        output: Tensor = self.relu(residual)
        return output


class VideoResNet(nn.Module):
    """Clips [B, C, T, H, W] to features [B, 8 width, T', H / 16, W / 16].

    T' is T divided by 2 for each of conv3_x, conv4_x and conv5_x that is temporal (rounded up); 1 for R2D.
    """

    def __init__(
        self,
        convolutions: tuple[str, str, str, str, str],
        *,
        num_blocks: tuple[int, int, int, int],
        frames: int,
        width: int,
        in_channels: int,
        flavour: Flavour,
    ) -> None:
        super().__init__()
        stem, *groups = convolutions
        self.out_channels = 8 * width
        self.stem = nn.Sequential(
            OrderedDict(
                convolution=CONVOLUTIONS[stem].build(
                    ConvolutionShape(
                        in_channels=in_channels,
                        out_channels=width,
                        middle_channels=round(PAPER_STEM_MIDDLE * width / PAPER_WIDTH),
                        spatial_kernel=7,
                        temporal_stride=1,
                        spatial_stride=2,
                        frames=frames,
                        norm_eps=flavour.norm_eps,
                    )
                ),
                norm=batch_norm(width, eps=flavour.norm_eps),
                relu=nn.ReLU(inplace=True),
            )
        )
        self.group2, self.group3, self.group4, self.group5 = (
            residual_group(
                number,
                convolution=convolution,
                num_blocks=blocks,
                frames=frames,
                width=width,
                flavour=flavour,
            )
            for number, convolution, blocks in zip((2, 3, 4, 5), groups, num_blocks, strict=True)
        )

    def forward(self, clips: Tensor) -> Tensor:
        if clips.device.type == "cpu":  # 1.1 to 1.5 times as fast, and equal but for rounding
            clips = clips.to(memory_format=torch.channels_last_3d)
        features: Tensor = self.stem(clips)  # [B, width, T, H/2, W/2]
        features = self.group2(features)
        features = self.group3(features)  # [B, 2 width, T', H/4, W/4]
        features = self.group4(features)  # [B, 4 width, T', H/8, W/8]
        output: Tensor = self.group5(features)  # [B, 8 width, T', H/16, W/16]
        return output


def residual_group(
    number: int, *, convolution: str, num_blocks: int, frames: int, width: int, flavour: Flavour
) -> nn.Sequential:
    """conv{number}_x: its first block doubles the channels and strides, save in conv2_x."""
    out_channels = width * 2 ** (number - 2)
    in_channels = out_channels if number == 2 else out_channels // 2
    halves_time = number > 2 and CONVOLUTIONS[convolution].temporal
    if flavour.keeps_short_clips and frames < FRAMES_TO_HALVE.get(number, 0):
        halves_time = False
    group = nn.Sequential()
    for index in range(num_blocks):
        first = index == 0
        group.append(
            BasicBlock(
                in_channels if first else out_channels,
                out_channels,
                convolution=convolution,
                temporal_stride=2 if first and halves_time else 1,
                spatial_stride=2 if first and number > 2 else 1,
                frames=frames,
                flavour=flavour,
            )
        )
    return group


def video_resnet(
    name: str,
    *,
    num_classes: int,
    frames: int,
    depth: int = 18,
    width: int = PAPER_WIDTH,
    in_channels: int = 3,
    flavour: Literal["caffe2", "torchvision"] = "caffe2",
    dropout: float = 0.0,
) -> Classifier:
    """One of P1's twelve networks with its average-pooling head, freshly initialised from torch's generator.

    `frames` is the clip length it is made for: it is the temporal kernel of R2D's stem, and clips under
    8 frames keep time steps in the last groups. Every network but R2D takes clips of other lengths as well.
    `flavour` is the authors' Caffe2 network, or torchvision's variant of it for torchvision's weights.
    """
    if name not in NETWORKS:
        nearest = get_close_matches(name, NETWORKS, n=1, cutoff=0.5)
        raise ConfigError(
            f"there is no network {name!r}" + (f"; did you mean {nearest[0]!r}?" if nearest else ""),
            hint=f"Networks: {', '.join(NETWORKS)}.",
        )
    if depth not in NUM_BLOCKS:
        raise ConfigError(f"there is no depth {depth}", hint=f"Depths: {', '.join(map(str, NUM_BLOCKS))}.")
    backbone = VideoResNet(
        NETWORKS[name],
        num_blocks=NUM_BLOCKS[depth],
        frames=frames,
        width=width,
        in_channels=in_channels,
        flavour=FLAVOURS[flavour],
    )
    model = Classifier(backbone, GlobalAveragePooling(backbone.out_channels, num_classes, dropout))
    initialise(model, linear=FLAVOURS[flavour].linear_init)
    return model


@torch.no_grad()
def initialise(model: nn.Module, *, linear: Literal["xavier", "normal"]) -> None:
    """Draw new weights: convolutions N(0, sqrt(2 / fan out)), norms 1 and 0, and linear layers either
    U(+-sqrt(3 / fan in)) (Caffe2's XavierFill) or N(0, 0.01) (torchvision), with biases 0.
    """
    for module in model.modules():
        if isinstance(module, nn.Conv3d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(module, nn.Linear):
            if linear == "xavier":
                bound = (3 / module.in_features) ** 0.5
                nn.init.uniform_(module.weight, -bound, bound)
            else:
                nn.init.normal_(module.weight, std=0.01)
            nn.init.zeros_(module.bias)
