"""The names of torchvision's video ResNets, which ig65m-pytorch and VMZ's PyTorch code share."""

from collections.abc import Iterable

from videobench.models.weights.residual import module_names, tensor_names

# Our module to theirs. Convolutions of several parts are sequences there, and so is the stem around them.
STEM = {"convolution": "0", "norm": "1"}
FACTORISED_STEM = {
    "convolution.spatial": "0",
    "convolution.norm": "1",
    "convolution.temporal": "3",
    "norm": "4",
}
BLOCK = {
    "convolution{i}": "layer{layer}.{index}.conv{i}.0",
    "convolution{i}.spatial": "layer{layer}.{index}.conv{i}.0.0",
    "convolution{i}.pointwise": "layer{layer}.{index}.conv{i}.0.0",
    "convolution{i}.norm": "layer{layer}.{index}.conv{i}.0.1",
    "convolution{i}.temporal": "layer{layer}.{index}.conv{i}.0.3",
    "convolution{i}.depthwise": "layer{layer}.{index}.conv{i}.0.2",
    "norm{i}": "layer{layer}.{index}.conv{i}.1",
    "shortcut.convolution": "layer{layer}.{index}.downsample.0",
    "shortcut.norm": "layer{layer}.{index}.downsample.1",
}


def is_head(theirs: str) -> bool:
    """Whether a tensor belongs to the classifier's last layer."""
    return theirs.startswith("fc.")


def torchvision_names(ours: Iterable[str]) -> dict[str, str]:
    """Our name to torchvision's for every tensor of a video ResNet."""
    ours = list(ours)
    stem = FACTORISED_STEM if "backbone.stem.convolution.spatial.weight" in ours else STEM
    outside = {f"backbone.stem.{module}": f"stem.{theirs}" for module, theirs in stem.items()} | {"head.linear": "fc"}
    return tensor_names(ours, module_names(ours, outside=outside, inside=BLOCK))
