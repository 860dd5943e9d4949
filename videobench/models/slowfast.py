"""SlowFast-R50 (Feichtenhofer et al., 2019) with P2's reductions and fusions of its two paths.

A slow path sees few frames with many channels; a fast one sees many with few, and feeds the slow one.
Shapes: B batch, C channels, T frames, H W pixels, D features; S and F steps of the slow and the fast path.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn

from videobench.errors import ConfigError
from videobench.models.convolutions import TemporalConvolution, batch_norm
from videobench.models.streams import REDUCED_CHANNELS, Reduction, Stream

BlockKernel = Literal[1, 3]  # of a block's first convolution, in time

NUM_BLOCKS = (3, 4, 6, 3)  # in conv2_x .. conv5_x
EXPANSION = 4  # of a block's output over its 1 x 3 x 3 convolution
REDUCTION_EXPANSION = 2
LATERAL_EXPANSION = 2  # channels of a lateral connection over the fast path's
NORM_EPS = 1e-5


@dataclass(frozen=True)
class Path:
    """Where the two paths differ."""

    width: int  # channels of the stem
    stem_kernel: int  # in time
    kernels: tuple[BlockKernel, BlockKernel, BlockKernel, BlockKernel]  # of the blocks of conv2_x .. conv5_x
    reduced_channels: int

    @property
    def channels(self) -> tuple[int, ...]:
        """Of the outputs of the stem and of conv2_x .. conv5_x."""
        return self.width, *(EXPANSION * self.width * 2**index for index in range(len(NUM_BLOCKS)))


SLOW = Path(width=64, stem_kernel=1, kernels=(1, 1, 3, 3), reduced_channels=REDUCED_CHANNELS)
FAST = Path(width=8, stem_kernel=5, kernels=(3, 3, 3, 3), reduced_channels=128)


class SlowFast(nn.Module):
    """Clips [B, C, T, H, W] to features of the slow path [B, 2048, S, H', W'] and the fast one [B, 256, F, H', W'].

    F = T / `fast_stride` frames go to the fast path. S = F / `alpha` of those go to the slow one: every alpha-th,
    or as PySlowFast chooses them, spread evenly from the first to the last ("linspace"). H' = H / 32, W' = W / 32.

    `reduction` brings the slow features to 512 channels (P2, figure 2). With `fusion="early"` it brings the
    fast ones to 128 as well, and there is one stream: the fast path's steps, averaged to the slow one's, are
    joined to them [B, 640, S, H', W'].

    The defaults are PySlowFast's 8x8 on P2's clips of 64 frames; 4x16 has `alpha` 8 and `fusion_kernel` 5.
    The flavour "mmaction2" has neither norm nor ReLU in the lateral connections and gives the fast stream first.
    """

    def __init__(
        self,
        *,
        frames: int,
        in_channels: int = 3,
        fast_stride: int = 2,
        slow_frames: Literal["strided", "linspace"] = "strided",
        fusion: Literal["late", "early"] = "late",
        reduction: Reduction | None = None,
        alpha: int = 4,
        fusion_kernel: int = 7,
        flavour: Literal["pyslowfast", "mmaction2"] = "pyslowfast",
    ) -> None:
        super().__init__()
        self.fast_stride = fast_stride
        self.slow_frames = slow_frames
        self.fusion = fusion
        self.alpha = alpha
        self.fast_first = flavour == "mmaction2"
        fast_steps = self._fast_steps(frames)
        slow_steps = fast_steps // alpha
        fast_reduction = reduction if fusion == "early" else None
        origins = FAST.channels[:-1]  # of the lateral connections: the fast stem, conv2_x .. conv4_x
        lateral_channels = [LATERAL_EXPANSION * channels for channels in origins]
        self.slow = residual_path(SLOW, in_channels, lateral_channels=lateral_channels, reduction=reduction)
        self.fast = residual_path(FAST, in_channels, lateral_channels=[0] * len(origins), reduction=fast_reduction)
        self.laterals = nn.ModuleList(
            lateral_connection(channels, kernel=fusion_kernel, stride=alpha, linear=flavour == "mmaction2")
            for channels in origins
        )
        slow = Stream(SLOW.reduced_channels if reduction else SLOW.channels[-1], slow_steps)
        fast = Stream(FAST.reduced_channels if fast_reduction else FAST.channels[-1], fast_steps)
        self.streams: tuple[Stream, ...] = (fast, slow) if self.fast_first else (slow, fast)
        if fusion == "early":
            self.streams = (Stream(slow.channels + fast.channels, slow_steps),)
        # Blocks that the network without a reduction doesn't have.
        blocks = [name for name, module in self.named_modules() if isinstance(module, Bottleneck) and module.reduces]
        self.reduced_by = tuple(blocks)

    def initialise(self) -> None:
        """Draw new weights: convolutions N(0, sqrt(2 / fan out)), norms 1 and 0, the gain at a block's end 0.

        A reduction's are P2's authors': convolutions N(0, sqrt(2 / fan in)), all norms 1 and 0.
        """
        for module in self.modules():
            if isinstance(module, nn.Conv3d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")
            elif isinstance(module, nn.BatchNorm3d):
                module.reset_parameters()
        for block in self.modules():
            if isinstance(block, Bottleneck) and not block.reduces:
                nn.init.zeros_(block.norm3.weight)
            elif isinstance(block, Bottleneck):
                for module in block.modules():
                    if isinstance(module, nn.Conv3d):
                        nn.init.kaiming_normal_(module.weight)

    def forward(self, clips: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        fast_steps = self._fast_steps(clips.shape[2])
        fast = clips[:, :, :: self.fast_stride]  # [B, C, F, H, W]
        slow = fast[:, :, :: self.alpha]  # [B, C, S, H, W]
        if self.slow_frames == "linspace":
            # In float32, which may fall just short of a whole number, as PySlowFast's does.
            slow = fast[:, :, torch.linspace(0, fast_steps - 1, fast_steps // self.alpha).long()]
        if clips.device.type == "cpu":
            slow = slow.contiguous(memory_format=torch.channels_last_3d)
            fast = fast.contiguous(memory_format=torch.channels_last_3d)
        slow_stem, *slow_groups, slow_reduction = self.slow
        fast_stem, *fast_groups, fast_reduction = self.fast
        slow, fast = slow_stem(slow), fast_stem(fast)  # [B, 64, S, H/4, W/4], [B, 8, F, H/4, W/4]
        for lateral, slow_group, fast_group in zip(self.laterals, slow_groups, fast_groups, strict=True):
            slow = torch.cat((slow, lateral(fast)), dim=1)  # [B, C + 2 C', S, H', W']
            slow, fast = slow_group(slow), fast_group(fast)
        slow, fast = slow_reduction(slow), fast_reduction(fast)
        if self.fusion == "early":
            fast = nn.functional.avg_pool3d(fast, kernel_size=(self.alpha, 1, 1))  # [B, D, S, H', W']
            return torch.cat((slow, fast), dim=1)
        return (fast, slow) if self.fast_first else (slow, fast)

    def _fast_steps(self, frames: int) -> int:
        """How many of a clip's frames the fast path takes; the slow path must get a whole number as well."""
        if frames % (self.fast_stride * self.alpha):
            raise ConfigError(
                f"SlowFast takes clips of a multiple of {self.fast_stride * self.alpha} frames, not of {frames}",
                hint=f"Its fast path takes 1 frame in {self.fast_stride}, its slow path 1 in {self.alpha} of those.",
            )
        return frames // self.fast_stride


