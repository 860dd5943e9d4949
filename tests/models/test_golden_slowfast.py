"""SlowFast number by number against PySlowFast and P2's code, in float64; its files' names against their lists."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import torch
from golden_rule import golden_clips, golden_tensor, largest_deviation, tensor
from torch import Size, Tensor

from videobench.models.classifier import Classifier
from videobench.models.complexity import count_macs, count_parameters
from videobench.models.heads.average import AveragePooling
from videobench.models.heads.bert import BertPooling
from videobench.models.heads.head import Head
from videobench.models.slowfast import SlowFast
from videobench.models.weights.carry import load_into, placed

GOLDEN = json.loads((Path(__file__).parent / "data/golden_slowfast.json").read_text())
NETWORKS = GOLDEN["networks"]
SETTINGS: dict[str, dict[str, Any]] = {
    "pyslowfast_8x8_r50": {"fast_stride": 1},
    "ptv_slowfast_r50_8x8": {"fast_stride": 1},
    "mma_slowfast_r50": {"fast_stride": 1, "alpha": 8, "fusion_kernel": 5, "flavour": "mmaction2"},
    "ltm_rgb_slowfast64f_50": {},
    "ltm_rgb_slowfast64f_50_bert10_FRAB_late": {"reduction": "addition"},
    "ltm_rgb_slowfast64f_50_bert10_FRAB_early": {"reduction": "addition", "fusion": "early"},
    "ltm_rgb_slowfast64f_50_bert10_FRMB_late": {"reduction": "modification"},
    "ltm_rgb_slowfast64f_50_bert10_FRMB_early": {"reduction": "modification", "fusion": "early"},
}
LAYOUTS = {
    "pyslowfast": "PySlowFast",
    "ptv": "PyTorchVideo SlowFast",
    "mma": "MMAction2 SlowFast",
    "ltm": "LateTemporal SlowFast",
}
CAFFE2_BLOBS = {
    "backbone.slow.stem.convolution.weight": "conv1_w",
    "backbone.slow.stem.norm.running_var": "res_conv1_bn_riv",
    "backbone.fast.stem.norm.weight": "t_res_conv1_bn_s",
    "backbone.laterals.0.convolution.weight": "t_pool1_subsample_w",
    "backbone.laterals.3.norm.bias": "t_res4_5_branch2c_bn_subsample_bn_b",
    "backbone.slow.group3.0.shortcut.convolution.weight": "res3_0_branch1_w",
    "backbone.fast.group5.2.norm2.running_mean": "t_res5_2_branch2b_bn_rm",
    "head.linear.bias": "pred_b",
}
FAST = ("ltm_rgb_slowfast64f_50_bert10_FRAB_late", "clip")
TOLERANCE = 1e-10  # of the rms; a wrong BatchNorm epsilon shows as 6e-3


@pytest.mark.parametrize("name", NETWORKS)
def test_sizes_are_the_authors(name: str) -> None:
    """Parameters and multiply-accumulates agree to the last one, P2's without the 400-class head it never uses."""
    with torch.device("meta"):
        model = network(name)
    assert count_parameters(model) == NETWORKS[name]["params"]
    if "macs" in NETWORKS[name]:
        assert count_macs(model, (1, 3, frames_of(name), 224, 224)) == NETWORKS[name]["macs"]


@pytest.mark.parametrize("name", NETWORKS)
def test_the_files_load(name: str) -> None:
    """Every name and shape in their files has its place, is recognised, and there are no others."""
    with torch.device("meta"):
        model = network(name)
        shapes = files_shapes(name, model)
        tensors = {theirs: torch.empty(shape) for theirs, shape in shapes.items()}
        unused = {"model.head.projection.bias": torch.empty(400)} if "bert10" in name else {}
    lines = sorted(f"{theirs} {list(shape)}" for theirs, shape in shapes.items())
    assert len(lines) == NETWORKS[name]["tensors"]
    assert hashlib.sha256("\n".join(lines).encode()).hexdigest() == NETWORKS[name]["sha256"]
    report = load_into(model, tensors | unused)
    assert report.layout == layout_of(name)
    assert set(report.matched) == set(model.state_dict())
    assert set(report.unused) == set(unused)


@pytest.mark.parametrize("name", [name for name in NETWORKS if "bert10" in name])
def test_reduced_networks_start_from_pyslowfasts_weights(name: str) -> None:
    """As P2 does: all but the reducing blocks and the head is taken over."""
    with torch.device("meta"):
        pretrained, model = network("pyslowfast_8x8_r50"), network(name)
        shapes = files_shapes("pyslowfast_8x8_r50", pretrained)
        report = load_into(model, {each: torch.empty(shape) for each, shape in shapes.items()}, replace_head=True)
    paths = ["slow", "fast"] if "early" in name else ["slow"]
    place = "reduction" if "FRAB" in name else "group5.2"
    new = tuple(f"backbone.{path}.{place}." for path in paths)
    assert {each for each in report.replaced if not each.startswith("head.")} == {
        each for each in model.state_dict() if each.startswith(new)
    }


