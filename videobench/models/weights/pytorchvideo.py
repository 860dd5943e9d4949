"""PyTorchVideo's names of ir-CSN (its CSN-R101, which has torchvision's epsilon in its norms)."""

from collections.abc import Iterable

from videobench.models.weights.residual import module_names, tensor_names

# Our module to theirs.
OUTSIDE = {
    "backbone.stem.convolution": "blocks.0.conv",
    "backbone.stem.norm": "blocks.0.norm",
    "head.linear": "blocks.5.proj",
}
BLOCK = {
    "convolution1": "blocks.{layer}.res_blocks.{index}.branch2.conv_a",
    "norm1": "blocks.{layer}.res_blocks.{index}.branch2.norm_a",
    "convolution2": "blocks.{layer}.res_blocks.{index}.branch2.conv_b",
    "norm2": "blocks.{layer}.res_blocks.{index}.branch2.norm_b",
    "convolution3": "blocks.{layer}.res_blocks.{index}.branch2.conv_c",
    "norm3": "blocks.{layer}.res_blocks.{index}.branch2.norm_c",
    "shortcut.convolution": "blocks.{layer}.res_blocks.{index}.branch1_conv",
    "shortcut.norm": "blocks.{layer}.res_blocks.{index}.branch1_norm",
}


def is_head(theirs: str) -> bool:
    """Whether a tensor belongs to the classifier's last layer."""
    return theirs.startswith("blocks.5.")


def pytorchvideo_names(ours: Iterable[str], _theirs: Iterable[str]) -> dict[str, str]:
    """Our name to theirs for every tensor of ir-CSN."""
    ours = list(ours)
    return tensor_names(ours, module_names(ours, outside=OUTSIDE, inside=BLOCK))
