"""C3D, small enough to run."""

import pytest
import torch
from torch import Tensor, nn

from videobench.errors import ConfigError, WeightsError
from videobench.models.c3d import C3D
from videobench.models.classifier import Classifier
from videobench.models.complexity import count_conv_fc_weights, count_macs, count_parameters
from videobench.models.heads.average import AveragePooling
from videobench.models.heads.head import Head
from videobench.models.streams import Stream
from videobench.models.weights.carry import LAYOUTS, load_into

FLAVOURS = ("caffe2", "mmaction2")


def classifier(*, num_classes: int = 5, **options: object) -> Classifier:
    backbone = C3D(**options)  # type: ignore[arg-type]
    head = Head([AveragePooling(stream) for stream in backbone.streams], num_classes=num_classes)
    return Classifier(backbone, head)


def small(**options: object) -> Classifier:
    torch.manual_seed(0)
    model = classifier(**({"width": 4, "size": 64} | options))
    model.backbone.initialise()  # type: ignore[operator]
    model.head.initialise("caffe2")
    return model


def clips(frames: int = 16, *, channels: int = 3, size: int = 64) -> Tensor:
    return torch.randn(2, channels, frames, size, size, generator=torch.Generator().manual_seed(1))


def test_counts_of_both_flavours() -> None:
    """P1's authors' network has biases and norms, MMAction2's more positions before its fully connected layers."""
    with torch.device("meta"):
        authors = classifier(num_classes=400)
        mmaction2 = classifier(num_classes=101, flavour="mmaction2")
    assert count_parameters(authors) == 64960016
    assert count_conv_fc_weights(authors) == 64943168
    assert count_macs(authors, (1, 3, 16, 112, 112)) == 38533922816
    assert count_parameters(mmaction2) == 78409573


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("fully_connected", [True, False])
def test_a_training_step_reaches_every_parameter(flavour: str, fully_connected: bool) -> None:
    """Every parameter gets a finite gradient; only biases that a norm takes away may get none."""
    model = small(flavour=flavour, fully_connected=fully_connected, in_channels=2).train()
    logits = model(clips(channels=2))
    assert logits.shape == (2, 5)
    nn.functional.cross_entropy(logits, torch.tensor([0, 3])).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        if not (".convolution" in name and name.endswith("bias")):
            assert parameter.grad.any(), name


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("fully_connected", [True, False])
@pytest.mark.parametrize(("frames", "size"), [(16, 32), (16, 64), (40, 80)])
def test_streams_tell_the_features_shape(flavour: str, fully_connected: bool, frames: int, size: int) -> None:
    """Heads are built from channels and steps that the features then have."""
    backbone = C3D(frames=frames, size=size, width=2, flavour=flavour, fully_connected=fully_connected)  # type: ignore[arg-type]
    (stream,) = backbone.streams
    assert stream == (Stream(128, 1) if fully_connected else Stream(16, frames // 16))
    assert backbone.eval()(clips(frames, size=size)).shape[1:3] == stream


def test_the_fully_connected_layers_fit_one_shape_of_clip() -> None:
    """The error names both shapes; without those layers any length and size will do."""
    with pytest.raises(ConfigError, match="clips of 16 x 64 x 64 and was given 16 x 32 x 32"):
        small()(clips(size=32))
    assert small(fully_connected=False).eval()(clips(24, size=32)).shape == (2, 5)


@pytest.mark.parametrize(("frames", "size"), [(8, 112), (16, 28)])
def test_too_small_a_clip_is_an_error(frames: int, size: int) -> None:
    """The poolings would leave nothing."""
    with pytest.raises(ConfigError, match=f"clips of {frames} frames of {size} x {size} pixels(.|\n)*16 frames or 32"):
        C3D(frames=frames, size=size)


def test_dropout_acts_between_the_fully_connected_layers_in_training() -> None:
    """Two passes of training differ, two of evaluation don't."""
    backbone = small(flavour="mmaction2").backbone
    assert not torch.equal(backbone(clips()), backbone(clips()))
    backbone.eval()
    assert torch.equal(backbone(clips()), backbone(clips()))


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_initial_weights_have_the_flavours_distribution(flavour: str) -> None:
    """Convolutions N(0, 0.01), or by their fan out in MMAction2; linear layers N(0, 0.005); biases 0."""
    model = small(width=16, flavour=flavour)
    for name, module in model.backbone.named_modules():
        if isinstance(module, nn.Linear | nn.Conv3d):
            std = 0.005 if isinstance(module, nn.Linear) else 0.01
            if isinstance(module, nn.Conv3d) and flavour == "mmaction2":
                std = (2 / (27 * module.out_channels)) ** 0.5
            assert module.weight.std().item() == pytest.approx(std, rel=0.05), name
            assert module.bias is not None
            assert not module.bias.any()


def test_fine_tuning_keeps_the_fully_connected_layers() -> None:
    """A new head replaces the last layer only; without those layers the file's are left aside as part of its head."""
    source = small()
    state = source.state_dict()
    names = LAYOUTS["Caffe2"].names(state, ["last_out_L5_w", "last_out_L5_b"])
    tensors = {theirs: state[ours] for ours, theirs in names.items() if isinstance(theirs, str)}
    target = small(num_classes=3)
    nn.init.zeros_(target.backbone.fully_connected.linear6.weight)  # type: ignore[arg-type, union-attr]
    assert load_into(target, tensors, replace_head=True).replaced == ("head.linear.weight", "head.linear.bias")
    for name, value in target.backbone.state_dict().items():
        assert torch.equal(value, state[f"backbone.{name}"]), name
    assert load_into(small(fully_connected=False), tensors, replace_head=True).fits
    with pytest.raises(WeightsError, match=r"not in the network: fc6_w, fc6_b, fc7_w, fc7_b"):
        load_into(small(fully_connected=False), tensors)
