"""The names of torchvision's video ResNets, which ig65m-pytorch and VMZ's PyTorch code share."""

import re
from collections.abc import Iterable

# Our module to theirs. A factorised convolution is a sequence there, and so is the stem around it.
STEM = {"convolution": "0", "norm": "1"}
FACTORISED_STEM = {
    "convolution.spatial": "0",
    "convolution.norm": "1",
    "convolution.temporal": "3",
    "norm": "4",
}
BLOCK = {
    "convolution{i}": "conv{i}.0",
    "convolution{i}.spatial": "conv{i}.0.0",
    "convolution{i}.norm": "conv{i}.0.1",
    "convolution{i}.temporal": "conv{i}.0.3",
    "norm{i}": "conv{i}.1",
    "shortcut.convolution": "downsample.0",
    "shortcut.norm": "downsample.1",
}
STEM_NAME = "backbone.stem."
BLOCK_NAME = re.compile(r"(backbone\.group(\d+)\.(\d+)\.).+")


def is_head(theirs: str) -> bool:
    """Whether a tensor belongs to the classifier's last layer."""
    return theirs.startswith("fc.")


def torchvision_names(ours: Iterable[str]) -> dict[str, str]:
    """Our name to torchvision's for every tensor of a video ResNet."""
    ours = list(ours)
    factorised = f"{STEM_NAME}convolution.spatial.weight" in ours
    modules = {"head.linear": "fc"}
    for module, theirs in (FACTORISED_STEM if factorised else STEM).items():
        modules[STEM_NAME + module] = f"stem.{theirs}"
    for prefix, group, index in {m.groups() for m in map(BLOCK_NAME.fullmatch, ours) if m}:
        for module, theirs in BLOCK.items():
            for i in (1, 2):
                modules[prefix + module.format(i=i)] = f"layer{int(group) - 1}.{index}.{theirs.format(i=i)}"
    names = {}
    for name in ours:
        module, _, parameter = name.rpartition(".")
        if module in modules:
            names[name] = f"{modules[module]}.{parameter}"
    return names
