"""The residual blocks of the video ResNets: the basic one of depths to 34, the bottleneck of those from 50.

Shapes: B batch, C channels, T frames, H W pixels.
"""

from collections import OrderedDict
from dataclasses import dataclass

from torch import Tensor, nn

from videobench.models.convolutions import CONVOLUTIONS, ConvolutionShape, batch_norm, middle_channels


@dataclass(frozen=True, kw_only=True)
class BlockShape:
    """What a residual block must do; its first convolution with a kernel over 1 strides."""

    in_channels: int
    out_channels: int
    convolution: str  # of CONVOLUTIONS
    temporal_stride: int
    spatial_stride: int
    frames: int  # clip length at the network's input
    norm_eps: float
    middle_per_block: bool  # M from the block's channels for all its convolutions, not from each one's own

    def convolution_shape(self, in_channels: int, out_channels: int, *, strides: bool) -> ConvolutionShape:
        """That of a convolution in this block with these channels of its own."""
        return ConvolutionShape(
            in_channels=in_channels,
            out_channels=out_channels,
            middle_channels=middle_channels(self.in_channels if self.middle_per_block else in_channels, out_channels),
            spatial_kernel=3,
            temporal_stride=self.temporal_stride if strides else 1,
            spatial_stride=self.spatial_stride if strides else 1,
            frames=self.frames,
            norm_eps=self.norm_eps,
        )


class BasicBlock(nn.Module):
    """Convolution, norm, ReLU, convolution, norm, plus the shortcut, ReLU."""

    expansion = 1  # of a block's output over its convolutions' channels

    def __init__(self, shape: BlockShape) -> None:
        super().__init__()
        build = CONVOLUTIONS[shape.convolution].build
        channels = shape.out_channels
        self.convolution1 = build(shape.convolution_shape(shape.in_channels, channels, strides=True))
        self.norm1 = batch_norm(channels, eps=shape.norm_eps)
        self.convolution2 = build(shape.convolution_shape(channels, channels, strides=False))
        self.norm2 = batch_norm(channels, eps=shape.norm_eps)
        self.relu = nn.ReLU(inplace=True)
        self.shortcut = shortcut(shape)

    def forward(self, features: Tensor) -> Tensor:
        residual = self.relu(self.norm1(self.convolution1(features)))  # [B, C', T', H', W']
        residual = self.norm2(self.convolution2(residual))
        residual += self.shortcut(features)
        output: Tensor = self.relu(residual)
        return output


class Bottleneck(nn.Module):
    """1 x 1 x 1 to a quarter of the output's channels, the convolution of the block's type, 1 x 1 x 1 to all of them.

    Norm and ReLU after each; the shortcut is added before the last ReLU.
    """

    expansion = 4

    def __init__(self, shape: BlockShape) -> None:
        super().__init__()
        inner = shape.out_channels // self.expansion
        self.convolution1 = nn.Conv3d(shape.in_channels, inner, kernel_size=1, bias=False)
        self.norm1 = batch_norm(inner, eps=shape.norm_eps)
        self.convolution2 = CONVOLUTIONS[shape.convolution].build(shape.convolution_shape(inner, inner, strides=True))
        self.norm2 = batch_norm(inner, eps=shape.norm_eps)
        self.convolution3 = nn.Conv3d(inner, shape.out_channels, kernel_size=1, bias=False)
        self.norm3 = batch_norm(shape.out_channels, eps=shape.norm_eps)
        self.relu = nn.ReLU(inplace=True)
        self.shortcut = shortcut(shape)

    def forward(self, features: Tensor) -> Tensor:
        residual = self.relu(self.norm1(self.convolution1(features)))  # [B, C' / 4, T, H, W]
        residual = self.relu(self.norm2(self.convolution2(residual)))  # [B, C' / 4, T', H', W']
        residual = self.norm3(self.convolution3(residual))  # [B, C', T', H', W']
        residual += self.shortcut(features)
        output: Tensor = self.relu(residual)
        return output


def shortcut(shape: BlockShape) -> nn.Module:
    """Identity, or 1 x 1 x 1 and a norm where channels or resolution change; never factorised, never with a ReLU."""
    strides = shape.temporal_stride, shape.spatial_stride, shape.spatial_stride
    if shape.in_channels == shape.out_channels and strides == (1, 1, 1):
        return nn.Identity()
    return nn.Sequential(
        OrderedDict(
            convolution=nn.Conv3d(shape.in_channels, shape.out_channels, kernel_size=1, stride=strides, bias=False),
            norm=batch_norm(shape.out_channels, eps=shape.norm_eps),
        )
    )
