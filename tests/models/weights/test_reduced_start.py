"""Networks with P2's reductions start from weights of the network without them, as P2's do."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from videobench.errors import WeightsError
from videobench.models.classifier import Classifier
from videobench.models.heads.average import AveragePooling
from videobench.models.heads.head import Head
from videobench.models.inception import I3D
from videobench.models.resnext import ResNeXt
from videobench.models.slowfast import SlowFast
from videobench.models.weights.carry import load_into

BLOCKS: dict[Callable[..., Any], dict[str, set[str]]] = {
    ResNeXt: {"modification": {"group5.2"}, "addition": {"reduction"}},
    I3D: {"modification": {"mixed5c"}, "addition": {"reduction"}},
    SlowFast: {"modification": {"slow.group5.2"}, "addition": {"slow.reduction"}},
}
CASES = [(build, reduction) for build, blocks in BLOCKS.items() for reduction in blocks]


@pytest.mark.parametrize(("build", "reduction"), CASES)
def test_a_reduced_network_starts_from_the_plain_ones_weights(build: Callable[..., Any], reduction: str) -> None:
    """All but the blocks that reduce is taken over, and they are reported as replaced with the head."""
    with torch.device("meta"):
        model, tensors = network(build, reduction), network(build, None).state_dict()
    report = load_into(model, tensors, replace_head=True)
    prefixes = tuple(f"backbone.{block}." for block in BLOCKS[build][reduction])
    reducing = {name for name in model.state_dict() if name.startswith(prefixes)}
    assert len(reducing) > 20
    assert set(report.replaced) == reducing | {"head.linear.weight", "head.linear.bias"}
    assert set(report.matched) == set(model.state_dict()) - set(report.replaced)


@pytest.mark.parametrize(("build", "reduction"), CASES)
def test_a_reduced_networks_own_weights_are_taken_over_whole(build: Callable[..., Any], reduction: str) -> None:
    """With them, only the head is replaced; one tensor missing from the block is an error."""
    with torch.device("meta"):
        model = network(build, reduction)
    tensors: dict[str, Tensor] = dict(model.state_dict())
    assert set(load_into(model, tensors, replace_head=True).replaced) == {"head.linear.weight", "head.linear.bias"}
    (block,) = BLOCKS[build][reduction]
    lost = next(name for name in tensors if name.startswith(f"backbone.{block}."))
    del tensors[lost]
    with pytest.raises(WeightsError, match=f"1 missing from the file: {lost}"):
        load_into(model, tensors, replace_head=True)


def test_the_blocks_are_needed_to_measure() -> None:
    """Where nothing may be replaced, the plain network's weights are refused."""
    with torch.device("meta"):
        model, tensors = network(I3D, "addition"), network(I3D, None).state_dict()
    with pytest.raises(WeightsError, match=r"missing from the file: backbone\.reduction"):
        load_into(model, tensors)


def network(build: Callable[..., Any], reduction: str | None) -> nn.Module:
    backbone = build(frames=64, reduction=reduction)
    return Classifier(backbone, Head([AveragePooling(stream) for stream in backbone.streams], num_classes=51))
