"""The blob names of P1's authors' Caffe2 code (VMZ, c2/lib/models): video ResNets of all kinds, and C3D."""

import re
from collections.abc import Iterable

from videobench.models.weights.residual import module_names

# Our module to the blobs' common beginning. "middle" is what comes first in a convolution of two parts.
STEM = {
    "backbone.stem.convolution": "conv1",
    "backbone.stem.convolution.spatial": "conv1_middle",
    "backbone.stem.convolution.norm": "conv1_middle_spatbn_relu",
    "backbone.stem.convolution.temporal": "conv1",
    "backbone.stem.norm": "conv1_spatbn_relu",
}
BLOCK = {
    "convolution{i}": "comp_{block}_conv_{i}",
    "convolution{i}.spatial": "comp_{block}_conv_{i}_middle",
    "convolution{i}.pointwise": "comp_{block}_conv_{i}_middle",
    "convolution{i}.norm": "comp_{block}_spatbn_{i}_middle",
    "convolution{i}.temporal": "comp_{block}_conv_{i}",
    "convolution{i}.depthwise": "comp_{block}_conv_{i}",
    "norm{i}": "comp_{block}_spatbn_{i}",
    "shortcut.convolution": "shortcut_projection_{block}",
    "shortcut.norm": "shortcut_projection_{block}_spatbn",
}
C3D_CONVOLUTIONS = ("1a", "2a", "3a", "3b", "4a", "4b", "5a", "5b")
C3D = {
    **{f"backbone.layers.convolution{each}": f"conv{each}" for each in C3D_CONVOLUTIONS},
    **{f"backbone.layers.norm{each}": f"conv{each}_bn" for each in C3D_CONVOLUTIONS},
    "backbone.fully_connected.linear6": "fc6",
    "backbone.fully_connected.linear7": "fc7",
}
NORM = {"weight": "s", "bias": "b", "running_mean": "rm", "running_var": "riv"}  # riv: the variance itself
LINEAR = {"weight": "w", "bias": "b"}
LAST_LINEAR = re.compile(r"(last_out_L\d+)_[wb]")  # the number is the file's number of classes
C3D_LINEAR = re.compile(r"fc[67]_[wb]")
IR_CSN = "comp_0_conv_4_w"  # a block's convolutions are 1, 3 and 4 there


def is_head(theirs: str) -> bool:
    """Whether a blob belongs to the classifier, which begins with C3D's fully connected layers."""
    return any(pattern.fullmatch(theirs) for pattern in (LAST_LINEAR, C3D_LINEAR))


def blob_names(ours: Iterable[str], theirs: Iterable[str]) -> dict[str, str]:
    """Our name to the blob's for every tensor that Caffe2 has; its last layer is called after its own classes."""
    ours, theirs = list(ours), set(theirs)
    numbers = (1, 3, 4) if IR_CSN in theirs else (1, 2, 3)
    modules = module_names(ours, outside=STEM | C3D, inside=BLOCK, numbers=numbers)
    heads = {match[1] for match in map(LAST_LINEAR.fullmatch, theirs) if match}
    if len(heads) == 1:
        modules["head.linear"] = heads.pop()
    names = {}
    for name in ours:
        module, _, parameter = name.rpartition(".")
        is_norm = "norm" in module.rpartition(".")[2]
        suffix = (NORM if is_norm else LINEAR).get(parameter)
        if module in modules and suffix is not None:
            names[name] = f"{modules[module]}_{suffix}"
    return names