def test_another_head_starts_from_a_file_with_bert() -> None:
    """Both of P2's BERTs and the classifiers, used and unused, are left aside when the head is replaced."""
    name = "ltm_rgb_slowfast64f_50_bert10_FRMB_late"
    with torch.device("meta"):
        tensors = {theirs: torch.empty(shape) for theirs, shape in files_shapes(name, network(name)).items()}
        tensors["model.head.projection.bias"] = torch.empty(400)
        backbone = SlowFast(frames=64, **SETTINGS[name])
        model = Classifier(backbone, Head([AveragePooling(stream) for stream in backbone.streams], num_classes=5))
    report = load_into(model, tensors, replace_head=True)
    assert len(report.matched) == len(backbone.state_dict())
    assert report.replaced == ("head.linear.weight", "head.linear.bias")


@pytest.mark.parametrize(
    ("name", "direction"),
    [
        pytest.param(name, direction, marks=[] if (name, direction) == FAST else [pytest.mark.slow])
        for name in GOLDEN["cases"]
        for direction in ("clip", "reversed")
    ],
)
def test_logits_are_the_authors(name: str, direction: str) -> None:
    """They agree on a clip, as both paths' features do stage by stage, and on the reversed clip."""
    case = GOLDEN["cases"][name]
    model = golden_model(name)
    outputs = stage_outputs(model)
    clips = torch.from_numpy(golden_clips(case["input_shape"])).double()
    with torch.no_grad():
        logits = model(clips.flip(2) if direction == "reversed" else clips)
    expected = case[direction]
    assert largest_deviation(logits, expected["logits"]) < TOLERANCE
    for stage, paths in expected["stages"].items():
        for found, numbers in zip(outputs[stage], paths, strict=True):
            assert list(found.shape) == numbers["shape"], stage
            statistics = torch.stack([found.mean(), found.square().mean().sqrt(), *found.flatten()[:3]])
            difference = statistics - tensor([numbers["mean"], numbers["rms"], *numbers["first3"]])
            assert difference.abs().max() < TOLERANCE * max(1, numbers["rms"]), stage


def test_the_blobs_of_pyslowfasts_caffe2_files_load() -> None:
    """All 552 have a place, under the names that PySlowFast's own reader knows; the optimiser's are left aside."""
    with torch.device("meta"):
        model = network("pyslowfast_8x8_r50")
        state = model.state_dict()
        names = placed(state, [], "PySlowFast Caffe2")
        blobs = {theirs: torch.empty(state[ours].shape) for ours, (theirs,) in names.items()}
        optimiser = {name: torch.empty(1) for name in ("lr", "model_iter", "pred_w_momentum")}
    assert len(blobs) == 552
    report = load_into(model, blobs | optimiser)
    assert report.layout == "PySlowFast Caffe2"
    assert set(report.unused) == set(optimiser)
    assert {ours: names[ours] for ours in CAFFE2_BLOBS} == {ours: (blob,) for ours, blob in CAFFE2_BLOBS.items()}


def network(name: str) -> Classifier:
    backbone = SlowFast(frames=frames_of(name), **SETTINGS[name])
    pooling = BertPooling if "bert10" in name else AveragePooling
    num_classes = 51 if name.startswith("ltm_") else 400
    return Classifier(backbone, Head([pooling(stream) for stream in backbone.streams], num_classes=num_classes))


def frames_of(name: str) -> int:
    return 64 if name.startswith("ltm_") else 32


def layout_of(name: str) -> str:
    return LAYOUTS[name.partition("_")[0]]


def files_names(name: str, ours: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Our names to those in a file, of which P2's have two for a block in place of another."""
    blocks = ["mapper_slow", "mapper_fast"] if "early" in name else ["mapper"]
    if "FRMB" in name:
        blocks += [f"model.s5.pathway{path}_res2" for path in range(len(blocks))]
    return placed(ours, [f"{block}.{tensor}" for block in blocks for tensor in GOLDEN["block"]], layout_of(name))


def files_shapes(name: str, model: Classifier) -> dict[str, Size]:
    """Names and shapes of the tensors in a file."""
    state = model.state_dict()
    names = files_names(name, state)
    return {theirs: state[ours].shape for ours, several in names.items() for theirs in several}


def golden_model(name: str) -> Classifier:
    """The network in float64 with the weights that the rule gives for the names in a file, the last of several."""
    with torch.device("meta"):  # the initial weights aren't wanted
        model = network(name)
    model = model.to_empty(device="cpu").double().eval()
    state = model.state_dict()
    tensors = {}
    for ours, theirs in files_names(name, state).items():
        if not ours.endswith("num_batches_tracked"):
            values = torch.from_numpy(golden_tensor(theirs[0], state[ours].shape))
            tensors |= dict.fromkeys(theirs, values)
    load_into(model, tensors)
    return model


def stage_outputs(model: Classifier) -> dict[str, list[Tensor]]:
    """What the next forward pass fills with the outputs of both paths' stages, by their names in PySlowFast."""
    outputs: dict[str, list[Tensor]] = {}
    for path in (model.backbone.slow, model.backbone.fast):
        for number, module in enumerate(list(path.children())[:5], start=1):
            given, made = outputs.setdefault(f"s{number - 1}_fuse", []), outputs.setdefault(f"s{number}", [])
            module.register_forward_pre_hook(lambda _, inputs, given=given: given.extend(inputs))
            module.register_forward_hook(lambda *call, made=made: made.append(call[-1]))
    reduced = outputs["mapper"] = []
    model.backbone.slow.reduction.register_forward_hook(lambda *call: reduced.append(call[-1]))
    return outputs
