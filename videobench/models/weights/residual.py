"""Naming the tensors of a residual network as a peer does, from tables of modules."""

import re
from collections.abc import Iterable, Mapping, Sequence

BLOCK_NAME = re.compile(r"backbone\.group(\d)\.(\d+)\..+")


def module_names(
    ours: Iterable[str], *, outside: Mapping[str, str], inside: Mapping[str, str], numbers: Sequence[int] = (1, 2, 3)
) -> dict[str, str]:
    """Our module to theirs, for the tensors called `ours`; the tables may hold modules that a network hasn't got.

    `outside` holds those outside the blocks, `inside` those within a block, as patterns: {layer} is the group
    counted from 1, {index} the block in it, {block} the block in the network, both from 0, and {i} one of a block's
    convolutions: ours count from 1, theirs are `numbers`.
    """
    modules = dict(outside)
    blocks = sorted({(int(match[1]), int(match[2])) for match in map(BLOCK_NAME.fullmatch, ours) if match})
    for block, (group, index) in enumerate(blocks):
        for module, pattern in inside.items():
            for i, number in enumerate(numbers, start=1):
                theirs = pattern.format(layer=group - 1, index=index, block=block, i=number)
                modules[f"backbone.group{group}.{index}.{module.format(i=i)}"] = theirs
    return modules


def tensor_names(ours: Iterable[str], modules: Mapping[str, str]) -> dict[str, str]:
    """Our tensor to theirs, where a peer in PyTorch calls modules as given."""
    names = {}
    for name in ours:
        module, _, parameter = name.rpartition(".")
        if module in modules:
            names[name] = f"{modules[module]}.{parameter}"
    return names
