"""I3D's features, padding, reductions and initial weights."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from videobench.models.inception import I3D, SameConvolution, SamePool, same_padding
from videobench.models.streams import Reduction, Stream

SIZES = st.integers(1, 300)
SHORT_SIZES = st.integers(1, 9)


@given(size=SIZES, kernel=st.integers(1, 7), stride=st.integers(1, 2))
def test_same_padding_gives_a_window_for_every_stride(size: int, kernel: int, stride: int) -> None:
    """As many windows as strides fit, rounded up; no more zeros than needed, the odd one at the end."""
    before, after = same_padding(size, kernel, stride)
    assert 0 <= before <= after <= before + 1
    if kernel >= stride:
        padded = size + before + after
        assert (padded - kernel) // stride + 1 == -(-size // stride)
        assert before + after == 0 or (padded - 1 - kernel) // stride + 1 < -(-size // stride)


@pytest.mark.parametrize(
    ("size", "padding"), [(224, (2, 3)), (64, (2, 3)), (21, (3, 3)), (1, (3, 3))], ids=["even", "frames", "odd", "one"]
)
def test_the_stems_padding_depends_on_the_size(size: int, padding: tuple[int, int]) -> None:
    """A 7-wide kernel of stride 2."""
    assert same_padding(size, 7, 2) == padding


@given(frames=SHORT_SIZES, height=SHORT_SIZES, width=SHORT_SIZES, stride=st.integers(1, 2))
def test_padding_is_with_zeros(frames: int, height: int, width: int, stride: int) -> None:
    """Convolution and pool equal the unpadded ones on an input with zeros around it."""
    clips = torch.rand(1, 2, frames, height, width)  # not negative, as after a ReLU
    convolution = SameConvolution(2, 3, kernel_size=3, stride=stride)
    pool = SamePool(kernel=(3, 3, 3), stride=(stride, stride, stride))
    sides = [side for size in (width, height, frames) for side in same_padding(size, 3, stride)]
    padded = nn.functional.pad(clips, sides)
    expected = nn.functional.conv3d(padded, convolution.weight, convolution.bias, stride)
    torch.testing.assert_close(convolution(clips), expected)
    assert torch.equal(pool(clips), nn.functional.max_pool3d(padded, 3, stride))


@pytest.mark.parametrize(("reduction", "channels"), [(None, 1024), ("modification", 512), ("addition", 512)])
def test_features_are_those_it_announces(reduction: Reduction | None, channels: int) -> None:
    """An eighth of the frames and a 32nd of the size, rounded up; 512 channels after a reduction."""
    with torch.device("meta"):
        backbone = I3D(frames=20, reduction=reduction)
        assert backbone.streams == (Stream(channels, steps=3),)
        assert backbone(torch.empty(2, 3, 20, 224, 80)).shape == (2, channels, 3, 7, 3)
        assert backbone(torch.empty(2, 3, 64, 224, 80)).shape == (2, channels, 8, 7, 3)


@pytest.mark.parametrize("reduction", ["modification", "addition"])
def test_a_reduction_is_one_more_module_or_another_last_one(reduction: Reduction) -> None:
    """The rest is the network's without it, tensor by tensor."""
    with torch.device("meta"):
        plain, reduced = (I3D(frames=64, reduction=each).state_dict() for each in (None, reduction))
    block = "mixed5c." if reduction == "modification" else "reduction."
    rest = {name: value.shape for name, value in reduced.items() if not name.startswith(block)}
    assert rest == {name: value.shape for name, value in plain.items() if not name.startswith(block)}
    assert any(name.startswith(block) for name in reduced)


def test_norms_are_the_authors() -> None:
    """Epsilon 1e-3 and momentum 0.01, in every one."""
    with torch.device("meta"):
        norms = [module for module in I3D(frames=64).modules() if isinstance(module, nn.BatchNorm3d)]
    assert len(norms) == 57
    assert {(norm.eps, norm.momentum) for norm in norms} == {(1e-3, 0.01)}


def test_initial_weights_are_torchs() -> None:
    """Convolutions U(+-1 / sqrt(fan in)), norms 1 and 0, whatever they were."""
    backbone = I3D(frames=16)
    for tensor in backbone.state_dict().values():
        tensor.fill_(7)
    torch.manual_seed(0)
    backbone.initialise()
    weight = backbone.mixed5c.branch1[1].convolution.weight
    bound = (192 * 3**3) ** -0.5
    assert weight.abs().max().item() == pytest.approx(bound, rel=0.01)
    assert weight.std().item() == pytest.approx(bound / 3**0.5, rel=0.01)
    norm = backbone.mixed5c.branch1[1].norm
    for tensor, value in ((norm.weight, 1), (norm.bias, 0), (norm.running_mean, 0), (norm.running_var, 1)):
        assert (tensor == value).all()
    assert all((value != 7).any() for value in backbone.state_dict().values())


def test_gradients_reach_every_weight() -> None:
    """In training, on clips of optical flow."""
    backbone = I3D(frames=8, in_channels=2, reduction="addition").train()
    backbone.initialise()
    backbone(torch.randn(2, 2, 8, 64, 64)).square().mean().backward()
    gradients = [parameter.grad for parameter in backbone.parameters()]
    assert all(gradient is not None and gradient.isfinite().all() and gradient.any() for gradient in gradients)
