"""Every one of P1's networks, small enough to run."""

import pytest
import torch
from torch import nn

from videobench.errors import ConfigError
from videobench.models.complexity import count_parameters
from videobench.models.convolutions import middle_channels
from videobench.models.streams import Stream
from videobench.models.video_resnet import DEPTHS, FLAVOURS, NETWORKS, video_resnet

TEMPORAL = [name for name in NETWORKS if name != "f-R2D"]


def small(name: str, *, frames: int = 8, depth: int | None = None, **options: object) -> nn.Module:
    """A network of width 8, as shallow as there is one."""
    torch.manual_seed(0)
    depth = depth or (50 if "CSN" in name else 18)
    return video_resnet(name, num_classes=5, frames=frames, depth=depth, width=8, **options)  # type: ignore[arg-type]


def clips(frames: int = 8, *, channels: int = 3, size: int = 32) -> torch.Tensor:
    return torch.randn(2, channels, frames, size, size, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("name", NETWORKS)
def test_a_training_step_reaches_every_parameter(name: str, flavour: str) -> None:
    """Logits have one finite value per class, and every parameter gets a gradient that isn't all zero."""
    model = small(name, flavour=flavour).train()
    # What a norm adds before a depthwise convolution only shows where its output has several positions.
    logits = model(clips(size=64 if "CSN" in name else 32))
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


@pytest.mark.parametrize("depth", DEPTHS)
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
    assert backbone.streams == (Stream(channels=8 * width, steps=1),)


def test_deep_networks_are_four_times_as_wide() -> None:
    """From depth 50 blocks have 64 to 512 channels inside and 256 to 2048 outside, and M comes from the inner ones."""
    with torch.device("meta"):
        backbone = video_resnet("R(2+1)D", num_classes=5, frames=8, depth=50).backbone
    groups = [backbone.group2, backbone.group3, backbone.group4, backbone.group5]
    assert [group[0].convolution1.out_channels for group in groups] == [64, 128, 256, 512]
    assert [group[0].convolution2.spatial.out_channels for group in groups] == [144, 288, 576, 1152]
    assert [group[0].norm3.num_features for group in groups] == [256, 512, 1024, 2048]
    assert backbone.streams == (Stream(channels=2048, steps=1),)


@pytest.mark.parametrize("frames", [1, 3, 6, 8, 16])
@pytest.mark.parametrize("name", NETWORKS)
def test_streams_tell_the_features_shape(name: str, frames: int) -> None:
    """Heads are built from channels and steps that the features then have."""
    backbone = small(name, frames=frames).backbone.eval()
    (stream,) = backbone.streams
    assert backbone(clips(frames)).shape[1:3] == stream


@pytest.mark.parametrize("pooling", [True, False])
@pytest.mark.parametrize(("name", "stem"), [("R3D", (7, 7, 7)), ("R(2+1)D", (7, 1, 1))])
def test_kenshoharas_stem_sees_and_halves_time(name: str, stem: tuple[int, int, int], pooling: bool) -> None:
    """Its kernel spans 7 frames, and its pooling halves time too, which the stream's steps tell."""
    backbone = small(name, frames=18, flavour="kenshohara", stem_pooling=None if pooling else False).backbone.eval()
    kernels = {m.kernel_size for m in backbone.stem.modules() if isinstance(m, nn.Conv3d)}
    assert stem in kernels
    features = backbone(clips(18))
    assert features.shape[2:] == ((2, 1, 1) if pooling else (3, 2, 2))
    assert backbone.streams == (Stream(64, features.shape[2]),)


@pytest.mark.parametrize(("name", "own"), [("R3D", False), ("ip-CSN", True)])
def test_the_stems_pooling_halves_the_frame(name: str, own: bool) -> None:
    """It can be had or not, and only the channel-separated networks have it unless told otherwise."""
    sizes = {
        choice: small(name, depth=50, stem_pooling=choice).eval().backbone(clips(size=64)).shape[3:]
        for choice in (True, False, None)
    }
    assert sizes == {True: (2, 2), False: (4, 4), None: (2, 2) if own else (4, 4)}


@pytest.mark.parametrize("name", ["ir-CSN", "ip-CSN"])
def test_channel_separated_convolutions_mix_no_channels(name: str) -> None:
    """Every 3 x 3 x 3 convolution filters each channel by itself."""
    kernels = [m for m in small(name).modules() if isinstance(m, nn.Conv3d) and m.kernel_size == (3, 3, 3)]
    assert len(kernels) == 16
    assert all(kernel.groups == kernel.in_channels == kernel.out_channels for kernel in kernels)


@pytest.mark.parametrize("size", [32, 64, 80])
def test_any_input_size_and_flow(size: int) -> None:
    """The pooling takes whatever is left, and two channels of optical flow make a network too."""
    model = small("R(2+1)D", in_channels=2).eval()
    assert model(clips(channels=2, size=size)).shape == (2, 5)


def test_middle_channels_are_the_papers() -> None:
    """M makes a (2+1)D pair as heavy as the 3D convolution it replaces (P1, section 3.5)."""
    pairs = [(64, 64), (64, 128), (128, 128), (128, 256), (256, 256), (256, 512), (512, 512)]
    assert [middle_channels(*pair) for pair in pairs] == [144, 230, 288, 460, 576, 921, 1152]


@pytest.mark.parametrize(
    ("flavour", "stem", "middle"), [("caffe2", 45, 288), ("torchvision", 45, 230), ("kenshohara", 110, 288)]
)
def test_flavours_choose_the_middle_channels(flavour: str, stem: int, middle: int) -> None:
    """M is of each convolution, but torchvision's once a block; the stem's is fixed, but kenshohara's M as well."""
    with torch.device("meta"):
        model = video_resnet("R(2+1)D", num_classes=5, frames=8, flavour=flavour)  # type: ignore[arg-type]
    assert model.backbone.stem.convolution.spatial.out_channels == stem
    assert model.backbone.group3[0].convolution1.spatial.out_channels == 230
    assert model.backbone.group3[0].convolution2.spatial.out_channels == middle


@pytest.mark.parametrize(("flavour", "eps"), [("caffe2", 1e-3), ("torchvision", 1e-5), ("kenshohara", 1e-5)])
def test_flavours_choose_the_norms_epsilon(flavour: str, eps: float) -> None:
    """Every BatchNorm has the flavour's epsilon and keeps nine tenths of its running statistics."""
    norms = [m for m in small("R(2+1)D", flavour=flavour).modules() if isinstance(m, nn.BatchNorm3d)]
    assert {(norm.eps, norm.momentum) for norm in norms} == {(eps, 0.1)}
    assert len(norms) == 1 + 16 + 1 + 16 + 3


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_initial_weights_have_the_flavours_distribution(flavour: str) -> None:
    """Convolutions have standard deviation sqrt(2 / fan out); the last layer Xavier's bound, 0.01 or torch's own."""
    torch.manual_seed(0)
    model = video_resnet("R3D", num_classes=400, frames=8, width=32, flavour=flavour)  # type: ignore[arg-type]
    for module in model.modules():
        if isinstance(module, nn.Conv3d):
            fan_out = module.weight.numel() / module.in_channels
            assert module.weight.std().item() == pytest.approx((2 / fan_out) ** 0.5, rel=0.05)
    linear = model.head.linear
    assert linear.bias.any() == (flavour == "kenshohara")
    if flavour == "caffe2":
        bound = (3 / 256) ** 0.5
        assert 0.99 * bound < linear.weight.abs().max() <= bound
    elif flavour == "kenshohara":
        assert 0.99 / 16 < linear.weight.abs().max() <= 1 / 16
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


@pytest.mark.parametrize(
    ("name", "depth", "message"),
    [
        ("R3D", 51, r"no R3D of depth 51(.|\n)*10, 16, 18, 34, 50, 101, 152"),
        ("ir-CSN", 18, r"no ir-CSN of depth 18(.|\n)*Depths: 50, 101, 152"),
    ],
)
def test_an_unknown_depth_is_an_error(name: str, depth: int, message: str) -> None:
    """The error lists the depths there are; channel-separated networks need bottlenecks."""
    with pytest.raises(ConfigError, match=message):
        small(name, depth=depth)


def test_a_seed_gives_the_weights_it_always_gave() -> None:
    """Results on record depend on it: all is constructed, then the backbone's weights are drawn, then the head's."""
    model = small("R(2+1)D")
    seen = [*model.backbone.stem.convolution.spatial.weight.flatten()[:2], *model.head.linear.weight.flatten()[:2]]
    assert [value.item() for value in seen] == pytest.approx([0.0910317, 0.0583511, 0.1826151, 0.1691784], abs=1e-6)


def test_initialising_starts_anew() -> None:
    """Weights and statistics of a trained backbone are drawn again, from the generator alone."""
    trained, fresh = small("ip-CSN"), small("ip-CSN")
    trained.train()(clips()).sum().backward()
    for parameter in trained.parameters():
        nn.init.constant_(parameter, 0.5)
    for model in (trained, fresh):
        torch.manual_seed(1)
        model.backbone.initialise()
    for name, value in fresh.backbone.state_dict().items():
        assert torch.equal(trained.backbone.state_dict()[name], value), name


def test_the_head_can_be_exchanged() -> None:
    """A classifier is its backbone's features put through its head."""
    model = small("R3D").eval()
    with torch.no_grad():
        torch.testing.assert_close(model(clips()), model.head(model.backbone(clips())))
    assert count_parameters(model) == count_parameters(model.backbone) + count_parameters(model.head)
