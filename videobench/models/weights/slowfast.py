"""The names of SlowFast's public implementations: PySlowFast's, in PyTorch and in Caffe2, pytorchvideo's,
mmaction2's, and those in P2's code (LateTemporalModeling3DCNN).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from videobench.models.weights import caffe2, kenshohara, late_temporal

# The kinds of parts our network has, as far as they have weights.
PARTS = {
    "stem": re.compile(r"backbone\.(?P<path>slow|fast)\.stem\.(?P<layer>.+)"),
    "lateral": re.compile(r"backbone\.laterals\.(?P<lateral>\d)\.(?P<layer>.+)"),
    "block": re.compile(r"backbone\.(?P<path>slow|fast)\.group(?P<group>\d)\.(?P<block>\d)\.(?P<layer>.+)"),
}
REDUCTION = re.compile(r"backbone\.(slow|fast)\.(reduction|group5\.2)\.(.+)\.(\w+)")
PATH_NUMBERS = {"slow": "0", "fast": "1"}
PATH_PREFIXES = {"slow": "", "fast": "t_"}


class Part(NamedTuple):
    """What a peer's names of a part begin with, and how they go on for each of our layers.

    The beginning may hold {path} (slow or fast), {number} (0 or 1), {prefix} (the Caffe2 blobs' of the fast path),
    {group} (from 2 on, as ours), {index} (the same from 1 on), {block} and {origin}, one of the peer's.
    """

    place: str
    layers: Mapping[str, str]


@dataclass(frozen=True)
class Peer:
    """How an implementation calls our modules."""

    parts: Mapping[str, Part]  # for each of PARTS
    origins: tuple[str, str, str, str]  # what each lateral connection is called after
    linear: str

    def modules(self, ours: Iterable[str]) -> dict[str, str]:
        """Our tensor's name to the peer's module, for every tensor of a SlowFast without reduction."""
        found = {}
        for name in ours:
            module = name.rpartition(".")[0]
            if module == "head.linear":
                found[name] = self.linear
            for kind, pattern in PARTS.items():
                place, layers = self.parts[kind]
                match = pattern.fullmatch(module)
                if match and match["layer"] in layers:
                    found[name] = place.format(**self._fields(match)) + layers[match["layer"]]
        return found

    def is_head(self, theirs: str) -> bool:
        """Whether a tensor belongs to the classifier's last layer."""
        return theirs.startswith((f"{self.linear}.", f"{self.linear}_"))

    def names(self, ours: Iterable[str], _theirs: Iterable[str]) -> dict[str, str]:
        """Our name to the peer's, if it calls its parameters what torch does."""
        return {name: f"{module}.{name.rpartition('.')[2]}" for name, module in self.modules(ours).items()}

    def _fields(self, match: re.Match[str]) -> dict[str, str]:
        fields = match.groupdict()
        if "lateral" in fields:
            return {"origin": self.origins[int(fields["lateral"])]}
        path = fields["path"]
        fields |= {"number": PATH_NUMBERS[path], "prefix": PATH_PREFIXES[path]}
        if "group" in fields:
            fields["index"] = str(int(fields["group"]) - 1)
        return fields


PYSLOWFAST = Peer(
    parts={
        "stem": Part("s1.pathway{number}_stem.", {"convolution": "conv", "norm": "bn"}),
        "lateral": Part("{origin}_fuse.", {"convolution": "conv_f2s", "norm": "bn"}),
        "block": Part(
            "s{group}.pathway{number}_res{block}.",
            {
                "convolution1": "branch2.a",
                "norm1": "branch2.a_bn",
                "convolution2": "branch2.b",
                "norm2": "branch2.b_bn",
                "convolution3": "branch2.c",
                "norm3": "branch2.c_bn",
                "shortcut.convolution": "branch1",
                "shortcut.norm": "branch1_bn",
            },
        ),
    },
    origins=("s1", "s2", "s3", "s4"),
    linear="head.projection",
)
PYSLOWFAST_CAFFE2 = Peer(
    parts={
        "stem": Part("{prefix}", {"convolution": "conv1", "norm": "res_conv1_bn"}),
        "lateral": Part("t_{origin}_subsample", {"convolution": "", "norm": "_bn"}),
        "block": Part(
            "{prefix}res{group}_{block}_",
            {
                "convolution1": "branch2a",
                "norm1": "branch2a_bn",
                "convolution2": "branch2b",
                "norm2": "branch2b_bn",
                "convolution3": "branch2c",
                "norm3": "branch2c_bn",
                "shortcut.convolution": "branch1",
                "shortcut.norm": "branch1_bn",
            },
        ),
    },
    origins=("pool1", "res2_2_branch2c_bn", "res3_3_branch2c_bn", "res4_5_branch2c_bn"),
    linear="pred",
)
PYTORCHVIDEO = Peer(
    parts={
        "stem": Part("blocks.0.multipathway_blocks.{number}.", {"convolution": "conv", "norm": "norm"}),
        "lateral": Part("{origin}.multipathway_fusion.", {"convolution": "conv_fast_to_slow", "norm": "norm"}),
        "block": Part(
            "blocks.{index}.multipathway_blocks.{number}.res_blocks.{block}.",
            {
                "convolution1": "branch2.conv_a",
                "norm1": "branch2.norm_a",
                "convolution2": "branch2.conv_b",
                "norm2": "branch2.norm_b",
                "convolution3": "branch2.conv_c",
                "norm3": "branch2.norm_c",
                "shortcut.convolution": "branch1_conv",
                "shortcut.norm": "branch1_norm",
            },
        ),
    },
    origins=("blocks.0", "blocks.1", "blocks.2", "blocks.3"),
    linear="blocks.6.proj",
)
MMACTION2 = Peer(
    parts={
        "stem": Part("backbone.{path}_path.conv1.", {"convolution": "conv", "norm": "bn"}),
        "lateral": Part("backbone.slow_path.{origin}_lateral.", {"convolution": "conv"}),
        "block": Part(
            "backbone.{path}_path.layer{index}.{block}.",
            {
                "convolution1": "conv1.conv",
                "norm1": "conv1.bn",
                "convolution2": "conv2.conv",
                "norm2": "conv2.bn",
                "convolution3": "conv3.conv",
                "norm3": "conv3.bn",
                "shortcut.convolution": "downsample.conv",
                "shortcut.norm": "downsample.bn",
            },
        ),
    },
    origins=("conv1", "layer1", "layer2", "layer3"),
    linear="cls_head.fc_cls",
)


def is_caffe2_unused(theirs: str) -> bool:
    """Whether a blob of PySlowFast's Caffe2 files is the optimiser's."""
    return theirs.endswith("_momentum") or theirs in {"lr", "model_iter"}


def is_late_temporal_head(theirs: str) -> bool:
    """Whether a tensor of P2's code belongs to what follows the backbone."""
    return late_temporal.is_head(theirs) or is_late_temporal_unused(theirs)


def is_late_temporal_unused(theirs: str) -> bool:
    """Whether a tensor is of PySlowFast's classifier: with BERT, it stays in the files of P2's code without use."""
    return theirs.startswith("model.head.")


def caffe2_names(ours: Iterable[str], _theirs: Iterable[str]) -> dict[str, str]:
    """Our name to the blob's in PySlowFast's Caffe2 files for every tensor that Caffe2 has."""
    names = {}
    for name, module in PYSLOWFAST_CAFFE2.modules(ours).items():
        layer, parameter = name.split(".")[-2:]
        suffix = (caffe2.NORM if layer.startswith("norm") else caffe2.LINEAR).get(parameter)
        if suffix is not None:
            names[name] = f"{module}_{suffix}"
    return names


def late_temporal_names(ours: Iterable[str], theirs: Iterable[str]) -> dict[str, str | tuple[str, ...]]:
    """Our name to that in P2's code for every tensor of SlowFast, fused and reduced or not, and of any head.

    A block that replaced another has two names there, and so has the linear layer that follows averages.
    """
    ours, theirs = list(ours), set(theirs)
    backbone = {name: f"model.{each}" for name, each in PYSLOWFAST.names(ours, theirs).items()}
    head = late_temporal.head_names(ours)
    names: dict[str, str | tuple[str, ...]] = {**backbone, **head}
    if not any(name.startswith("head.poolings.") for name in ours):
        names |= {name: (each, backbone[name]) for name, each in head.items() if name in backbone}
    fused_early = any(name.startswith("mapper_slow.") for name in theirs)
    for match in filter(None, map(REDUCTION.fullmatch, ours)):
        path, place, layer, parameter = match.groups()
        inside = f"{kenshohara.BLOCK[layer]}.{parameter}"
        added = f"mapper_{path}.{inside}" if fused_early else f"mapper.{inside}"
        replacing = f"model.s5.pathway{PATH_NUMBERS[path]}_res2.{inside}"
        if place == "reduction":
            names[match[0]] = added
        elif replacing in theirs:
            names[match[0]] = (added, replacing)
    return names