class Bottleneck(nn.Module):
    """k x 1 x 1, 1 x 3 x 3 (which strides) and 1 x 1 x 1 convolutions plus the shortcut, ReLU.

    P2's blocks that reduce the channels have 1 x 1 x 1, 3 x 3 x 3 and 1 x 1 x 1 instead.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        temporal_kernel: BlockKernel = 1,
        spatial_stride: int = 1,
        reduces: bool = False,
    ) -> None:
        super().__init__()
        self.reduces = reduces
        middle = out_channels // (REDUCTION_EXPANSION if reduces else EXPANSION)
        self.convolution1: nn.Conv3d = (
            TemporalConvolution(in_channels, middle, stride=1)
            if temporal_kernel == 3
            else nn.Conv3d(in_channels, middle, kernel_size=1, bias=False)
        )
        self.norm1 = batch_norm(middle, eps=NORM_EPS)
        self.convolution2 = nn.Conv3d(
            middle,
            middle,
            kernel_size=(3 if reduces else 1, 3, 3),
            stride=(1, spatial_stride, spatial_stride),
            padding=(1 if reduces else 0, 1, 1),
            bias=False,
        )
        self.norm2 = batch_norm(middle, eps=NORM_EPS)
        self.convolution3 = nn.Conv3d(middle, out_channels, kernel_size=1, bias=False)
        self.norm3 = batch_norm(out_channels, eps=NORM_EPS)
        self.relu = nn.ReLU(inplace=True)
        self.shortcut: nn.Module = nn.Identity()
        if in_channels != out_channels or spatial_stride != 1:
            self.shortcut = nn.Sequential(
                OrderedDict(
                    convolution=nn.Conv3d(
                        in_channels,
                        out_channels,
                        kernel_size=1,
                        stride=(1, spatial_stride, spatial_stride),
                        bias=False,
                    ),
                    norm=batch_norm(out_channels, eps=NORM_EPS),
                )
            )

    def forward(self, features: Tensor) -> Tensor:
        residual = self.relu(self.norm1(self.convolution1(features)))  # [B, M, T, H, W]
        residual = self.relu(self.norm2(self.convolution2(residual)))  # [B, M, T, H', W']
        residual = self.norm3(self.convolution3(residual))  # [B, C', T, H', W']
        residual += self.shortcut(features)
        output: Tensor = self.relu(residual)
        return output


def residual_path(
    path: Path, in_channels: int, *, lateral_channels: Sequence[int], reduction: Reduction | None
) -> nn.Sequential:
    """A path's stem, its groups conv2_x .. conv5_x, each of which is given `lateral_channels` more than the module
    before it gives, and what reduces the channels at the end, if anything.
    """
    layers = nn.Sequential(OrderedDict(stem=stem(path, in_channels)))
    for index, (channels, out_channels) in enumerate(pairwise(path.channels)):
        group = nn.Sequential(
            Bottleneck(
                channels + lateral_channels[index],
                out_channels,
                temporal_kernel=path.kernels[index],
                spatial_stride=1 if index == 0 else 2,
            )
        )
        for _ in range(NUM_BLOCKS[index] - 1):
            group.append(Bottleneck(out_channels, out_channels, temporal_kernel=path.kernels[index]))
        layers.add_module(f"group{index + 2}", group)
    reduced: nn.Module = nn.Identity()
    if reduction is not None:
        reduced = Bottleneck(path.channels[-1], path.reduced_channels, reduces=True)
    if reduction == "modification":
        group[-1], reduced = reduced, nn.Identity()
    layers.add_module("reduction", reduced)
    return layers


def lateral_connection(channels: int, *, kernel: int, stride: int, linear: bool) -> nn.Sequential:
    """From fast features to what joins the slow ones; `linear` leaves out norm and ReLU."""
    out_channels = LATERAL_EXPANSION * channels
    layers: dict[str, nn.Module] = {
        "convolution": nn.Conv3d(
            channels,
            out_channels,
            kernel_size=(kernel, 1, 1),
            stride=(stride, 1, 1),
            padding=(kernel // 2, 0, 0),
            bias=False,
        )
    }
    if not linear:
        layers |= {"norm": batch_norm(out_channels, eps=NORM_EPS), "relu": nn.ReLU(inplace=True)}
    return nn.Sequential(OrderedDict(layers))


def stem(path: Path, in_channels: int) -> nn.Sequential:
    """Convolution over whole frames, k x 7 x 7, which halves H and W, as does the pooling after it."""
    return nn.Sequential(
        OrderedDict(
            convolution=nn.Conv3d(
                in_channels,
                path.width,
                kernel_size=(path.stem_kernel, 7, 7),
                stride=(1, 2, 2),
                padding=(path.stem_kernel // 2, 3, 3),
                bias=False,
            ),
            norm=batch_norm(path.width, eps=NORM_EPS),
            relu=nn.ReLU(inplace=True),
            pool=nn.MaxPool3d(kernel_size=(1, 3, 3), stride=(1, 2, 2), padding=(0, 1, 1)),
        )
    )
