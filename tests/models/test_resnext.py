"""ResNeXt101's features, reductions and initial weights."""

import pytest
import torch

from videobench.models.resnext import ResNeXt
from videobench.models.streams import Reduction, Stream


@pytest.mark.parametrize(("reduction", "channels"), [(None, 2048), ("modification", 512), ("addition", 512)])
def test_features_are_those_it_announces(reduction: Reduction | None, channels: int) -> None:
    """A sixteenth of the frames and a 32nd of the size, rounded up; 512 channels after a reduction."""
    with torch.device("meta"):
        backbone = ResNeXt(frames=20, reduction=reduction)
        assert backbone.streams == (Stream(channels, steps=2),)
        assert backbone(torch.empty(2, 3, 20, 112, 80)).shape == (2, channels, 2, 4, 3)
        assert backbone(torch.empty(2, 3, 64, 112, 80)).shape == (2, channels, 4, 4, 3)


@pytest.mark.parametrize("reduction", ["modification", "addition"])
def test_a_reduction_is_one_more_block_or_another_last_one(reduction: Reduction) -> None:
    """The rest is the network's without it, tensor by tensor."""
    with torch.device("meta"):
        plain, reduced = (ResNeXt(frames=64, reduction=each).state_dict() for each in (None, reduction))
    block = "group5.2." if reduction == "modification" else "reduction."
    rest = {name: value.shape for name, value in reduced.items() if not name.startswith(block)}
    assert rest == {name: value.shape for name, value in plain.items() if not name.startswith(block)}
    learnt = sum(value.numel() for name, value in reduced.items() if name.startswith(block) and is_learnt(name))
    assert learnt == 1_762_304


def test_initial_weights_are_p2s() -> None:
    """Convolutions N(0, sqrt(2 / fan in)), also the grouped ones, and norms 1 and 0, whatever they were."""
    backbone = ResNeXt(frames=16, in_channels=2)
    for tensor in backbone.state_dict().values():
        tensor.fill_(7)
    torch.manual_seed(0)
    backbone.initialise()
    stem, grouped = backbone.stem.convolution, backbone.group5[1].convolution2
    assert stem.weight.std().item() == pytest.approx((2 / (2 * 7**3)) ** 0.5, rel=0.02)
    assert grouped.weight.std().item() == pytest.approx((2 / (32 * 3**3)) ** 0.5, rel=0.02)
    norm = backbone.group5[1].norm3
    for tensor, value in ((norm.weight, 1), (norm.bias, 0), (norm.running_mean, 0), (norm.running_var, 1)):
        assert (tensor == value).all()
    assert all((value != 7).any() for value in backbone.state_dict().values())


def test_gradients_reach_every_weight() -> None:
    """In training, on clips of optical flow."""
    backbone = ResNeXt(frames=16, in_channels=2, reduction="addition").train()
    backbone.initialise()
    backbone(torch.randn(2, 2, 16, 64, 64)).square().mean().backward()
    gradients = [parameter.grad for parameter in backbone.parameters()]
    assert all(gradient is not None and gradient.isfinite().all() and gradient.any() for gradient in gradients)


def is_learnt(name: str) -> bool:
    return name.endswith(("weight", "bias"))
