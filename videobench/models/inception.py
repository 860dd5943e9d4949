"""I3D: Inception-v1 inflated to three dimensions (Carreira and Zisserman, 2017), with P2's reductions.

Shapes: B batch, C channels, T frames, H W pixels, D features.
"""

import math
from collections import OrderedDict

import torch
from torch import Tensor, nn

from videobench.models.streams import REDUCED_CHANNELS, Reduction, Stream

NORM_EPS = 1e-3
NORM_MOMENTUM = 0.01  # as in the weights' PyTorch port; running = 0.99 running + 0.01 batch
TEMPORAL_STRIDE = 8  # of the whole network

# Channels of an Inception module: of its 1 x 1 x 1 branch, of the two convolutions of the second and of the third
# branch, and of the branch with the pool.
Widths = tuple[int, int, int, int, int, int]
REDUCING: Widths = (192, 96, 192, 24, 64, 64)  # P2's module that leaves 512 channels


class I3D(nn.Sequential):
    """Clips [B, C, T, H, W] of any size to features [B, D, T / 8, H / 32, W / 32], rounded up; D is 1024.

    With a reduction D is 512 (P2, figure 2): "modification" (FRMB) replaces the last module by a narrower one,
    "addition" (FRAB) puts that module after it.
    """

    def __init__(self, *, frames: int, in_channels: int = 3, reduction: Reduction | None = None) -> None:
        super().__init__(
            OrderedDict(
                stem=unit(in_channels, 64, kernel=7, stride=2),
                pool2=SamePool(kernel=(1, 3, 3), stride=(1, 2, 2)),
                unit2b=unit(64, 64, kernel=1),
                unit2c=unit(64, 192, kernel=3),
                pool3=SamePool(kernel=(1, 3, 3), stride=(1, 2, 2)),
                mixed3b=InceptionModule(192, (64, 96, 128, 16, 32, 32)),
                mixed3c=InceptionModule(256, (128, 128, 192, 32, 96, 64)),
                pool4=SamePool(kernel=(3, 3, 3), stride=(2, 2, 2)),
                mixed4b=InceptionModule(480, (192, 96, 208, 16, 48, 64)),
                mixed4c=InceptionModule(512, (160, 112, 224, 24, 64, 64)),
                mixed4d=InceptionModule(512, (128, 128, 256, 24, 64, 64)),
                mixed4e=InceptionModule(512, (112, 144, 288, 32, 64, 64)),
                mixed4f=InceptionModule(528, (256, 160, 320, 32, 128, 128)),
                pool5=SamePool(kernel=(2, 2, 2), stride=(2, 2, 2)),
                mixed5b=InceptionModule(832, (256, 160, 320, 32, 128, 128)),
                mixed5c=InceptionModule(832, (384, 192, 384, 48, 128, 128)),
            )
        )
        self.reduced_by: tuple[str, ...] = ()  # modules that the network without a reduction doesn't have
        if reduction == "modification":
            self.mixed5c = InceptionModule(832, REDUCING)
            self.reduced_by = ("mixed5c",)
        elif reduction == "addition":
            self.reduction = InceptionModule(1024, REDUCING)
            self.reduced_by = ("reduction",)
        channels = 1024 if reduction is None else REDUCED_CHANNELS
        self.streams = (Stream(channels=channels, steps=math.ceil(frames / TEMPORAL_STRIDE)),)

    def initialise(self) -> None:
        """Draw new weights: torch's defaults, as P2's authors have them."""
        for module in self.modules():
            if isinstance(module, nn.Conv3d | nn.BatchNorm3d):
                module.reset_parameters()

    def forward(self, clips: Tensor) -> Tensor:
        if clips.device.type == "cpu":  # 1.1 to 1.4 times as fast, and equal but for rounding
            clips = clips.to(memory_format=torch.channels_last_3d)
        features = clips
        for part in self:
            features = part(features)
        return features  # [B, D, T/8, H/32, W/32]


class InceptionModule(nn.Module):
    """Four branches on the same features, their outputs one after the other."""

    def __init__(self, in_channels: int, widths: Widths) -> None:
        super().__init__()
        self.branch0 = unit(in_channels, widths[0], kernel=1)
        self.branch1 = nn.Sequential(unit(in_channels, widths[1], kernel=1), unit(widths[1], widths[2], kernel=3))
        self.branch2 = nn.Sequential(unit(in_channels, widths[3], kernel=1), unit(widths[3], widths[4], kernel=3))
        self.branch3 = nn.Sequential(
            SamePool(kernel=(3, 3, 3), stride=(1, 1, 1)), unit(in_channels, widths[5], kernel=1)
        )

    def forward(self, features: Tensor) -> Tensor:
        branches = self.branch0, self.branch1, self.branch2, self.branch3
        return torch.cat([branch(features) for branch in branches], dim=1)  # [B, w0 + w2 + w4 + w5, T, H, W]


def unit(in_channels: int, out_channels: int, *, kernel: int, stride: int = 1) -> nn.Sequential:
    """Convolution, norm, ReLU."""
    return nn.Sequential(
        OrderedDict(
            convolution=SameConvolution(in_channels, out_channels, kernel_size=kernel, stride=stride, bias=False),
            norm=nn.BatchNorm3d(out_channels, eps=NORM_EPS, momentum=NORM_MOMENTUM),
            relu=nn.ReLU(inplace=True),
        )
    )


class SameConvolution(nn.Conv3d):
    """A convolution whose output has 1 / stride of the input's size, rounded up (TensorFlow's "SAME" padding)."""

    def forward(self, features: Tensor) -> Tensor:
        sides = [
            same_padding(size, kernel, stride)
            for size, kernel, stride in zip(features.shape[2:], self.kernel_size, self.stride, strict=True)
        ]
        if all(before == after for before, after in sides):  # the convolution pads without a copy
            padding = tuple(before for before, _ in sides)
            return nn.functional.conv3d(features, self.weight, self.bias, self.stride, padding)
        last_axis_first = [side for axis in reversed(sides) for side in axis]
        return super().forward(nn.functional.pad(features, last_axis_first))


class SamePool(nn.Module):
    """A maximum over windows of what a ReLU gave, padded like `SameConvolution`.

    The authors pad with zeros. After a ReLU that is the same as not counting the padding, which costs nothing.
    """

    def __init__(self, *, kernel: tuple[int, int, int], stride: tuple[int, int, int]) -> None:
        super().__init__()
        self.kernel = kernel
        self.stride = stride

    def forward(self, features: Tensor) -> Tensor:
        before = tuple(
            same_padding(size, kernel, stride)[0]
            for size, kernel, stride in zip(features.shape[2:], self.kernel, self.stride, strict=True)
        )
        return nn.functional.max_pool3d(features, self.kernel, self.stride, before, ceil_mode=True)


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Zeros before and after an axis of `size`; an odd one goes to the end."""
    covered = (-(-size // stride) - 1) * stride + kernel  # by all windows
    padding = max(covered - size, 0)
    return padding // 2, padding - padding // 2
