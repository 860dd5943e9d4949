"""The names of K. Hara's networks: ResNeXt101 (video-classification-3d-cnn-pytorch), which MARS' files share, and the
3D ResNets and R(2+1)D of 3D-ResNets-PyTorch.

P2's code (LateTemporalModeling3DCNN) holds the same network as a numbered sequence.
"""

import re
from collections.abc import Iterable, Mapping

from videobench.models.weights.late_temporal import head_names
from videobench.models.weights.residual import module_names, tensor_names

# Our module of the backbone to theirs.
PLACES = {
    "stem.convolution": "conv1",
    "stem.norm": "bn1",
    "group2": "layer1",
    "group3": "layer2",
    "group4": "layer3",
    "group5": "layer4",
}
LATE_TEMPORAL_PLACES = {
    "stem.convolution": "features.0",
    "stem.norm": "features.1",
    "group2": "features.4",  # a ReLU and a pool come before
    "group3": "features.5",
    "group4": "features.6",
    "group5": "features.7",
    "reduction": "mapper",
}
BLOCK = {
    "convolution1": "conv1",
    "norm1": "bn1",
    "convolution2": "conv2",
    "norm2": "bn2",
    "convolution3": "conv3",
    "norm3": "bn3",
    "shortcut.convolution": "downsample.0",
    "shortcut.norm": "downsample.1",
}
# Our part of a factorised convolution to theirs, given the convolution's number.
FACTORISED = {"spatial": "conv{}_s", "norm": "bn{}_s", "temporal": "conv{}_t"}
NAME = re.compile(r"backbone\.(stem\.\w+|group\d|reduction)(\.\d+)?(?:\.((?:shortcut\.)?\w+))?\.(\w+)")


def is_head(theirs: str) -> bool:
    """Whether a tensor belongs to kenshohara's classifier."""
    return theirs.startswith("fc.")


def kenshohara_names(ours: Iterable[str], _theirs: Iterable[str]) -> dict[str, str]:
    """Our name to kenshohara's for every tensor of ResNeXt101 or R3D with a linear classifier."""
    ours = list(ours)
    head = {name: name.replace("head.linear", "fc") for name in ours if name.startswith("head.linear.")}
    return _backbone_names(ours, PLACES) | head


def r2plus1d_names(ours: Iterable[str], _theirs: Iterable[str]) -> dict[str, str]:
    """Our name to kenshohara's for every tensor of R(2+1)D (3D-ResNets-PyTorch), each half with its norm."""
    ours = list(ours)
    is_bottleneck = any(".convolution3." in name for name in ours)
    factorised = (2,) if is_bottleneck else (1, 2)  # convolutions of a block
    outside = {f"backbone.stem.convolution.{half}": theirs.format(1) for half, theirs in FACTORISED.items()}
    inside = {ours: f"layer{{layer}}.{{index}}.{theirs}" for ours, theirs in BLOCK.items()}
    for i in factorised:
        inside[f"norm{i}"] = f"layer{{layer}}.{{index}}.bn{i}_t"
        for half, theirs in FACTORISED.items():
            inside[f"convolution{i}.{half}"] = f"layer{{layer}}.{{index}}.{theirs.format(i)}"
    outside |= {"backbone.stem.norm": "bn1_t", "head.linear": "fc"}
    return tensor_names(ours, module_names(ours, outside=outside, inside=inside))


def late_temporal_names(ours: Iterable[str], _theirs: Iterable[str]) -> dict[str, str]:
    """Our name to that in P2's code for every tensor of ResNeXt101, reduced or not, and of any head."""
    ours = list(ours)
    return _backbone_names(ours, LATE_TEMPORAL_PLACES) | head_names(ours)


def _backbone_names(ours: Iterable[str], places: Mapping[str, str]) -> dict[str, str]:
    names = {}
    for match in filter(None, map(NAME.fullmatch, ours)):
        place, index, part, parameter = match.groups()
        if place in places and (part is None or part in BLOCK):
            module = places[place] + (index or "") + (f".{BLOCK[part]}" if part else "")
            names[match[0]] = f"{module}.{parameter}"
    return names
