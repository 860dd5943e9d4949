"""Weights of other implementations find their place by name, all of them or none."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from videobench.errors import WeightsError
from videobench.models.video_resnet import video_resnet
from videobench.models.weights.carry import load_into, placed

OF_VIDEO_RESNETS = ("videobench", "torchvision", "Caffe2")
CHECKPOINTS = json.loads((Path(__file__).parents[1] / "data" / "checkpoint_tensors.json").read_text())


@pytest.mark.parametrize("file", CHECKPOINTS["files"], ids=[row["file"] for row in CHECKPOINTS["files"]])
def test_public_checkpoints_load_strictly(file: dict[str, Any]) -> None:
    """Each tensor of the file has one place of its own shape, and no place stays empty."""
    names = CHECKPOINTS["names"][file["names"]]
    num_classes = file["shapes"][names.index("fc.bias") if "fc.bias" in names else -1][0]
    with torch.device("meta"):
        tensors = {name: torch.empty(shape) for name, shape in zip(names, file["shapes"], strict=True)}
        model = video_resnet(
            file["network"],
            num_classes=num_classes,
            frames=file["frames"],
            depth=file["depth"],
            flavour=file["flavour"],
        )
    report = load_into(model, tensors)
    assert report.layout == ("Caffe2" if file["file"].startswith("c2_") else "torchvision")
    with_counters = report.layout == "torchvision"
    assert len(report.matched) == len(tensors)
    assert len(model.state_dict()) - len(tensors) == (0 if with_counters else num_norms(model))
    assert report.fits
    assert not report.replaced


@pytest.mark.parametrize("layout", OF_VIDEO_RESNETS)
@pytest.mark.parametrize("name", ["R2D", "MC3", "R(2+1)D"])
def test_weights_come_back_under_every_layout(name: str, layout: str) -> None:
    """A network given another's weights under any names computes the same."""
    source, target = small(name, seed=0), small(name, seed=1)
    load_into(target, renamed(source, layout), where="file")
    clips = torch.randn(2, 3, 8, 32, 32)
    assert torch.equal(source.eval()(clips), target.eval()(clips))


def test_batch_counters_are_optional() -> None:
    """Files from before PyTorch 0.4.1 have no num_batches_tracked."""
    tensors = {
        name: value
        for name, value in renamed(small("R3D"), "torchvision").items()
        if not name.endswith("num_batches_tracked")
    }
    assert load_into(small("R3D", seed=1), tensors).fits


def test_every_misfit_is_named_at_once() -> None:
    """Missing, extra and misshapen tensors stand in one error, and the model stays as it was."""
    model = small("R3D")
    tensors = renamed(small("R3D", seed=1), "torchvision")
    tensors["aux.weight"] = torch.zeros(3)
    tensors["layer1.0.conv1.0.weight"] = torch.zeros(8, 8, 1, 3, 3)
    del tensors["stem.1.bias"]
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(WeightsError) as caught:
        load_into(model, tensors, where="r3d_18.pth")
    text = str(caught.value)
    assert text.startswith("r3d_18.pth: the weights (torchvision names")
    assert "1 missing from the file: backbone.stem.norm.bias (stem.1.bias)" in text
    assert "1 not in the network: aux.weight" in text
    assert "file [8, 8, 1, 3, 3], network [8, 8, 3, 3, 3]" in text
    assert "clip length (R2D) and flavour" in text
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]), name


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda tensor: tensor.mul(10).to(torch.int8), "int8"),
        (lambda tensor: tensor.to(torch.complex64), "complex64"),
        (lambda tensor: torch.full_like(tensor, torch.nan), "NaN or infinite"),
    ],
)
def test_values_that_no_network_has_are_refused(damage: Callable[[Tensor], Tensor], said: str) -> None:
    """A quantised file needs its scales, and a file with NaN is damaged: shapes alone don't make them fit."""
    tensors = renamed(small("R3D", seed=1), "torchvision")
    tensors["stem.0.weight"] = damage(tensors["stem.0.weight"])
    message = rf"1 of no proper values: backbone\.stem\.convolution\.weight \(stem\.0\.weight\): {said}"
    with pytest.raises(WeightsError, match=message):
        load_into(small("R3D"), tensors)


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64, torch.float8_e4m3fn])
def test_any_floating_point_numbers_fit(kind: torch.dtype) -> None:
    """They are converted to the network's own."""
    source, model = small("R3D", seed=1), small("R3D")
    load_into(model, {name: tensor.to(kind) for name, tensor in renamed(source, "torchvision").items()})
    expected = source.backbone.stem.convolution.weight.to(kind).float()
    assert torch.equal(model.backbone.stem.convolution.weight, expected)


