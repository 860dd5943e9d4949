"""Convolution types one by one."""

import pytest
import torch
from torch import nn

from videobench.models.convolutions import CONVOLUTIONS, ConvolutionShape, TemporalConvolution


@pytest.mark.parametrize("spatial_stride", [1, 2])
@pytest.mark.parametrize("temporal_stride", [1, 2])
@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_types_keep_the_shape_they_promise(name: str, temporal_stride: int, spatial_stride: int) -> None:
    """Space is divided by its stride, time by its own where the type is temporal; R2D's stem leaves one step."""
    channels = 4 if CONVOLUTIONS[name].depthwise else 6
    shape = ConvolutionShape(
        in_channels=4,
        out_channels=channels,
        middle_channels=5,
        spatial_kernel=3,
        temporal_stride=temporal_stride,
        spatial_stride=spatial_stride,
        frames=8,
        norm_eps=1e-3,
    )
    output = CONVOLUTIONS[name].build(shape)(torch.randn(2, 4, 8, 16, 16))
    frames = 8 // temporal_stride if CONVOLUTIONS[name].temporal else 8
    if name == "whole clip":
        frames = 1
    assert output.shape == (2, channels, frames, 16 // spatial_stride, 16 // spatial_stride)


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last_3d])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("frames", [1, 4, 7])
@pytest.mark.parametrize("kernel", [3, 7])
def test_the_temporal_convolution_equals_torchs(
    kernel: int, frames: int, stride: int, memory_format: torch.memory_format
) -> None:
    """Outputs and gradients are those of the plain t x 1 x 1 convolution, in either memory format."""
    torch.manual_seed(0)
    fast = TemporalConvolution(5, 6, kernel=kernel, stride=stride).double()
    padding = (kernel // 2, 0, 0)
    plain = nn.Conv3d(5, 6, (kernel, 1, 1), stride=(stride, 1, 1), padding=padding, bias=False).double()
    plain.load_state_dict(fast.state_dict())
    values = torch.randn(2, 5, frames, 3, 4).double().to(memory_format=memory_format)
    results = []
    for module in (fast, plain):
        clips = values.clone().requires_grad_()
        output = module(clips)
        output.square().sum().backward()
        results.append((output, clips.grad, module.weight.grad))
    for actual, expected in zip(*results, strict=True):
        torch.testing.assert_close(actual, expected, rtol=0, atol=1e-12)


def test_the_temporal_convolution_keeps_channels_last() -> None:
    """Small batches stay in the format the next layer is fast in (torch's own 3 x 1 x 1 loses it)."""
    clips = torch.randn(2, 18, 8, 4, 4).to(memory_format=torch.channels_last_3d)
    output = TemporalConvolution(18, 8, stride=1)(clips)
    assert output.is_contiguous(memory_format=torch.channels_last_3d)
