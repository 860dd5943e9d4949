"""The names in the files of P2's code (LateTemporalModeling3DCNN): its heads, and its R(2+1)D."""

import re
from collections.abc import Iterable

from videobench.models.weights.torchvision import torchvision_names

# Our module of the head to theirs; a module within BERT, and within one of its layers.
HEAD = {
    "linear": "fc_action",
    "hidden": "linear",
    "poolings.0.lstm": "lstm",
    "poolings.0.block.query": "NLB.theta",
    "poolings.0.block.key": "NLB.phi",
    "poolings.0.block.value": "NLB.g",
    "poolings.0.block.output": "NLB.W_z.0",
    "poolings.0.block.norm": "NLB.W_z.1",
}
BERT = {"class_token": "clsToken", "positions": "embedding.learnedPosition.pe"}
BERT_BLOCK = {
    "attention_norm": "input_sublayer.norm",
    "attention.query": "attention.linear_layers.0",
    "attention.key": "attention.linear_layers.1",
    "attention.value": "attention.linear_layers.2",
    "attention.output": "attention.output_linear",
    "feed_forward_norm": "output_sublayer.norm",
    "feed_forward.expand": "feed_forward.w_1",
    "feed_forward.contract": "feed_forward.w_2",
}
BERT_NORM = {"weight": "a_2", "bias": "b_2"}
BERTS = {1: ("bert",), 2: ("bert_slow", "bert_fast")}  # by the number of poolings
POOLING_NAME = re.compile(r"head\.poolings\.(\d+)\.(.+)")
BLOCK_NAME = re.compile(r"blocks\.(\d+)\.(.+)\.(weight|bias)")
THEIR_HEAD = re.compile(r"(fc_action|linear|lstm|NLB|bert(_slow|_fast)?)\..+")
THEIR_STEM = re.compile(r"stem\.")
THEIR_GROUP = re.compile(r"layer(\d)\.")


def is_head(theirs: str) -> bool:
    """Whether a tensor belongs to what follows the backbone."""
    return THEIR_HEAD.fullmatch(theirs) is not None


def head_names(ours: Iterable[str]) -> dict[str, str]:
    """Our name to theirs for every tensor of a network's head."""
    ours = list(ours)
    poolings = {match[1] for match in map(POOLING_NAME.fullmatch, ours) if match}
    berts = BERTS.get(len(poolings), ())
    names = {}
    for name in ours:
        module, _, parameter = name.removeprefix("head.").rpartition(".")
        pooling = POOLING_NAME.fullmatch(name)
        if name.startswith("head.") and module in HEAD:
            names[name] = f"{HEAD[module]}.{parameter}"
        elif pooling and int(pooling[1]) < len(berts) and (inside := bert_name(pooling[2])):
            names[name] = f"{berts[int(pooling[1])]}.{inside}"
    return names


def bert_name(ours: str) -> str | None:
    """The name of one of BERT's tensors within theirs, given that within ours."""
    if ours in BERT:
        return BERT[ours]
    match = BLOCK_NAME.fullmatch(ours)
    if match is None or match[2] not in BERT_BLOCK:
        return None
    parameter = BERT_NORM[match[3]] if match[2].endswith("norm") else match[3]
    return f"transformer_blocks.{match[1]}.{BERT_BLOCK[match[2]]}.{parameter}"


def r2plus1d_names(ours: Iterable[str], _theirs: Iterable[str]) -> dict[str, str]:
    """Our name to theirs for every tensor of an R(2+1)D: torchvision's, numbered from the stem on, and a head's."""
    ours = list(ours)
    names = head_names(ours)
    for name, theirs in torchvision_names(ours).items():
        if name.startswith("backbone."):
            names[name] = THEIR_GROUP.sub(r"features.\1.", THEIR_STEM.sub("features.0.", theirs))
    return names
