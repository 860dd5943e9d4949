"""Every one of P1's networks, small enough to run."""

import pytest
import torch
from torch import nn

from videobench.errors import ConfigError
from videobench.models.complexity import count_parameters
from videobench.models.convolutions import middle_channels
from videobench.models.video_resnet import NETWORKS, NUM_BLOCKS, video_resnet

TEMPORAL = [name for name in NETWORKS if name != "f-R2D"]


def small(name: str, *, frames: int = 8, **options: object) -> nn.Module:
    torch.manual_seed(0)
    return video_resnet(name, num_classes=5, frames=frames, width=8, **options)  # type: ignore[arg-type]


def clips(frames: int = 8, *, channels: int = 3, size: int = 32) -> torch.Tensor:
    return torch.randn(2, channels, frames, size, size, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("flavour", ["caffe2", "torchvision"])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_training_step_reaches_every_parameter(name: str, flavour: str) -> None:
    """Logits have one finite value per class, and every parameter gets a gradient that isn't all zero."""
    model = small(name, flavour=flavour).train()
    logits = model(clips())
    assert logits.shape == (2, 5)
    assert logits.isfinite().all()
    nn.functional.cross_entropy(logits, torch.tensor([0, 3])).backward()
    for parameter_name, parameter in model.named_parameters():
        assert parameter.grad is not None, parameter_name
        assert parameter.grad.isfinite().all(), parameter_name
        assert parameter.grad.any(), parameter_name


@pytest.mark.parametrize("name", TEMPORAL)
def test_the_order_of_frames_changes_the_logits(name: str) -> None:
    """A network with a temporal kernel anywhere sees the difference between a clip and its reversal."""
    model = small(name).double().eval()
    forwards, backwards = model(clips().double()), model(clips().double().flip(2))
    assert (forwards - backwards).abs().max() > 1e-3 * forwards.square().mean().sqrt()


def test_f_r2d_is_blind_to_the_order_of_frames() -> None:
    """f-R2D gives a shuffled clip the same logits but for rounding."""
    model = small("f-R2D").double().eval()
    shuffled = clips().double()[:, :, [3, 7, 0, 5, 1, 6, 2, 4]]
    torch.testing.assert_close(model(shuffled), model(clips().double()), rtol=0, atol=1e-12)


@pytest.mark.parametrize("frames", [1, 2, 4, 6, 32])
@pytest.mark.parametrize("name", NETWORKS)
def test_any_clip_length_runs(name: str, frames: int) -> None:
    """Clips shorter and longer than P1's 8 and 16 frames give finite logits."""
    logits = small(name, frames=frames).eval()(clips(frames))
    assert logits.shape == (2, 5)
    assert logits.isfinite().all()


@pytest.mark.parametrize(
    ("name", "frames", "steps"),
    [
        ("R3D", 2, [2, 1, 1, 1]),
        ("R3D", 3, [3, 2, 2, 2]),
        ("R3D", 6, [6, 3, 2, 2]),
        ("R3D", 8, [8, 4, 2, 1]),
        ("R(2+1)D", 16, [16, 8, 4, 2]),
        ("MC4", 8, [8, 4, 4, 4]),
        ("rMC4", 8, [8, 8, 4, 2]),
        ("f-R2D", 8, [8, 8, 8, 8]),
        ("R2D", 8, [1, 1, 1, 1]),
    ],
)
def test_only_temporal_groups_stride_in_time(name: str, frames: int, steps: list[int]) -> None:
    """conv3_x to conv5_x halve time where they are temporal, and short clips keep it in the last two."""
    features = small(name, frames=frames).backbone.stem(clips(frames))
    seen = []
    for number in (2, 3, 4, 5):
        features = getattr(small(name, frames=frames).backbone, f"group{number}")(features)
        seen.append(features.shape[2])
    assert seen == steps
    assert features.shape[3:] == (2, 2)


def test_torchvisions_short_clips_stride_like_any_other() -> None:
    """torchvision's variant has no rule for short clips: 6 frames end as one step."""
    backbone = small("R3D", frames=6, flavour="torchvision").backbone
    assert backbone(clips(6)).shape[2] == 1


def test_the_wrong_clip_length_is_an_error_for_r2d_only() -> None:
    """R2D names both lengths; networks with local kernels take clips of another length."""
    with pytest.raises(ConfigError, match="built for clips of 8 frames and was given 16"):
        small("R2D", frames=8)(clips(16))
    for name in TEMPORAL:
        if name != "R2D":
            assert small(name, frames=8).eval()(clips(16)).shape == (2, 5)


@pytest.mark.parametrize("depth", NUM_BLOCKS)
def test_depth_counts_weighted_layers(depth: int) -> None:
    """A network of depth d has d convolutions and linear layers, shortcuts aside."""
    model = small("R3D", depth=depth)
    layers = [
        name
        for name, module in model.named_modules()
        if isinstance(module, nn.Conv3d | nn.Linear) and "shortcut" not in name
    ]
    assert len(layers) == depth


@pytest.mark.parametrize("width", [4, 8, 16, 32, 64])
def test_width_scales_every_channel_count(width: int) -> None:
    """Channels are the paper's times width / 64, R(2+1)D's stem included (45, rounded)."""
    with torch.device("meta"):
        backbone = video_resnet("R(2+1)D", num_classes=5, frames=8, width=width).backbone
    assert backbone.stem.convolution.spatial.out_channels == round(45 * width / 64)
    groups = [backbone.group2, backbone.group3, backbone.group4, backbone.group5]
    assert [group[0].norm2.num_features for group in groups] == [width, 2 * width, 4 * width, 8 * width]
    assert backbone.out_channels == 8 * width


@pytest.mark.parametrize("size", [32, 64, 80])
def test_any_input_size_and_flow(size: int) -> None:
    """The pooling takes whatever is left, and two channels of optical flow make a network too."""
    model = small("R(2+1)D", in_channels=2).eval()
    assert model(clips(channels=2, size=size)).shape == (2, 5)


def test_middle_channels_are_the_papers() -> None:
    """M makes a (2+1)D pair as heavy as the 3D convolution it replaces (P1, section 3.5)."""
    pairs = [(64, 64), (64, 128), (128, 128), (128, 256), (256, 256), (256, 512), (512, 512)]
    assert [middle_channels(*pair) for pair in pairs] == [144, 230, 288, 460, 576, 921, 1152]


@pytest.mark.parametrize(("flavour", "middle"), [("caffe2", 288), ("torchvision", 230)])
def test_flavours_choose_the_middle_channels(flavour: str, middle: int) -> None:
    """The authors compute M for each convolution, torchvision once a block."""
    with torch.device("meta"):
        model = video_resnet("R(2+1)D", num_classes=5, frames=8, flavour=flavour)  # type: ignore[arg-type]
    assert model.backbone.group3[0].convolution1.spatial.out_channels == 230
    assert model.backbone.group3[0].convolution2.spatial.out_channels == middle


@pytest.mark.parametrize(("flavour", "eps"), [("caffe2", 1e-3), ("torchvision", 1e-5)])
def test_flavours_choose_the_norms_epsilon(flavour: str, eps: float) -> None:
    """Every BatchNorm has the flavour's epsilon and keeps nine tenths of its running statistics."""
    norms = [m for m in small("R(2+1)D", flavour=flavour).modules() if isinstance(m, nn.BatchNorm3d)]
    assert {(norm.eps, norm.momentum) for norm in norms} == {(eps, 0.1)}
    assert len(norms) == 1 + 16 + 1 + 16 + 3


@pytest.mark.parametrize("flavour", ["caffe2", "torchvision"])
def test_initial_weights_have_the_flavours_distribution(flavour: str) -> None:
    """Convolutions have standard deviation sqrt(2 / fan out); the last layer Xavier's bound or 0.01."""
    torch.manual_seed(0)
    model = video_resnet("R3D", num_classes=400, frames=8, width=32, flavour=flavour)  # type: ignore[arg-type]
    for module in model.modules():
        if isinstance(module, nn.Conv3d):
            fan_out = module.weight.numel() / module.in_channels
            assert module.weight.std().item() == pytest.approx((2 / fan_out) ** 0.5, rel=0.05)
    linear = model.head.linear
    assert not linear.bias.any()
    bound = (3 / 256) ** 0.5
    if flavour == "caffe2":
        assert 0.99 * bound < linear.weight.abs().max() <= bound
    else:
        assert linear.weight.std().item() == pytest.approx(0.01, rel=0.02)


def test_dropout_acts_in_training_only() -> None:
    """Dropout stands before the last layer and is off in evaluation."""
    model = small("f-R2D", dropout=0.5)
    features = torch.ones(4, 64, 2, 2, 2)
    assert not torch.equal(model.head(features), model.head(features))
    model.eval()
    assert torch.equal(model.head(features), model.head(features))


def test_an_unknown_network_is_named_with_its_nearest() -> None:
    """The error says what was asked, the nearest name and all names."""
    with pytest.raises(ConfigError, match=r"no network 'R\(2\+1\)'; did you mean 'R\(2\+1\)D'") as caught:
        small("R(2+1)")
    assert "rMC5" in str(caught.value)


def test_an_unknown_depth_is_an_error() -> None:
    """Depths made of bottlenecks aren't basic-block networks."""
    with pytest.raises(ConfigError, match=r"no depth 50(.|\n)*10, 16, 18, 34"):
        small("R3D", depth=50)


def test_the_head_can_be_exchanged() -> None:
    """A classifier is its backbone's features put through its head."""
    model = small("R3D").eval()
    with torch.no_grad():
        torch.testing.assert_close(model(clips()), model.head(model.backbone(clips())))
    assert count_parameters(model) == count_parameters(model.backbone) + count_parameters(model.head)
