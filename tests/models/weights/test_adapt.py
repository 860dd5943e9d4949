"""Tensors made to fit another network than theirs: what each operation computes, and that nothing happens unasked."""

import pytest
import torch
from torch import Tensor

from videobench.errors import WeightsError
from videobench.models.classifier import Classifier
from videobench.models.heads.bert import BertPooling
from videobench.models.heads.head import Head
from videobench.models.streams import Stream
from videobench.models.video_resnet import VideoResNet, video_resnet
from videobench.models.weights.adapt import Operation
from videobench.models.weights.carry import load_into


def test_a_stem_for_flow_is_the_mean_over_the_colours() -> None:
    """Each of the two directions gets it, times 1.5 in P2's way, which gives equal channels what they gave before."""
    rgb = video_resnet("R(2+1)D", num_classes=3, frames=4, width=8)
    stem = rgb.get_parameter("backbone.stem.convolution.spatial.weight")
    for operation, factor in (("flow_stem", 1.0), ("flow_stem_x1.5", 1.5)):
        flow = video_resnet("R(2+1)D", num_classes=3, frames=4, width=8, in_channels=2)
        report = load_into(flow, rgb.state_dict(), adapt=[operation])  # type: ignore[list-item]
        own = flow.get_parameter("backbone.stem.convolution.spatial.weight")
        assert torch.allclose(own[:, 0], factor * stem.mean(dim=1))
        assert torch.equal(own[:, 0], own[:, 1])
        assert report.adapted == (f"backbone.stem.convolution.spatial.weight: {operation}",)
    grey = torch.ones(1, 1, 4, 16, 16)
    assert torch.allclose(
        flow.backbone.get_submodule("stem.convolution.spatial")(grey.expand(-1, 2, -1, -1, -1)),
        rgb.backbone.get_submodule("stem.convolution.spatial")(grey.expand(-1, 3, -1, -1, -1)),
        atol=1e-5,
    )


THEIRS = (
    ("backbone.", ""), ("head.linear", "fc"), ("stem.convolution", "conv1"), ("stem.norm", "bn1"),
    ("shortcut.convolution", "downsample.0"), ("shortcut.norm", "downsample.1"),
    ("convolution", "conv"), ("norm", "bn"), ("group2", "layer1"), ("group3", "layer2"), ("group4", "layer3"),
    ("group5", "layer4"),
)  # fmt: skip


def test_the_error_names_the_operation_that_helps() -> None:
    """An RGB file for a network on flow, which is all that keeps it from fitting."""
    rgb, flow = (video_resnet("R3D", num_classes=3, frames=4, width=4, in_channels=channels) for channels in (3, 2))
    with pytest.raises(WeightsError, match=r"makes it fit: adapt: \[flow_stem or flow_stem_x1\.5\]"):
        load_into(flow, rgb.state_dict())
    lacking = {name: tensor for name, tensor in rgb.state_dict().items() if not name.endswith("group5.1.norm2.bias")}
    with pytest.raises(WeightsError) as caught:
        load_into(flow, lacking)
    assert "flow_stem" not in str(caught.value)


def image_weights(model: Classifier) -> dict[str, Tensor]:
    """A ResNet for images of the same blocks, under torchvision's names."""
    torch.manual_seed(1)
    tensors = {}
    for name, own in model.state_dict().items():
        for ours, theirs in THEIRS:
            name = name.replace(ours, theirs)
        shape = (*own.shape[:2], *own.shape[3:]) if own.dim() == 5 else own.shape
        tensors[name] = torch.rand(shape).to(own.dtype)
    return tensors


@pytest.mark.parametrize("name", ["f-R2D", "R3D", "MC3"])
def test_an_inflated_network_sees_a_still_video_as_the_image(name: str) -> None:
    """Inside of the clip, where no padding is seen, a 3D convolution gives what that of images gave."""
    model = video_resnet(name, num_classes=3, frames=8, width=8)
    tensors = image_weights(model)
    if name != "f-R2D":  # whose convolutions are those of images already
        with pytest.raises(WeightsError, match=r"ResNet for images: `adapt: \[inflate\]`"):
            load_into(model, tensors)
    report = load_into(model, tensors, adapt=["inflate"])
    assert report.layout == "kenshohara"
    assert "backbone.stem.convolution.weight: inflate" in report.adapted
    image = torch.rand(1, 3, 16, 16)
    video = image[:, :, None].expand(-1, -1, 9, -1, -1)
    expected = torch.nn.functional.conv2d(image, tensors["conv1.weight"], stride=2, padding=3)
    found = model.backbone.get_submodule("stem.convolution")(video)
    assert torch.allclose(found[:, :, 4], expected, atol=1e-4)


def with_bert(frames: int) -> Classifier:
    backbone = VideoResNet("R(2+1)D", frames=frames, width=2)
    (stream,) = backbone.streams
    return Classifier(backbone, Head([BertPooling(Stream(16, stream.steps), heads=2)], num_classes=3))


def test_positions_are_interpolated_for_another_clip_length() -> None:
    """The class token keeps its own; clips of the same length need nothing done."""
    short, long = with_bert(16), with_bert(64)
    with pytest.raises(WeightsError, match=r"head\.poolings\.0\.positions(.|\n)*adapt: \[positions\]"):
        load_into(long, short.state_dict())
    report = load_into(long, short.state_dict(), adapt=["positions"])
    assert report.adapted == ("head.poolings.0.positions: positions",)
    (name,) = (name for name in short.state_dict() if name.endswith("positions"))
    before, after = short.get_parameter(name), long.get_parameter(name)
    assert torch.equal(before[:, 0], after[:, 0])
    assert torch.allclose(before[:, 1:].mean(dim=1), after[:, 1:].mean(dim=1), atol=1e-5)


@pytest.mark.parametrize("operation", ["flow_stem", "inflate", "positions"])
def test_an_operation_that_changes_nothing_is_an_error(operation: Operation) -> None:
    """What was asked for can't be done to this file: it is not what its user takes it for."""
    model = video_resnet("R3D", num_classes=3, frames=4, width=2)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(WeightsError, match="no tensor of it has a use for"):
        load_into(model, model.state_dict(), adapt=[operation], where="a.pth")
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