def test_an_error_names_the_network_that_was_wanted() -> None:
    """Not what the file's names would make of it, and nothing about classes that are to be replaced."""
    model = small("R3D", num_classes=7)
    i3d = {"Conv3d_1a_7x7.conv3d": (64, 3, 7, 7, 7), "logits.conv3d": (4, 1024, 1, 1, 1)}
    with pytest.raises(WeightsError) as caught:
        load_into(model, {f"{name}.weight": torch.zeros(shape) for name, shape in i3d.items()})
    assert caught.value.hint == "The file is of I3D, 4 classes, RGB."
    tensors = renamed(small("R3D"), "torchvision")
    del tensors["stem.1.bias"]
    with pytest.raises(WeightsError) as caught:
        load_into(model, tensors, replace_head=True)
    assert "classes" not in str(caught.value)


def test_long_lists_of_misfits_are_cut() -> None:
    """The weights of a deeper network name the first extra tensors and count the rest."""
    with pytest.raises(WeightsError, match=r"not in the network: layer1\.2\.(.|\n)* and \d+ more"):
        load_into(small("R3D"), renamed(small("R3D", depth=34), "torchvision"))


def test_other_clip_lengths_of_r2d_are_reshaped() -> None:
    """R2D's weights for 8 frames don't fit R2D for 16."""
    with pytest.raises(WeightsError, match=r"file \[8, 3, 8, 7, 7\], network \[8, 3, 16, 7, 7\]"):
        load_into(small("R2D", frames=16), renamed(small("R2D"), "Caffe2"))


@pytest.mark.parametrize("layout", OF_VIDEO_RESNETS)
def test_another_number_of_classes_needs_a_new_head(layout: str) -> None:
    """The error says so; with `replace_head` the backbone is carried and the head keeps its own values."""
    model, tensors = small("R3D", num_classes=7), renamed(small("R3D", seed=1), layout)
    with pytest.raises(WeightsError, match=r"head\.linear\.weight(.|\n)*finetune EXPERIMENT --from FILE"):
        load_into(model, tensors)
    head = model.head.linear.weight.clone()
    report = load_into(model, tensors, replace_head=True)
    assert report.replaced == ("head.linear.weight", "head.linear.bias")
    assert torch.equal(model.head.linear.weight, head)
    expected = small("R3D", seed=1).backbone.group5[1].convolution2.weight
    assert torch.equal(model.backbone.group5[1].convolution2.weight, expected)


def test_a_replaced_head_may_be_absent() -> None:
    """A file of a backbone alone fits when the head is new anyway."""
    tensors = {k: v for k, v in renamed(small("R3D"), "torchvision").items() if not k.startswith("fc.")}
    assert load_into(small("R3D"), tensors, replace_head=True).fits
    with pytest.raises(WeightsError, match=r"2 missing from the file: head\.linear"):
        load_into(small("R3D"), tensors)


def test_unknown_names_are_an_error() -> None:
    """A file in no known layout says how its names begin and which are known."""
    with pytest.raises(WeightsError, match=r"begins with encoder\.weight(.|\n)*torchvision, Caffe2"):
        load_into(small("R3D"), {"encoder.weight": torch.zeros(3)}, where="other.pth")


def test_weights_keep_the_networks_precision() -> None:
    """float64 networks take float32 weights, and stay float64."""
    model = small("R3D").double()
    load_into(model, renamed(small("R3D", seed=1), "Caffe2"))
    assert model.backbone.stem.norm.weight.dtype == torch.float64
    assert torch.equal(model.head.linear.weight, small("R3D", seed=1).head.linear.weight.double())


def small(name: str, *, frames: int = 8, num_classes: int = 5, seed: int = 0, depth: int = 18) -> nn.Module:
    """A network of width 8 whose norms aren't all alike."""
    torch.manual_seed(seed)
    model = video_resnet(name, num_classes=num_classes, frames=frames, width=8, depth=depth)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm3d):
            for tensor in (module.weight, module.bias, module.running_mean, module.running_var):
                assert tensor is not None
                nn.init.uniform_(tensor, 0.5, 1.5)
    return model


def renamed(model: nn.Module, layout: str) -> dict[str, Tensor]:
    """A model's tensors under the names of a layout."""
    state = model.state_dict()
    num_classes = len(state["head.linear.bias"])
    head = [f"last_out_L{num_classes}_w", f"last_out_L{num_classes}_b"] if layout == "Caffe2" else []
    return {theirs[0]: state[ours].clone() for ours, theirs in placed(state, head, layout).items()}


def num_norms(model: nn.Module) -> int:
    return sum(isinstance(module, nn.BatchNorm3d) for module in model.modules())
