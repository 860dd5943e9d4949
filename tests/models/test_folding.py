"""Folding leaves the logits as they are and no BatchNorm behind."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from videobench.models.c3d import C3D
from videobench.models.folding import folded
from videobench.models.inception import I3D
from videobench.models.p3d import P3D
from videobench.models.resnext import ResNeXt
from videobench.models.slowfast import SlowFast
from videobench.models.video_resnet import NETWORKS, VideoResNet, video_resnet

CLIPS = torch.randn(2, 3, 8, 32, 32, generator=torch.Generator().manual_seed(1))


def norms(model: nn.Module) -> list[nn.Module]:
    return [module for module in model.modules() if isinstance(module, nn.BatchNorm3d)]


def trained(model: nn.Module) -> nn.Module:
    """Give every BatchNorm statistics, a gain and a shift of its own, as training does."""
    random = torch.Generator().manual_seed(2)
    for norm in norms(model):
        for name, values in (
            ("running_mean", (-1, 1)),
            ("running_var", (0.5, 3)),
            ("weight", (0.5, 2)),
            ("bias", (-1, 1)),
        ):
            getattr(norm, name).data.uniform_(*values, generator=random)
    return model


@torch.inference_mode()
def logits(model: nn.Module) -> Tensor:
    output: Tensor = model(CLIPS)
    return output


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_gives_the_same_logits_without_a_norm(name: str) -> None:
    """In all of them, every BatchNorm follows a convolution and none is left."""
    torch.manual_seed(0)
    depth = 50 if "CSN" in name else 18
    model = trained(video_resnet(name, num_classes=5, frames=8, depth=depth, width=4)).eval()
    network = folded(model, CLIPS[:1])
    assert norms(model)
    assert not norms(network)
    torch.testing.assert_close(logits(network), logits(model), rtol=1e-5, atol=1e-5)


BACKBONES: list[Callable[[], nn.Module]] = [
    lambda: VideoResNet("R(2+1)D", frames=16, depth=50, width=4),
    lambda: C3D(size=64, width=4),
    lambda: P3D(width=4),
    lambda: SlowFast(frames=16, fusion="early", reduction="addition"),
    lambda: ResNeXt(frames=16, reduction="addition"),
    lambda: I3D(frames=16, reduction="addition"),
]


@pytest.mark.parametrize("build", BACKBONES, ids=["bottlenecks", "C3D", "P3D", "SlowFast", "ResNeXt", "I3D"])
def test_other_backbones_give_the_same_features_without_a_norm(build: Callable[[], nn.Module]) -> None:
    """Blocks of other kinds, and convolutions with biases of their own."""
    torch.manual_seed(0)
    backbone = trained(build()).eval()
    clips = torch.randn(1, 3, 16, 64, 64)
    with torch.inference_mode():
        network, expected = folded(backbone, clips), backbone(clips)
        assert norms(backbone)
        assert not norms(network)
        assert (network(clips) - expected).abs().max() < 1e-5 * expected.abs().max()


def test_the_model_is_left_alone() -> None:
    """It keeps its mode, its weights and its statistics, and trains on."""
    model = trained(video_resnet("R3D", num_classes=5, frames=8, width=4)).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    assert not folded(model, CLIPS).training
    assert model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    model(CLIPS).sum().backward()


def test_what_follows_no_convolution_stays() -> None:
    """A BatchNorm at the start, and one after a ReLU, normalise as before; a convolution's own bias is kept."""
    layers = [
        nn.BatchNorm3d(3),
        nn.Conv3d(3, 4, 3),
        nn.BatchNorm3d(4),
        nn.ReLU(),
        nn.BatchNorm3d(4),
        nn.Conv3d(4, 2, 1),
        nn.Flatten(),
    ]
    model = trained(nn.Sequential(*layers)).eval()
    network = folded(model, CLIPS)
    assert len(norms(network)) == 2
    torch.testing.assert_close(logits(network), logits(model), rtol=1e-5, atol=1e-5)
