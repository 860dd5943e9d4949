"""The names of the two public I3D ports to PyTorch, piergiaj's and hassony2's.

P2's code (LateTemporalModeling3DCNN) holds piergiaj's network as a numbered sequence.
"""

import re
from collections.abc import Iterable, Mapping

from videobench.models.weights.late_temporal import head_names

MODULES = ("3b", "3c", "4b", "4c", "4d", "4e", "4f", "5b", "5c")

# Our part of the network to theirs, and our branch of an Inception module to theirs.
PIERGIAJ_STAGES = {
    "stem": "Conv3d_1a_7x7",
    "unit2b": "Conv3d_2b_1x1",
    "unit2c": "Conv3d_2c_3x3",
    **{f"mixed{module}": f"Mixed_{module}" for module in MODULES},
}
PIERGIAJ_BRANCHES = {
    "branch0": "b0",
    "branch1.0": "b1a",
    "branch1.1": "b1b",
    "branch2.0": "b2a",
    "branch2.1": "b2b",
    "branch3.1": "b3b",
}
HASSONY2_STAGES = {stage: name.lower() for stage, name in PIERGIAJ_STAGES.items()}
HASSONY2_BRANCHES = {branch: branch.replace("branch", "branch_") for branch in PIERGIAJ_BRANCHES}
LATE_TEMPORAL_STAGES = {
    "stem": "features.0",  # pools are numbered as well
    "unit2b": "features.2",
    "unit2c": "features.3",
    **{f"mixed{module}": f"features.{i}" for module, i in zip(MODULES, (5, 6, 8, 9, 10, 11, 12, 14, 15), strict=True)},
    "reduction": "mapper",
}
NAME = re.compile(r"backbone\.(\w+)\.(?:(branch\d(?:\.\d)?)\.)?(convolution|norm)\.(\w+)")


def is_piergiaj_head(theirs: str) -> bool:
    """Whether a tensor of piergiaj's belongs to the classifier's last layer."""
    return theirs.startswith("logits.")


def is_hassony2_head(theirs: str) -> bool:
    """Whether a tensor of hassony2's belongs to the classifier's last layer."""
    return theirs.startswith("conv3d_0c_1x1.")


def piergiaj_names(ours: Iterable[str], _theirs: Iterable[str]) -> dict[str, str]:
    """Our name to piergiaj's for every tensor of I3D with a linear classifier."""
    ours = list(ours)
    backbone = _backbone_names(ours, stages=PIERGIAJ_STAGES, branches=PIERGIAJ_BRANCHES, norm="bn")
    return backbone | _linear_names(ours, "logits.conv3d")


def hassony2_names(ours: Iterable[str], _theirs: Iterable[str]) -> dict[str, str]:
    """Our name to hassony2's for every tensor of I3D with a linear classifier."""
    ours = list(ours)
    backbone = _backbone_names(ours, stages=HASSONY2_STAGES, branches=HASSONY2_BRANCHES, norm="batch3d")
    return backbone | _linear_names(ours, "conv3d_0c_1x1.conv3d")


def late_temporal_names(ours: Iterable[str], _theirs: Iterable[str]) -> dict[str, str]:
    """Our name to that in P2's code for every tensor of I3D, reduced or not, and of any head."""
    ours = list(ours)
    backbone = _backbone_names(ours, stages=LATE_TEMPORAL_STAGES, branches=PIERGIAJ_BRANCHES, norm="bn")
    return backbone | head_names(ours)


def _backbone_names(
    ours: Iterable[str], *, stages: Mapping[str, str], branches: Mapping[str, str], norm: str
) -> dict[str, str]:
    layers = {"convolution": "conv3d", "norm": norm}
    names = {}
    for name in ours:
        if (match := NAME.fullmatch(name)) and match[1] in stages:
            stage, branch, layer, parameter = match.groups()
            parts = [stages[stage], *([branches[branch]] if branch else []), layers[layer], parameter]
            names[name] = ".".join(parts)
    return names


def _linear_names(ours: Iterable[str], theirs: str) -> dict[str, str]:
    return {name: f"{theirs}.{name.rpartition('.')[2]}" for name in ours if name.startswith("head.linear.")}
