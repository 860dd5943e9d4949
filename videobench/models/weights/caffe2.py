"""The blob names of the authors' Caffe2 code (VMZ, c2/lib/models) for P1's networks."""

import re
from collections.abc import Iterable

# Our module to the blobs' common beginning. "middle" is the spatial half of a (2+1)D convolution.
STEM = {
    "convolution": "conv1",
    "convolution.spatial": "conv1_middle",
    "convolution.norm": "conv1_middle_spatbn_relu",
    "convolution.temporal": "conv1",
    "norm": "conv1_spatbn_relu",
}
BLOCK = {
    "convolution{i}": "comp_{block}_conv_{i}",
    "convolution{i}.spatial": "comp_{block}_conv_{i}_middle",
    "convolution{i}.norm": "comp_{block}_spatbn_{i}_middle",
    "convolution{i}.temporal": "comp_{block}_conv_{i}",
    "norm{i}": "comp_{block}_spatbn_{i}",
    "shortcut.convolution": "shortcut_projection_{block}",
    "shortcut.norm": "shortcut_projection_{block}_spatbn",
}
NORM = {"weight": "s", "bias": "b", "running_mean": "rm", "running_var": "riv"}  # riv: the variance itself
LINEAR = {"weight": "w", "bias": "b"}
HEAD = re.compile(r"last_out_L\d+_[wb]")  # the number is the file's number of classes
BLOCK_NAME = re.compile(r"backbone\.group(\d+)\.(\d+)\.(.+)")


def is_head(theirs: str) -> bool:
    """Whether a blob belongs to the classifier's last layer."""
    return HEAD.fullmatch(theirs) is not None


def blob_names(ours: Iterable[str], theirs: Iterable[str]) -> dict[str, str]:
    """Our name to the blob's for every tensor of a video ResNet that Caffe2 has.

    Blocks are counted through the network from 0; the last layer is called after the file's own classes.
    """
    ours = list(ours)
    blocks = sorted({(int(m[1]), int(m[2])) for m in map(BLOCK_NAME.fullmatch, ours) if m})
    modules = {f"backbone.stem.{module}": blob for module, blob in STEM.items()}
    for number, (group, index) in enumerate(blocks):
        for module, blob in BLOCK.items():
            for i in (1, 2):
                ours_module = f"backbone.group{group}.{index}.{module.format(i=i)}"
                modules[ours_module] = blob.format(block=number, i=i)
    heads = {name.rpartition("_")[0] for name in theirs if is_head(name)}
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
