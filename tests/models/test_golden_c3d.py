"""C3D against P1's authors' code, in float64."""

import json
from functools import cache
from pathlib import Path

import pytest
import torch
from golden_rule import golden_clips, golden_tensor, largest_deviation

from videobench.models.c3d import C3D
from videobench.models.classifier import Classifier
from videobench.models.heads.average import AveragePooling
from videobench.models.heads.head import Head
from videobench.models.weights.carry import LAYOUTS, load_into

GOLDEN = json.loads((Path(__file__).parent / "data" / "golden_c3d.json").read_text())
TOLERANCE = 1e-10  # of the rms logit


@pytest.mark.parametrize("direction", ["logits", pytest.param("time_reversed", marks=pytest.mark.slow)])
def test_logits_are_the_authors(direction: str) -> None:
    """With weights under their names it gives their logits, forwards and on the reversed clip."""
    clips = torch.from_numpy(golden_clips(GOLDEN["input_shape"])).double()
    with torch.inference_mode():
        logits = golden_model()(clips if direction == "logits" else clips.flip(2))
    assert largest_deviation(logits, GOLDEN[direction]) < TOLERANCE


@cache
def golden_model() -> Classifier:
    with torch.device("meta"):
        backbone = C3D()
        model = Classifier(backbone, Head([AveragePooling(stream) for stream in backbone.streams], num_classes=400))
    model = model.to_empty(device="cpu").double().eval()
    state = model.state_dict()
    names = LAYOUTS["Caffe2"].names(state, ["last_out_L400_w", "last_out_L400_b"])
    load_into(
        model,
        {
            theirs: torch.from_numpy(golden_tensor(theirs, state[ours].shape, gain=GOLDEN["gain"]))
            for ours, theirs in names.items()
            if isinstance(theirs, str)
        },
    )
    return model
