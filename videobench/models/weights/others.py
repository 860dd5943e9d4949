"""Files that people take for weights of these networks and that are of others, told by a few of their tensors."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Other:
    """`tensor` (a pattern) is in the file, with the given length along axes of its shape, and `without` isn't."""

    what: str
    tensor: str
    shape: Mapping[int, int] | None = None
    num_axes: int | None = None
    without: str | None = None


MMACTION2, PYTORCHVIDEO = "mmaction2's", "pytorchvideo's"
OTHERS = (
    Other(
        f"{MMACTION2} R(2+1)D, which is not P1's: a stem of 83 channels, a max pool, factorised shortcuts",
        r"backbone\.conv1\.conv\.conv_s\.weight",
    ),
    Other(f"{PYTORCHVIDEO} R(2+1)D-R50, which is not P1's: a stem of one frame, no wider middle",
          r"blocks\.1\.res_blocks\.0\.branch2\.conv_b\.conv_t\.weight"),
    Other("torchvision's S3D, whose Inception modules are factorised: not I3D", r"features\.0\.0\.0\.weight", {2: 1}),
    Other(f"{MMACTION2} I3D-R50, an inflated ResNet: not the Inception network of I3D",
          r"backbone\.conv1\.conv\.weight", {2: 5}),
    Other("PySlowFast's network of one path (Slow, I3D or C2D on a ResNet): not SlowFast",
          r"s1\.pathway0_stem\.conv\.weight", without=r"s1\.pathway1_stem\..*"),
    Other("PySlowFast's network of one path (Slow, I3D or C2D on a ResNet): not SlowFast",
          r"res_conv1_bn_s", without=r"t_conv1_w"),
    Other("a BERT head alone, without its backbone", r"clsToken"),
    Other("a non-local block alone", r"W_z\.0\.weight"),
    Other("a ResNet for images: `adapt: [inflate]` starts a video network from it", r"conv1\.weight", num_axes=4),
    Other(f"{MMACTION2} network for images (TSN, TSM or the like)", r"backbone\.conv1\.(conv\.)?weight", num_axes=4),
    Other("a transformer for images or video", r"(.*\.)?(patch_embed.*\.proj\.weight|blocks\.0\.attn\.qkv\.weight|"
          r"encoder\.layers\.encoder_layer_0\..*|visual\.conv1\.weight)"),
    Other("an X3D", r"blocks\.0\.conv\.conv_t\.weight|s1\.pathway0_stem\.conv_xy\.weight"),
    Other("an object detector", r"(rpn|roi_heads|roi_head|bbox_head|rpn_head|model\.model\.\d+)\..*"),
    Other("a language model", r"(.*\.)?(word_embeddings|embed_tokens|wte)\.weight"),
)  # fmt: skip


def other_network(tensors: Mapping[str, Tensor]) -> str | None:
    """What a file holds that is known and isn't one of these networks: "mmaction2's I3D-R50, ..."."""
    for other in OTHERS:
        fitting = (name for name in tensors if re.fullmatch(other.tensor, name) and _has_shape(tensors[name], other))
        if any(fitting) and not (other.without and any(re.fullmatch(other.without, name) for name in tensors)):
            return other.what
    return None


def _has_shape(tensor: Tensor, other: Other) -> bool:
    shape = tensor.shape
    if other.num_axes is not None and len(shape) != other.num_axes:
        return False
    return all(axis < len(shape) and shape[axis] == length for axis, length in (other.shape or {}).items())
