"""BERT and the non-local block number by number against P2's code, in float64."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from golden_rule import golden_clips, golden_tensor, largest_deviation
from torch import Tensor, nn

from videobench.models.complexity import count_parameters
from videobench.models.heads.bert import BertPooling
from videobench.models.heads.head import Head
from videobench.models.heads.non_local import NonLocalConcatenation
from videobench.models.streams import Stream
from videobench.models.weights.late_temporal import head_names, is_head

CASES = {
    case["case"]: case for case in json.loads((Path(__file__).parent / "data/golden_heads.json").read_text())["cases"]
}
BERTS = [name for name in CASES if "BERT" in name]
TOLERANCE = 1e-10  # of the rms output


@pytest.mark.parametrize("name", CASES)
def test_every_tensor_of_the_authors_heads_has_its_place(name: str) -> None:
    """Names and shapes are those of their files, no more and no less; BERT's number of parameters is 12 D^2 + ..."""
    with torch.device("meta"):
        pooling = pooling_of(name)
    inside = "bert." if isinstance(pooling, BertPooling) else "NLB."
    names = names_in_head(pooling)
    shapes = {theirs.removeprefix(inside): list(pooling.state_dict()[ours].shape) for ours, theirs in names.items()}
    assert shapes == CASES[name]["tensors"]
    assert all(is_head(theirs) for theirs in names.values())
    if isinstance(pooling, BertPooling):
        d, steps, layers = pooling.out_features, pooling.steps, len(pooling.blocks)
        assert count_parameters(pooling) == layers * (12 * d**2 + 13 * d) + d + (steps + 1) * d
    assert count_parameters(pooling) == CASES[name].get("params", count_parameters(pooling))


@pytest.mark.parametrize("name", [name for name in BERTS if "sequence" in CASES[name]])
def test_bert_equals_the_authors(name: str) -> None:
    """All outputs agree, with every feature seen and with some of them dropped."""
    case = CASES[name]
    pooling = golden_pooling(name)
    tokens = torch.from_numpy(golden_clips(case["input_shape"])).double()
    kept = torch.ones(tokens.shape[:2], dtype=torch.bool)
    for clip, positions in enumerate(case["dropped"]):
        kept[clip, [position - 1 for position in positions]] = False  # position 0 is the class token
    with torch.no_grad():
        compare_outputs(pooling.encode(tokens), case["sequence"], case["class_token"])
        compare_outputs(pooling.encode(tokens, kept=kept), case["masked_sequence"], case["masked_class_token"])
        features = tokens.transpose(1, 2)[..., None, None]  # [B, D, T, 1, 1]
        assert torch.equal(pooling(features, kept=kept), pooling.encode(tokens, kept=kept)[:, 0])


def test_the_non_local_block_equals_the_authors() -> None:
    """Its output agrees, forwards and on the features in reversed order."""
    case = CASES["head_NLBlockND_512"]
    block = golden_pooling("head_NLBlockND_512").block
    features = torch.from_numpy(golden_clips(case["input_shape"])).double()
    with torch.no_grad():
        assert largest_deviation(block(features), case["features"]) < TOLERANCE
        assert largest_deviation(block(features.flip(2)), case["time_reversed"]) < TOLERANCE


def compare_outputs(outputs: Tensor, sequence: dict[str, Any], class_token: list[dict[str, Any]]) -> None:
    assert largest_deviation(outputs, sequence) < TOLERANCE
    for clip, expected in enumerate(class_token):
        assert largest_deviation(outputs[clip, 0], expected) < TOLERANCE


def pooling_of(name: str) -> BertPooling | NonLocalConcatenation:
    """The pooling that a case's name describes: head_{class}_d{D}_T{T}_h{heads}_l{layers}, or head_NLBlockND_{D}."""
    if name not in BERTS:
        return NonLocalConcatenation(Stream(channels=512, steps=4))
    channels, steps, heads, layers = (int(part[1:]) for part in name.split("_")[2:])
    return BertPooling(Stream(channels, steps), heads=heads, layers=layers)


def golden_pooling(name: str) -> Any:
    """The case's pooling in float64 with the weights that the rule gives for the authors' names."""
    pooling = pooling_of(name).double().eval()
    state = pooling.state_dict()
    for ours, theirs in names_in_head(pooling).items():
        state[ours].copy_(torch.from_numpy(golden_tensor(theirs.split(".", 1)[1], state[ours].shape)))
    return pooling


def names_in_head(pooling: nn.Module) -> dict[str, str]:
    """The pooling's own names to those in the authors' files."""
    head = Head([pooling], num_classes=2)  # type: ignore[list-item]
    names = head_names(f"head.{name}" for name in head.state_dict() if not name.endswith("num_batches_tracked"))
    start = "head.poolings.0."
    return {ours.removeprefix(start): theirs for ours, theirs in names.items() if ours.startswith(start)}
