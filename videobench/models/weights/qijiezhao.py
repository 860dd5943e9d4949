"""The names of qijiezhao's P3D (pseudo-3d-pytorch)."""

from collections.abc import Iterable

from videobench.models.weights.residual import module_names, tensor_names

# Our module to theirs.
OUTSIDE = {"backbone.stem.convolution": "conv1_custom", "backbone.stem.norm": "bn1", "head.linear": "fc"}
BLOCK = {
    "convolution1": "layer{layer}.{index}.conv1",
    "norm1": "layer{layer}.{index}.bn1",
    "spatial": "layer{layer}.{index}.conv2",
    "spatial_norm": "layer{layer}.{index}.bn2",
    "temporal": "layer{layer}.{index}.conv3",
    "temporal_norm": "layer{layer}.{index}.bn3",
    "convolution2": "layer{layer}.{index}.conv4",
    "norm2": "layer{layer}.{index}.bn4",
    "shortcut.convolution": "layer{layer}.{index}.downsample.0",
    "shortcut.norm": "layer{layer}.{index}.downsample.1",
}
BLOCK_2D = BLOCK | {
    "spatial": "layer{layer}.{index}.conv_normal",
    "spatial_norm": "layer{layer}.{index}.bn_normal",
}


def is_head(theirs: str) -> bool:
    """Whether a tensor belongs to the classifier's last layer."""
    return theirs.startswith("fc.")


def qijiezhao_names(ours: Iterable[str], _theirs: Iterable[str]) -> dict[str, str]:
    """Our name to theirs for every tensor of P3D; its last group, which is 2D, has weights without an axis of time."""
    ours = list(ours)
    last_group = [name for name in ours if name.startswith("backbone.group5.")]
    modules = module_names(ours, outside=OUTSIDE, inside=BLOCK)
    return tensor_names(ours, modules | module_names(last_group, outside={}, inside=BLOCK_2D))
