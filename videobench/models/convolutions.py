"""The convolution types a group of the video ResNet can be made of (P1, section 3 and figure 1; 1904.02811).

A type turns a `ConvolutionShape` into a module that maps [B, C, T, H, W] to [B, C', T', H', W'], without
the BatchNorm and ReLU that follow it. A new type is a function and one line in `CONVOLUTIONS`.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

from videobench.errors import ConfigError

BATCH_NORM_MOMENTUM = 0.1  # PyTorch's sense: running = 0.9 running + 0.1 batch (Caffe2 calls this 0.9)


@dataclass(frozen=True, kw_only=True)
class ConvolutionShape:
    """What a convolution must do, whatever its type; those without time have no use for the temporal numbers."""

    in_channels: int
    out_channels: int
    middle_channels: int  # between the two halves of a factorised convolution
    temporal_kernel: int = 3
    spatial_kernel: int
    temporal_stride: int
    spatial_stride: int
    frames: int  # clip length at the network's input
    norm_eps: float


@dataclass(frozen=True)
class ConvolutionType:
    """How to build a convolution, and what can be done with it."""

    build: Callable[[ConvolutionShape], nn.Module]
    temporal: bool  # it mixes time steps; only then may it stride them
    depthwise: bool = False  # its t x k x k part filters each channel by itself: as many come out as go in


def convolution_2d(shape: ConvolutionShape) -> nn.Module:
    """1 x k x k: the same 2D filter on every frame."""
    space = shape.spatial_kernel
    return nn.Conv3d(
        shape.in_channels,
        shape.out_channels,
        kernel_size=(1, space, space),
        stride=(1, shape.spatial_stride, shape.spatial_stride),
        padding=(0, space // 2, space // 2),
        bias=False,
    )


def convolution_3d(shape: ConvolutionShape) -> nn.Module:
    """t x k x k, with t of 3 but for the stems of other authors."""
    time, space = shape.temporal_kernel, shape.spatial_kernel
    return nn.Conv3d(
        shape.in_channels,
        shape.out_channels,
        kernel_size=(time, space, space),
        stride=(shape.temporal_stride, shape.spatial_stride, shape.spatial_stride),
        padding=(time // 2, space // 2, space // 2),
        bias=False,
    )


def depthwise_convolution(shape: ConvolutionShape) -> nn.Module:
    """t x k x k on every channel by itself: ir-CSN's (arXiv 1904.02811, section 3.2)."""
    time, space = shape.temporal_kernel, shape.spatial_kernel
    return nn.Conv3d(
        shape.in_channels,
        shape.out_channels,
        kernel_size=(time, space, space),
        stride=(shape.temporal_stride, shape.spatial_stride, shape.spatial_stride),
        padding=(time // 2, space // 2, space // 2),
        groups=shape.in_channels,
        bias=False,
    )


def interacting_depthwise_convolution(shape: ConvolutionShape) -> nn.Module:
    """1 x 1 x 1 over all channels and BatchNorm, without a ReLU, then depthwise t x k x k: ip-CSN's."""
    return nn.Sequential(
        OrderedDict(
            pointwise=nn.Conv3d(shape.in_channels, shape.in_channels, kernel_size=1, bias=False),
            norm=batch_norm(shape.in_channels, eps=shape.norm_eps),
            depthwise=depthwise_convolution(shape),
        )
    )


class TemporalConvolution(nn.Conv3d):
    """t x 1 x 1: mixes each pixel's neighbouring time steps.

    On a CPU it runs as a 2D convolution over T x HW, a view of the same memory: torch's t x 1 x 1 is slow there,
    most of all on batches under 16, where it also loses the channels-last format. Equal but for rounding.
    """

    def __init__(self, in_channels: int, out_channels: int, *, kernel: int = 3, stride: int = 1) -> None:
        super().__init__(
            in_channels,
            out_channels,
            kernel_size=(kernel, 1, 1),
            stride=(stride, 1, 1),
            padding=(kernel // 2, 0, 0),
            bias=False,
        )

    def forward(self, clips: Tensor) -> Tensor:
        if clips.device.type != "cpu":
            return super().forward(clips)  # [B, C', T', H, W]
        flat = nn.functional.conv2d(
            clips.flatten(3),  # [B, C, T, HW]
            self.weight.squeeze(4),
            self.bias,
            stride=self.stride[:2],
            padding=self.padding[:2],
        )
        return flat.view(*flat.shape[:3], *clips.shape[3:])  # [B, C', T', H, W]


class FactorisedConvolution(nn.Module):
    """(2+1)D: 1 x k x k to the middle channels, BatchNorm, ReLU, t x 1 x 1 (P1, section 3.5).

    The spatial half takes the spatial stride, the temporal half the temporal one.
    """

    def __init__(self, shape: ConvolutionShape) -> None:
        super().__init__()
        space = shape.spatial_kernel
        self.spatial = nn.Conv3d(
            shape.in_channels,
            shape.middle_channels,
            kernel_size=(1, space, space),
            stride=(1, shape.spatial_stride, shape.spatial_stride),
            padding=(0, space // 2, space // 2),
            bias=False,
        )
        self.norm = batch_norm(shape.middle_channels, eps=shape.norm_eps)
        self.relu = nn.ReLU(inplace=True)
        self.temporal = TemporalConvolution(
            shape.middle_channels, shape.out_channels, kernel=shape.temporal_kernel, stride=shape.temporal_stride
        )

    def forward(self, clips: Tensor) -> Tensor:
        middle = self.relu(self.norm(self.spatial(clips)))  # [B, M, T, H', W']
        output: Tensor = self.temporal(middle)  # [B, C', T', H', W']
        return output


class WholeClipConvolution(nn.Conv3d):
    """L x k x k without padding in time, so one time step is left: R2D's stem (P1, section 3.1).

    The same as a 2D convolution over the 3L channels of the stacked frames; it fits one clip length only.
    """

    def __init__(self, shape: ConvolutionShape) -> None:
        space = shape.spatial_kernel
        super().__init__(
            shape.in_channels,
            shape.out_channels,
            kernel_size=(shape.frames, space, space),
            stride=(1, shape.spatial_stride, shape.spatial_stride),
            padding=(0, space // 2, space // 2),
            bias=False,
        )

    def forward(self, clips: Tensor) -> Tensor:
        built_for = self.kernel_size[0]
        if clips.shape[2] != built_for:
            raise ConfigError(
                f"R2D was built for clips of {built_for} frames and was given {clips.shape[2]}",
                hint="R2D's first layer spans the whole clip: train it anew for another clip length.",
            )
        return super().forward(clips)  # [B, C', 1, H', W']


CONVOLUTIONS: dict[str, ConvolutionType] = {
    "2D": ConvolutionType(convolution_2d, temporal=False),
    "3D": ConvolutionType(convolution_3d, temporal=True),
    "(2+1)D": ConvolutionType(FactorisedConvolution, temporal=True),
    "depthwise": ConvolutionType(depthwise_convolution, temporal=True, depthwise=True),
    "1x1x1 + depthwise": ConvolutionType(interacting_depthwise_convolution, temporal=True, depthwise=True),
    "whole clip": ConvolutionType(WholeClipConvolution, temporal=False),
}


def batch_norm(channels: int, *, eps: float) -> nn.BatchNorm3d:
    """BatchNorm over B, T, H, W with the authors' momentum."""
    return nn.BatchNorm3d(channels, eps=eps, momentum=BATCH_NORM_MOMENTUM)


def middle_channels(in_channels: int, out_channels: int, *, temporal_kernel: int = 3, spatial_kernel: int = 3) -> int:
    """M of P1, section 3.5: a (2+1)D pair with as many weights as the t x k x k convolution it replaces."""
    area = spatial_kernel**2
    weights = temporal_kernel * area * in_channels * out_channels
    return weights // (area * in_channels + temporal_kernel * out_channels)
