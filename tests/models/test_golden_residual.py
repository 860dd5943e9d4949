"""Bottlenecks, depthwise convolutions and kenshohara's variant against other public code, in float64."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from golden_rule import golden_clips, golden_tensor, largest_deviation

from videobench.models.video_resnet import video_resnet
from videobench.models.weights.carry import LAYOUTS, load_into

GOLDEN = json.loads((Path(__file__).parent / "data" / "golden_residual.json").read_text())
NUM_CLASSES = 10
TOLERANCE = 1e-10  # of the rms logit


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=[case["case"] for case in GOLDEN["cases"]])
def test_logits_equal_the_reference_implementation(case: dict[str, Any]) -> None:
    """A network with the reference's weights gives its logits, forwards and on the reversed clip."""
    shape = GOLDEN["input_shape"]
    with torch.device("meta"):
        model = video_resnet(num_classes=NUM_CLASSES, frames=shape[2], **case["network"])
    model = model.to_empty(device="cpu").double().eval()
    state = model.state_dict()
    layout = layout_of(case)
    tensors = {
        theirs: torch.from_numpy(golden_tensor(theirs, state[ours].shape))
        for ours, theirs in LAYOUTS[layout].names(state, []).items()
        if isinstance(theirs, str) and not theirs.endswith("num_batches_tracked")
    }
    assert load_into(model, tensors).layout == layout
    clips = torch.from_numpy(golden_clips(shape)).double()
    with torch.inference_mode():
        assert largest_deviation(model(clips), case["logits"]) < TOLERANCE
        assert largest_deviation(model(clips.flip(2)), case["time_reversed"]) < TOLERANCE


def layout_of(case: dict[str, Any]) -> str:
    peer = case["case"].split("_")[0]
    if peer == "kenshohara":
        return "kenshohara R(2+1)D" if case["network"]["name"] == "R(2+1)D" else peer
    return {"pytorchvideo": "PyTorchVideo CSN"}.get(peer, peer)
