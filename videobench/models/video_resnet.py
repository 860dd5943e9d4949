"""The video ResNet of "A Closer Look at Spatiotemporal Convolutions" (P1), its twelve variants and its relatives.

Shapes: B batch, C channels, T frames, H W pixels, D features, K classes.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from math import ceil, prod
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from videobench.errors import ConfigError
from videobench.models.classifier import Classifier
from videobench.models.convolutions import CONVOLUTIONS, ConvolutionShape, batch_norm, middle_channels
from videobench.models.heads.average import AveragePooling
from videobench.models.heads.head import Head, LinearInitialisation
from videobench.models.residual_blocks import BasicBlock, BlockShape, Bottleneck
from videobench.models.streams import Stream

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
    # Channel-separated networks (1904.02811), from P1's authors' code
    "ir-CSN": ("3D", "depthwise", "depthwise", "depthwise", "depthwise"),
    "ip-CSN": ("3D", "1x1x1 + depthwise", "1x1x1 + depthwise", "1x1x1 + depthwise", "1x1x1 + depthwise"),
}


class Depth(NamedTuple):
    """The block, and how many of it there are in conv2_x .. conv5_x."""

    block: type[BasicBlock | Bottleneck]
    num_blocks: tuple[int, int, int, int]


DEPTHS: dict[int, Depth] = {  # P1's table 1 for 18 and 34, the authors' code for the others
    10: Depth(BasicBlock, (1, 1, 1, 1)),
    16: Depth(BasicBlock, (2, 2, 2, 1)),
    18: Depth(BasicBlock, (2, 2, 2, 2)),
    34: Depth(BasicBlock, (3, 4, 6, 3)),
    50: Depth(Bottleneck, (3, 4, 6, 3)),
    101: Depth(Bottleneck, (3, 4, 23, 3)),
    152: Depth(Bottleneck, (3, 8, 36, 3)),
}

FlavourName = Literal["caffe2", "torchvision", "kenshohara"]
PAPER_WIDTH = 64  # channels of conv1, and of the convolutions in conv2_x; `width` scales everything by width / 64
FRAMES_TO_HALVE = {4: 4, 5: 8}  # clips shorter than this keep their time steps in conv4_x, conv5_x
RGB = 3  # channels, of which kenshohara computes the stem's M for flow as well


@dataclass(frozen=True, kw_only=True)
class Flavour:
    """Where the authors' network and others' variants of it differ."""

    norm_eps: float
    middle_per_block: bool = False  # as in BlockShape
    keeps_short_clips: bool = False  # FRAMES_TO_HALVE applies
    stem_kernel: int = 3  # in time
    stem_middle: int | None = 45  # of R(2+1)D: fixed in the authors' code, where M would be 83; None: M
    pools_in_time: bool = False  # the stem's pooling does, and networks have it unless told otherwise
    linear_init: LinearInitialisation


FLAVOURS: dict[str, Flavour] = {
    "caffe2": Flavour(norm_eps=1e-3, keeps_short_clips=True, linear_init="caffe2"),
    "torchvision": Flavour(norm_eps=1e-5, middle_per_block=True, linear_init="normal"),
    "kenshohara": Flavour(norm_eps=1e-5, stem_kernel=7, stem_middle=None, pools_in_time=True, linear_init="torch"),
}


class VideoResNet(nn.Module):
    """Clips [B, C, T, H, W] to features [B, D, T', H / 16, W / 16]; D is 8 width, or 32 width from depth 50.

    T' is T divided by 2 for each of conv3_x, conv4_x and conv5_x that is temporal (rounded up); 1 for R2D.
    `frames` is the clip length it is made for: it is the temporal kernel of R2D's stem, and clips under
    8 frames keep time steps in the last groups. Every network but R2D takes clips of other lengths as well.
    `stem_pooling` halves height and width once more, after conv1, as the authors do for 224 x 224 pixels; None
    is the network's own choice: the channel-separated ones have it.
    `flavour` is the authors' Caffe2 network, or the variant of it that torchvision's or kenshohara's
    (3D-ResNets-PyTorch) weights are for. The latter sees 7 frames in conv1, and has the pooling, in time as well.
    """

    def __init__(
        self,
        name: str,
        *,
        frames: int,
        depth: int = 18,
        width: int = PAPER_WIDTH,
        in_channels: int = 3,
        stem_pooling: bool | None = None,
        flavour: FlavourName = "caffe2",
    ) -> None:
        super().__init__()
        check(name, depth=depth)
        self.flavour = FLAVOURS[flavour]
        stem, *groups = NETWORKS[name]
        block, num_blocks = DEPTHS[depth]
        self.stem = stem_layers(stem, in_channels=in_channels, out_channels=width, frames=frames, flavour=self.flavour)
        if stem_pooling is None:
            stem_pooling = self.flavour.pools_in_time or is_channel_separated(name)
        strides_in_time = 2 if stem_pooling and self.flavour.pools_in_time else 1
        self.pool: nn.Module = nn.Identity()
        if stem_pooling:
            kernel, padding = (3, 1) if self.flavour.pools_in_time else (1, 0)
            self.pool = nn.MaxPool3d((kernel, 3, 3), stride=(strides_in_time, 2, 2), padding=(padding, 1, 1))
        shapes = first_blocks(groups, in_channels=width, expansion=block.expansion, frames=frames, flavour=self.flavour)
        self.group2, self.group3, self.group4, self.group5 = (
            residual_group(block, shape, num_blocks=number) for shape, number in zip(shapes, num_blocks, strict=True)
        )
        strides_in_time *= prod(shape.temporal_stride for shape in shapes)
        steps = 1 if stem == "whole clip" else ceil(frames / strides_in_time)
        self.streams = (Stream(shapes[-1].out_channels, steps),)

    def forward(self, clips: Tensor) -> Tensor:
        if clips.device.type == "cpu":  # 1.1 to 1.5 times as fast, and equal but for rounding
            clips = clips.to(memory_format=torch.channels_last_3d)
        features: Tensor = self.pool(self.stem(clips))  # [B, width, T, H/2, W/2]
        features = self.group2(features)
        features = self.group3(features)  # [B, .., T', H/4, W/4]
        features = self.group4(features)  # [B, .., T', H/8, W/8]
        output: Tensor = self.group5(features)  # [B, D, T', H/16, W/16]
        return output

    def initialise(self) -> None:
        """Draw all weights anew: convolutions N(0, sqrt(2 / fan out)), norms 1 and 0."""
        for module in self.modules():
            if isinstance(module, nn.Conv3d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(module, nn.BatchNorm3d):
                module.reset_parameters()


def stem_layers(
    convolution: str, *, in_channels: int, out_channels: int, frames: int, flavour: Flavour
) -> nn.Sequential:
    """conv1: it halves height and width."""
    middle = middle_channels(RGB, out_channels, temporal_kernel=flavour.stem_kernel, spatial_kernel=7)
    if flavour.stem_middle is not None:
        middle = round(flavour.stem_middle * out_channels / PAPER_WIDTH)
    shape = ConvolutionShape(
        in_channels=in_channels,
        out_channels=out_channels,
        middle_channels=middle,
        temporal_kernel=flavour.stem_kernel,
        spatial_kernel=7,
        temporal_stride=1,
        spatial_stride=2,
        frames=frames,
        norm_eps=flavour.norm_eps,
    )
    return nn.Sequential(
        OrderedDict(
            convolution=CONVOLUTIONS[convolution].build(shape),
            norm=batch_norm(out_channels, eps=flavour.norm_eps),
            relu=nn.ReLU(inplace=True),
        )
    )


def first_blocks(
    convolutions: Sequence[str], *, in_channels: int, expansion: int, frames: int, flavour: Flavour
) -> list[BlockShape]:
    """The first block of each of conv2_x .. conv5_x: it doubles the width and strides, save in conv2_x."""
    shapes: list[BlockShape] = []
    for number, convolution in enumerate(convolutions, start=2):
        halves_time = number > 2 and CONVOLUTIONS[convolution].temporal
        if flavour.keeps_short_clips and frames < FRAMES_TO_HALVE.get(number, 0):
            halves_time = False
        shapes.append(
            BlockShape(
                in_channels=shapes[-1].out_channels if shapes else in_channels,
                out_channels=in_channels * expansion * 2 ** (number - 2),
                convolution=convolution,
                temporal_stride=2 if halves_time else 1,
                spatial_stride=2 if number > 2 else 1,
                frames=frames,
                norm_eps=flavour.norm_eps,
                middle_per_block=flavour.middle_per_block,
            )
        )
    return shapes


def residual_group(block: type[BasicBlock | Bottleneck], first: BlockShape, *, num_blocks: int) -> nn.Sequential:
    """A first block, and others after it that change neither channels nor resolution."""
    other = replace(first, in_channels=first.out_channels, temporal_stride=1, spatial_stride=1)
    return nn.Sequential(*(block(other if index else first) for index in range(num_blocks)))


def video_resnet(
    name: str,
    *,
    num_classes: int,
    frames: int,
    depth: int = 18,
    width: int = PAPER_WIDTH,
    in_channels: int = 3,
    stem_pooling: bool | None = None,
    flavour: FlavourName = "caffe2",
    dropout: float = 0.0,
) -> Classifier:
    """One of these networks with P1's head, average pooling, freshly initialised from torch's generator."""
    backbone = VideoResNet(
        name,
        frames=frames,
        depth=depth,
        width=width,
        in_channels=in_channels,
        stem_pooling=stem_pooling,
        flavour=flavour,
    )
    (stream,) = backbone.streams
    head = Head([AveragePooling(stream)], num_classes=num_classes, dropout=dropout)
    backbone.initialise()
    head.initialise(FLAVOURS[flavour].linear_init)
    return Classifier(backbone, head)


def check(name: str, *, depth: int) -> None:
    """Refuse networks and depths that don't exist, naming those that do."""
    if name not in NETWORKS:
        nearest = get_close_matches(name, NETWORKS, n=1, cutoff=0.5)
        raise ConfigError(
            f"there is no network {name!r}" + (f"; did you mean {nearest[0]!r}?" if nearest else ""),
            hint=f"Networks: {', '.join(NETWORKS)}.",
        )
    depths = [each for each in DEPTHS if DEPTHS[each].block is Bottleneck or not is_channel_separated(name)]
    if depth not in depths:
        raise ConfigError(f"there is no {name} of depth {depth}", hint=f"Depths: {', '.join(map(str, depths))}.")


def is_channel_separated(name: str) -> bool:
    """Whether its convolutions keep the number of channels, so that only bottlenecks can be made of them."""
    return any(CONVOLUTIONS[convolution].depthwise for convolution in NETWORKS[name])
