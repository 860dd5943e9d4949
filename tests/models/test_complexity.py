"""Parameters and multiply-accumulates against counts made on other implementations; memory by hand."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from videobench.models.complexity import count_conv_fc_weights, count_macs, count_parameters, peak_activation_bytes
from videobench.models.video_resnet import video_resnet

COUNTS = json.loads((Path(__file__).parent / "data" / "counts.json").read_text())["rows"]


@pytest.mark.parametrize("row", COUNTS, ids=[f"{row['network']}-{row['depth']}-{row['frames']}f" for row in COUNTS])
def test_counts_of_every_network(row: dict[str, Any]) -> None:
    """Parameters, convolution and FC weights, and MACs equal the known ones to the last digit."""
    frames = row["frames"]
    with torch.device("meta"):
        model = video_resnet(row["network"], num_classes=400, frames=frames, depth=row["depth"])
    assert count_parameters(model) == row["parameters"]
    assert count_conv_fc_weights(model) == row["conv_fc_weights"]
    assert count_macs(model, (1, 3, frames, 112, 112)) == row["macs"]


def test_counting_leaves_the_model_alone() -> None:
    """A model in training keeps its mode, its device and its running statistics."""
    model = video_resnet("R3D", num_classes=5, frames=8, width=4).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    assert count_macs(model, (2, 3, 8, 32, 32)) == 2 * count_macs(model, (1, 3, 8, 32, 32))
    one, two = (peak_activation_bytes(model, torch.ones(clips, 3, 8, 32, 32)) for clips in (1, 2))
    assert two == 2 * one
    assert model.training
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_a_shared_weight_counts_once_as_a_parameter() -> None:
    """Two layers with one weight have that many learnable scalars."""
    first, second = nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False)
    second.weight = first.weight
    assert count_parameters(nn.Sequential(first, second)) == 9


def test_peak_memory_counts_what_is_alive_at_once() -> None:
    """Two layers: input, hidden and output; in place or as a view nothing is added; what is gone doesn't count."""
    layers = [nn.Linear(4, 8), nn.ReLU(inplace=True), nn.Unflatten(1, (2, 4)), nn.Flatten(), nn.Linear(8, 2)]
    assert peak_activation_bytes(nn.Sequential(*layers), torch.ones(3, 4)) == 4 * 3 * (4 + 8 + 2)
    longer = nn.Sequential(*layers, nn.Linear(2, 5), nn.Linear(5, 3))  # the hidden 8 are gone by then
    assert peak_activation_bytes(longer, torch.ones(3, 4)) == 4 * 3 * (4 + 8 + 2)
