"""The names in public files of residual networks, C3D and P3D: recognised, and each with one place."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from videobench.models.c3d import C3D
from videobench.models.classifier import Classifier
from videobench.models.heads.average import AveragePooling
from videobench.models.heads.head import Head
from videobench.models.p3d import P3D
from videobench.models.video_resnet import VideoResNet, video_resnet
from videobench.models.weights.carry import LAYOUTS, load_into

FILES = json.loads((Path(__file__).parents[1] / "data" / "peer_names.json").read_text())
BACKBONES: dict[str, type[C3D | P3D | VideoResNet]] = {"c3d": C3D, "p3d": P3D}


@pytest.mark.parametrize("file", FILES, ids=[row["file"] for row in FILES])
def test_public_files_load(file: dict[str, Any]) -> None:
    """Names and shapes are the file's, none missing and none beside, and its layout is recognised from them."""
    with torch.device("meta"):
        model = network(file["network"], num_classes=file["num_classes"])
        shapes = names_and_shapes(model, file["layout"], markers(file))
        tensors = {name: torch.empty(shape) for name, shape in shapes.items()}
    assert len(tensors) == file["num_tensors"]
    assert digest(shapes) == file["sha256"]
    report = load_into(model, tensors)
    assert report.layout == file["layout"]
    assert len(report.matched) == len(tensors)


@pytest.mark.parametrize(
    ("layout", "name"),
    [
        ("torchvision", "R(2+1)D"),
        ("torchvision", "ir-CSN"),
        ("torchvision", "ip-CSN"),
        ("MMAction2", "ir-CSN"),
        ("MMAction2", "ip-CSN"),
        ("Caffe2", "ip-CSN"),
    ],
)
def test_bottlenecks_come_back_under_every_layout(layout: str, name: str) -> None:
    """A deep network given another's weights under any names computes the same."""
    source, target = (deep(name, seed=seed) for seed in (0, 1))
    state = source.state_dict()
    names = LAYOUTS[layout].names(state, ["last_out_L3_w", "last_out_L3_b"])
    tensors = {theirs: state[ours].clone() for ours, theirs in names.items() if isinstance(theirs, str)}
    assert load_into(target, tensors).layout == layout
    clips = torch.randn(1, 3, 4, 32, 32)
    assert torch.equal(source.eval()(clips), target.eval()(clips))


def test_vmz_names_the_parts_of_ip_csn_one_after_another() -> None:
    """Pointwise convolution, norm and depthwise convolution are 0, 1 and 2 there; the norm after them comes next."""
    names = LAYOUTS["torchvision"].names(deep("ip-CSN").state_dict(), [])
    block = "backbone.group3.1."
    assert names[block + "convolution2.pointwise.weight"] == "layer2.1.conv2.0.0.weight"
    assert names[block + "convolution2.norm.bias"] == "layer2.1.conv2.0.1.bias"
    assert names[block + "convolution2.depthwise.weight"] == "layer2.1.conv2.0.2.weight"
    assert names[block + "norm2.running_var"] == "layer2.1.conv2.1.running_var"
    assert names[block + "norm3.weight"] == "layer2.1.conv3.1.weight"


def network(options: Mapping[str, Any], *, num_classes: int) -> Classifier:
    options = dict(options)
    kind = options.pop("type", None)
    if kind is None:
        return video_resnet(num_classes=num_classes, frames=8, **options)
    backbone = BACKBONES[kind](**options)
    return Classifier(backbone, Head([AveragePooling(stream) for stream in backbone.streams], num_classes=num_classes))


def deep(name: str, *, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    model = video_resnet(name, num_classes=3, frames=4, depth=50, width=4)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm3d):
            for parameter in (module.weight, module.bias, module.running_mean, module.running_var):
                assert parameter is not None
                nn.init.uniform_(parameter, 0.5, 1.5)
    return model


def markers(file: Mapping[str, Any]) -> list[str]:
    """The names in the file from which its layout depends."""
    if file["layout"] != "Caffe2":
        return []
    head = [f"last_out_L{file['num_classes']}_{parameter}" for parameter in "wb"]
    return [*head, "comp_0_conv_4_w"] if file["network"].get("name") == "ir-CSN" else head


def names_and_shapes(model: nn.Module, layout: str, theirs: Iterable[str]) -> dict[str, torch.Size]:
    state = model.state_dict()
    names = LAYOUTS[layout].names(state, theirs)
    return {name: state[ours].shape for ours, name in names.items() if isinstance(name, str)}


def digest(shapes: Mapping[str, torch.Size]) -> str:
    """sha256 of sorted lines: a tensor's name and the lengths of its axes over 1."""
    lines = [f"{name} {' '.join(str(length) for length in shape if length != 1)}" for name, shape in shapes.items()]
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()
