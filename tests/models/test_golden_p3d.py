"""P3D-63 against qijiezhao's code, stage by stage, in float64."""

import json
from pathlib import Path

import torch
from golden_rule import golden_clips, golden_tensor, largest_deviation, tensor
from torch import Tensor

from videobench.models.classifier import Classifier
from videobench.models.heads.average import AveragePooling
from videobench.models.heads.head import Head
from videobench.models.p3d import P3D
from videobench.models.weights.carry import LAYOUTS, load_into

GOLDEN = json.loads((Path(__file__).parent / "data" / "golden_p3d.json").read_text())
TOLERANCE = 1e-10  # of the rms
STAGES = {
    "relu": "stem",
    "maxpool": "pool",
    "layer1": "group2",
    "layer2": "group3",
    "layer3": "group4",
    "layer4": "group5",
}


def test_logits_are_the_public_codes() -> None:
    """With weights under its names P3D gives its logits, forwards and on the reversed clip."""
    model = golden_model()
    outputs: dict[str, Tensor] = {}
    for theirs, ours in STAGES.items():
        module = model.backbone.get_submodule(ours)
        module.register_forward_hook(lambda *call, theirs=theirs: outputs.update({theirs: call[-1]}))
    clips = torch.from_numpy(golden_clips(GOLDEN["input_shape"])).double()
    with torch.inference_mode():
        assert largest_deviation(model(clips), GOLDEN["logits"]) < TOLERANCE
        for name, expected in GOLDEN["stages"].items():
            stage = outputs[name].squeeze(2)  # the last group has no axis of time there
            assert list(stage.shape) == expected["shape"], name
            found = torch.stack([stage.mean(), stage.square().mean().sqrt(), *stage.flatten()[:3]])
            difference = found - tensor([expected["mean"], expected["rms"], *expected["first3"]])
            assert difference.abs().max() < TOLERANCE * max(1, expected["rms"]), name
        assert largest_deviation(model(clips.flip(2)), GOLDEN["time_reversed"]) < TOLERANCE


def golden_model() -> Classifier:
    with torch.device("meta"):
        backbone = P3D()
        model = Classifier(backbone, Head([AveragePooling(stream) for stream in backbone.streams], num_classes=400))
    model = model.to_empty(device="cpu").double().eval()
    state = model.state_dict()
    tensors = {
        theirs: torch.from_numpy(golden_tensor(theirs, state[ours].shape, gain=GOLDEN["gain"]))
        for ours, theirs in LAYOUTS["qijiezhao"].names(state, []).items()
        if isinstance(theirs, str) and not theirs.endswith("num_batches_tracked")
    }
    load_into(model, tensors)
    return model
