"""ResNeXt101 and I3D number by number against their authors' and P2's code, in float64; their files' names."""

import hashlib
import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from golden_rule import golden_clips, golden_tensor, largest_deviation, tensor
from torch import Tensor, nn

from videobench.models.classifier import Classifier
from videobench.models.complexity import count_macs, count_parameters
from videobench.models.heads.average import AveragePooling
from videobench.models.heads.bert import BertPooling
from videobench.models.heads.concatenation import Concatenation
from videobench.models.heads.head import Head
from videobench.models.heads.lstm import LstmPooling
from videobench.models.heads.non_local import NonLocalConcatenation
from videobench.models.inception import I3D
from videobench.models.resnext import ResNeXt
from videobench.models.weights.carry import load_into, placed

GOLDEN = json.loads((Path(__file__).parent / "data/golden_resnext_and_i3d.json").read_text())
NETWORKS = {row["name"]: row for row in GOLDEN["networks"]}
POOLINGS: dict[str, Any] = {
    "average": AveragePooling,
    "concatenation": Concatenation,
    "lstm": LstmPooling,
    "non_local": NonLocalConcatenation,
    "bert": BertPooling,
    "bert of I3D": partial(BertPooling, initialisation="scaled", normalise_tokens=True),
}
GAIN = {"resnext": 1.0, "i3d": 2**0.5}  # of the rule's weights
FAST = {"kensho_resnext101_16f", "ltm_rgb_I3D64f_bert2_FRAB"}
NAMES = [pytest.param(name, marks=[] if name in FAST else [pytest.mark.slow]) for name in NETWORKS]
FILES = [case for case in NAMES if "tensors" in NETWORKS[case.values[0]]]
LOGITS = [case for case in NAMES if "logits" in NETWORKS[case.values[0]]]
TOLERANCE = 1e-10  # of the rms; a wrong BatchNorm epsilon shows as 6e-3
SINGLE_PRECISION_TOLERANCE = 1e-4


@pytest.mark.parametrize("name", NAMES)
def test_sizes_are_the_authors(name: str) -> None:
    """Parameters and multiply-accumulates agree to the last one."""
    row = NETWORKS[name]
    with torch.device("meta"):
        model = network(name)
    size = 224 if row["backbone"] == "i3d" else 112
    assert count_parameters(model) == row["params"]
    if "macs" in row:
        assert count_macs(model, (1, row["in_channels"], row["frames"], size, size)) == row["macs"]


@pytest.mark.parametrize("name", FILES)
def test_the_authors_files_load(name: str) -> None:
    """Their names are recognised, and every name and shape in their files has its place, and no other."""
    row = NETWORKS[name]
    with torch.device("meta"):
        model = network(name)
        tensors = {theirs: torch.empty(shape) for theirs, shape in file_shapes(name, model).items()}
    lines = sorted(f"{theirs} {list(value.shape)}" for theirs, value in tensors.items())
    assert len(lines) == row["tensors"]
    assert hashlib.sha256("\n".join(lines).encode()).hexdigest() == row["sha256"]
    report = load_into(model, tensors)
    assert report.layout == row["layout"]
    assert set(report.matched) == set(model.state_dict())


@pytest.mark.parametrize("name", LOGITS)
def test_logits_are_the_authors(name: str) -> None:
    """They agree forwards and on the reversed clip, stage by stage; and in float32 to its accuracy."""
    row = NETWORKS[name]
    model = golden_model(name)
    stages = stage_outputs(model)
    clips = torch.from_numpy(golden_clips(row["input_shape"])).double()
    with torch.no_grad():
        logits = model(clips)
        assert largest_deviation(logits, row["logits"]) < TOLERANCE
        for stage, expected in row["stages"].items():
            found = stages[stage]
            assert list(found.shape) == expected["shape"], stage
            statistics = torch.stack([found.mean(), found.square().mean().sqrt(), *found.flatten()[:3]])
            difference = statistics - tensor([expected["mean"], expected["rms"], *expected["first3"]])
            assert difference.abs().max() < TOLERANCE * max(1, expected["rms"]), stage
        assert largest_deviation(model(clips.flip(2)), row["time_reversed"]) < TOLERANCE
        single = model.float()(clips.float()).double()
    assert (single - logits).abs().max() < SINGLE_PRECISION_TOLERANCE * logits.square().mean().sqrt()


@pytest.mark.slow
def test_i3ds_prediction_at_each_time_step() -> None:
    """piergiaj's network classifies each two neighbouring steps; ours does on their average. All sizes are odd."""
    case = GOLDEN["i3d_each_step"]
    model = golden_model("piergiaj_i3d_rgb")
    clips = torch.from_numpy(golden_clips(case["input_shape"])).double()
    with torch.no_grad():
        features = model.backbone(clips)  # [1, 1024, 3, 7, 7]
        steps = (features[:, :, :-1] + features[:, :, 1:]).mean(dim=(3, 4)) / 2  # [1, 1024, 2]
        logits = model.head.linear(steps.transpose(1, 2)).transpose(1, 2)  # [1, 400, 2]
    assert largest_deviation(logits, case["logits"]) < TOLERANCE


def network(name: str) -> Classifier:
    row = NETWORKS[name]
    build = {"resnext": ResNeXt, "i3d": I3D}[row["backbone"]]
    backbone = build(frames=row["frames"], in_channels=row["in_channels"], reduction=row["reduction"])
    (stream,) = backbone.streams
    head = Head([POOLINGS[row["pooling"]](stream)], num_classes=row["num_classes"], hidden=row["hidden"], dropout=0.8)
    return Classifier(backbone, head)


def golden_model(name: str) -> Classifier:
    """The network in float64 with the weights that the rule gives for the authors' names."""
    with torch.device("meta"):  # the initial weights aren't wanted
        model = network(name)
    shapes = file_shapes(name, model)
    gain = GAIN[NETWORKS[name]["backbone"]]
    model = model.to_empty(device="cpu").double().eval()
    weights = {theirs: golden_tensor(theirs, shape, gain=gain) for theirs, shape in shapes.items() if shape}
    load_into(model, {theirs: torch.from_numpy(values) for theirs, values in weights.items()})
    return model


def file_shapes(name: str, model: Classifier) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the tensors in a file of the authors'."""
    row, state = NETWORKS[name], model.state_dict()
    shapes = {}
    for ours, (theirs,) in placed(state, [], row["layout"]).items():
        is_convolution = row["layout"] in ("piergiaj", "hassony2") and ours == "head.linear.weight"
        shapes[theirs] = (*state[ours].shape, *((1, 1, 1) if is_convolution else ()))
    return shapes


def stage_outputs(model: Classifier) -> dict[str, Tensor]:
    """A dictionary that the next forward pass fills with the outputs of the backbone's parts."""
    outputs: dict[str, Tensor] = {}

    def note(name: str, module: nn.Module) -> None:
        module.register_forward_hook(lambda *call: outputs.update({name: call[-1]}))

    for name, module in model.backbone.named_children():
        note(name, module)
    return outputs
