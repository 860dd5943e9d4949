"""MMAction2's names of the channel-separated networks and of C3D."""

import re
from collections.abc import Iterable

from videobench.models.weights.caffe2 import C3D_CONVOLUTIONS
from videobench.models.weights.residual import module_names, tensor_names

# Our module to theirs. Their second convolution is a sequence of one or two, each with its norm.
OUTSIDE = {
    "backbone.stem.convolution": "backbone.conv1.conv",
    "backbone.stem.norm": "backbone.conv1.bn",
    **{f"backbone.layers.convolution{each}": f"backbone.conv{each}.conv" for each in C3D_CONVOLUTIONS},
    "backbone.fully_connected.linear6": "backbone.fc6",
    "backbone.fully_connected.linear7": "backbone.fc7",
    "head.linear": "cls_head.fc_cls",
}
BLOCK = {
    "convolution1": "backbone.layer{layer}.{index}.conv1.conv",
    "norm1": "backbone.layer{layer}.{index}.conv1.bn",
    "convolution2": "backbone.layer{layer}.{index}.conv2.0.conv",
    "norm2": "backbone.layer{layer}.{index}.conv2.0.bn",
    "convolution3": "backbone.layer{layer}.{index}.conv3.conv",
    "norm3": "backbone.layer{layer}.{index}.conv3.bn",
    "shortcut.convolution": "backbone.layer{layer}.{index}.downsample.conv",
    "shortcut.norm": "backbone.layer{layer}.{index}.downsample.bn",
}
IP_CSN_BLOCK = BLOCK | {
    "convolution2.pointwise": "backbone.layer{layer}.{index}.conv2.0.conv",
    "convolution2.norm": "backbone.layer{layer}.{index}.conv2.0.bn",
    "convolution2.depthwise": "backbone.layer{layer}.{index}.conv2.1.conv",
    "norm2": "backbone.layer{layer}.{index}.conv2.1.bn",
}
HEAD = re.compile(r"(cls_head\.fc_cls|backbone\.fc[67])\..+")


def is_head(theirs: str) -> bool:
    """Whether a tensor belongs to the classifier, which begins with C3D's fully connected layers."""
    return HEAD.fullmatch(theirs) is not None


def mmaction2_names(ours: Iterable[str], _theirs: Iterable[str]) -> dict[str, str]:
    """Our name to theirs for every tensor of a channel-separated network, or of C3D without norms."""
    ours = list(ours)
    is_ip_csn = any(".convolution2.pointwise." in name for name in ours)
    return tensor_names(ours, module_names(ours, outside=OUTSIDE, inside=IP_CSN_BLOCK if is_ip_csn else BLOCK))
