"""P2's R(2+1)D-34, with TGAP and with BERT, against its authors' code."""

import json
from pathlib import Path

import pytest
import torch
from golden_rule import golden_clips, golden_tensor, largest_deviation, tensor
from torch import Tensor

from videobench.models.classifier import Classifier
from videobench.models.complexity import count_macs, count_parameters
from videobench.models.heads.average import AveragePooling
from videobench.models.heads.bert import BertPooling
from videobench.models.heads.head import Head
from videobench.models.streams import Stream
from videobench.models.video_resnet import video_resnet
from videobench.models.weights.carry import LAYOUTS, load_into

GOLDEN = json.loads((Path(__file__).parent / "data/golden_late_temporal_r2plus1d.json").read_text())
LAYOUT = "LateTemporal R(2+1)D"
TOLERANCE = 1e-10  # of the rms


@pytest.mark.parametrize("name", GOLDEN["counts"])
def test_sizes_are_the_authors(name: str) -> None:
    """Parameters and multiply-accumulates agree to the last one."""
    expected = GOLDEN["counts"][name]
    with torch.device("meta"):
        model = network(frames=expected["frames"], bert="bert" in name)
    assert count_parameters(model) == expected["params"]
    assert count_macs(model, (1, 3, expected["frames"], 112, 112)) == expected["macs"]


@pytest.mark.parametrize("bert", [False, True], ids=["average", "bert"])
def test_the_authors_files_load(bert: bool) -> None:
    """Their names are recognised and each has one place."""
    with torch.device("meta"):
        model = network(frames=32, bert=bert)
        tensors = {name: torch.empty(shape) for name, shape in files_shapes(model).items()}
    assert len(tensors) == (434 if bert else 416)
    report = load_into(model, tensors)
    assert report.layout == LAYOUT
    assert len(report.matched) == len(tensors)


@pytest.mark.slow
def test_logits_are_the_authors() -> None:
    """R(2+1)D with BERT on 32 frames gives their logits, forwards and on the reversed clip, stage by stage."""
    expected = GOLDEN["bert10_32f"]
    model = network(frames=32, bert=True).double().eval()
    tensors = {name: torch.from_numpy(golden_tensor(name, shape)) for name, shape in files_shapes(model).items()}
    load_into(model, tensors)
    outputs: dict[str, Tensor] = {}
    backbone = model.backbone
    stages = [getattr(backbone, name) for name in ("stem", "group2", "group3", "group4", "group5")]
    for number, module in enumerate(stages):
        module.register_forward_hook(lambda *call, number=number: outputs.update({f"features.{number}": call[-1]}))
    clips = torch.from_numpy(golden_clips(expected["input_shape"])).double()
    with torch.no_grad():
        assert largest_deviation(model(clips), expected["logits"]) < TOLERANCE
        for name, stage in expected["stages"].items():
            assert list(outputs[name].shape) == stage["shape"]
            found = [outputs[name].mean(), outputs[name].square().mean().sqrt(), *outputs[name].flatten()[:3]]
            difference = torch.stack(found) - tensor([stage["mean"], stage["rms"], *stage["first3"]])
            assert difference.abs().max() < TOLERANCE * max(1, stage["rms"]), name
        assert largest_deviation(model(clips.flip(2)), expected["time_reversed"]) < TOLERANCE


def network(*, frames: int, bert: bool) -> Classifier:
    stream = Stream(channels=512, steps=frames // 8)
    head = Head([BertPooling(stream) if bert else AveragePooling(stream)], num_classes=51, dropout=0.8)
    return Classifier(video_resnet("R(2+1)D", num_classes=51, frames=frames, depth=34).backbone, head)


def files_shapes(model: Classifier) -> dict[str, torch.Size]:
    """Names and shapes of the tensors in a file of theirs."""
    state = model.state_dict()
    names = LAYOUTS[LAYOUT].names(state, [])
    return {theirs: state[ours].shape for ours, theirs in names.items() if isinstance(theirs, str)}
