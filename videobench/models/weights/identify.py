"""Which network a file of tensors belongs to, told from its names and shapes alone.

Settings are those that an experiment file has under `network` and `head`, as plain values. They are guesses from a
few tensors: whoever builds the network sees by loading whether every tensor fits. Shapes of convolutions are
[out channels, in channels, T, H, W].
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

from torch import Tensor

from videobench.models.video_resnet import DEPTHS, NETWORKS

Shapes = Mapping[str, tuple[int, ...]]
Settings = dict[str, Any]
Recogniser = Callable[[Shapes], Settings | None]

P3D_DEPTHS = {16: 63, 33: 131, 50: 199}
PAPER_WIDTH, REDUCED_CHANNELS = 64, 512
FRAMES_A_STEP = {"resnext": 16, "i3d": 8, "slowfast": 8, "video_resnet": 8}
"""Frames of a clip to one time step of the features (SlowFast: to one of its slow path)."""
DEPTHWISE = (1, 3, 3, 3)


@dataclass(frozen=True)
class Guess:
    """What a file may hold; `frames` is None where the tensors fit any clip length."""

    network: Settings
    head: Settings
    num_classes: int
    in_channels: int
    frames: int | None


@dataclass(frozen=True)
class Naming:
    """One kind of file: the tensor of its first convolution, its classifier's weight, and how to tell the network."""

    stem: str
    classifier: str
    network: Recogniser


def guess(tensors: Mapping[str, Tensor]) -> Guess | None:
    """What the file may hold; None when its names are of no network known here."""
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    for naming in NAMINGS:
        classifier = next((shape for name, shape in shapes.items() if re.fullmatch(naming.classifier, name)), None)
        stem = shapes.get(naming.stem, ())
        network = naming.network(shapes) if classifier and len(stem) == 5 else None
        if network and classifier:
            head = head_of(shapes, network, classifier=classifier)
            frames = stem[2] if network.get("name") == "R2D" else frames_of(shapes, network, head)
            return Guess(network, head, classifier[0], stem[1], frames)
    return None


def residual(*, stem: str, block: str, third: str, factorised: str = "none", **settings: Any) -> Recogniser:
    """How to tell P1's networks and their relatives apart by the kernels of their groups.

    `block` begins every name of a block, with its numbers in groups of the pattern; `third` is a convolution that
    only bottlenecks have, and `factorised` the temporal half of a (2+1)D stem; `settings` hold for all such files.
    """

    def network(shapes: Shapes) -> Settings | None:
        blocks: dict[tuple[int, ...], list[tuple[int, ...]]] = {}
        for name, shape in shapes.items():
            if match := re.match(block, name):
                blocks.setdefault(tuple(map(int, match.groups())), []).append(shape)
        kernels = [blocks[number] for number in sorted(blocks)]
        same_size = [
            depth
            for depth, made in DEPTHS.items()
            if sum(made.num_blocks) == len(kernels) and (depth >= 50) == (third in shapes)
        ]
        if not same_size:
            return None
        ends = accumulate(DEPTHS[same_size[0]].num_blocks, initial=0)
        groups = [kernels[start:end] for start, end in pairwise(ends)]
        types = [stem_type(shapes, stem=stem, factorised=factorised), *map(group_type, groups)]
        names = [name for name, named in NETWORKS.items() if list(named) == types]
        width = shapes.get(factorised, shapes[stem])[0]
        size = {"depth": same_size[0]} | ({} if width == PAPER_WIDTH else {"width": width})
        return {"type": "video_resnet", "name": names[0]} | size | settings if names else None

    return network


def stem_type(shapes: Shapes, *, stem: str, factorised: str) -> str:
    if factorised in shapes:
        return "(2+1)D"
    return {1: "2D", 3: "3D", 7: "3D"}.get(shapes[stem][2], "whole clip")


def group_type(blocks: list[list[tuple[int, ...]]]) -> str:
    """The type of convolution, told from the shapes in a group's last block, which has no shortcut."""
    kernels = [shape[2:] for shape in blocks[-1] if len(shape) == 5]
    if any(shape[1:] == DEPTHWISE for shape in blocks[-1]):
        return "1x1x1 + depthwise" if kernels.count((1, 1, 1)) == 3 else "depthwise"
    if (3, 1, 1) in kernels:
        return "(2+1)D"
    return "3D" if (3, 3, 3) in kernels else "2D"


def torchvision(shapes: Shapes) -> Settings | None:
    """Files with torchvision's names: its own flavour, or VMZ's and ig65m's, told by the widths inside of blocks."""
    find = residual(
        stem="stem.0.weight", block=r"layer(\d)\.(\d+)\.", third="layer1.0.conv3.0.weight", factorised="stem.3.weight"
    )
    network = find(shapes)
    first, second = (shapes.get(f"layer2.0.conv{number}.0.0.weight", (0,))[0] for number in (1, 2))
    is_own = first == second and "layer1.0.conv3.0.weight" not in shapes
    return network | {"flavour": "torchvision"} if network and is_own else network


def slowfast(prefix: str = "", *, lateral: str = "s1_fuse.conv_f2s.weight", **settings: Any) -> Recogniser:
    """SlowFast-R50: 4x16 by the kernel of the first connection between its paths, `lateral`, else 8x8.

    P2 puts blocks of its own to one or both of the paths.
    """

    def network(shapes: Shapes) -> Settings:
        faster = {"alpha": 8, "fusion_kernel": 5} if shapes.get(prefix + lateral, ())[2:3] == (5,) else {}
        fusion = {"fusion": "early"} if "mapper_fast.conv1.weight" in shapes else {}
        reduced = reduction(shapes, f"{prefix}s5.pathway0_res2.conv1.weight")
        return {"type": "slowfast"} | settings | faster | fusion | reduced

    return network


def reduction(shapes: Shapes, replaced: str, *, channels: int | None = None) -> Settings:
    """FRMB where the tensor `replaced` is there (with so many channels), FRAB where there is a block besides."""
    if replaced in shapes and channels in (None, shapes[replaced][0]):
        return {"reduction": "frmb"}
    return {"reduction": "frab"} if any(name.startswith("mapper") for name in shapes) else {}


def num_blocks(shapes: Shapes) -> int:
    """How many blocks there are of those called layer1.0, layer1.1, ..."""
    return len({match[0] for match in map(re.compile(r"layer\d\.\d+\.").match, shapes) if match})


def resnext(shapes: Shapes) -> Settings | None:
    is_grouped = shapes.get("layer1.0.conv2.weight", ())[:2] == (128, 4)
    return {"type": "resnext"} if is_grouped and num_blocks(shapes) == 33 else None


def kenshohara(shapes: Shapes) -> Settings | None:
    """3D-ResNets-PyTorch's R3D and R(2+1)D; its ResNeXts have fewer channels in a group."""
    grouped = shapes.get("layer1.0.conv2.weight")
    if grouped and grouped[0] != grouped[1]:
        return None
    stem = "conv1_s.weight" if "conv1_s.weight" in shapes else "conv1.weight"
    find = residual(
        stem=stem, block=r"layer(\d)\.(\d+)\.", third="layer1.0.conv3.weight", factorised="conv1_t.weight",
        flavour="kenshohara",
    )  # fmt: skip
    return find(shapes)


def p3d(shapes: Shapes) -> Settings | None:
    depth = P3D_DEPTHS.get(num_blocks(shapes))
    return {"type": "p3d", "depth": depth} if depth else None


def always(**settings: Any) -> Recogniser:
    return lambda _: settings


CAFFE2_BLOCK, CAFFE2_THIRD = r"comp_(\d+)_", "comp_0_conv_3_w"
P2_CLASSIFIER = "fc_action.weight"
PYSLOWFAST: Settings = {"fast_stride": 1, "slow_frames": "linspace"}
NAMINGS = (
    Naming("stem.0.weight", "fc.weight", torchvision),
    Naming(
        "conv1_middle_w", r"last_out_L\d+_w",
        residual(stem="conv1_middle_w", block=CAFFE2_BLOCK, third=CAFFE2_THIRD, factorised="conv1_w"),
    ),
    Naming("conv1_w", r"last_out_L\d+_w", residual(stem="conv1_w", block=CAFFE2_BLOCK, third=CAFFE2_THIRD)),
    Naming("conv1a_w", r"last_out_L\d+_w", always(type="c3d")),
    Naming("backbone.conv1a.conv.weight", "cls_head.fc_cls.weight", always(type="c3d", flavour="mmaction2")),
    Naming("conv1_custom.weight", "fc.weight", p3d),
    Naming("conv1.weight", "fc.weight", resnext),
    Naming("conv1.weight", "fc.weight", kenshohara),
    Naming("conv1_s.weight", "fc.weight", kenshohara),
    Naming("Conv3d_1a_7x7.conv3d.weight", "logits.conv3d.weight", always(type="i3d")),
    Naming("conv3d_1a_7x7.conv3d.weight", "conv3d_0c_1x1.conv3d.weight", always(type="i3d")),
    Naming("s1.pathway0_stem.conv.weight", "head.projection.weight", slowfast(**PYSLOWFAST)),
    Naming("t_conv1_w", "pred_w", slowfast(lateral="t_pool1_subsample_w", **PYSLOWFAST)),
    Naming(
        "backbone.slow_path.conv1.conv.weight", "cls_head.fc_cls.weight",
        slowfast(lateral="backbone.slow_path.conv1_lateral.conv.weight", fast_stride=1, flavour="mmaction2"),
    ),
    Naming("blocks.0.multipathway_blocks.0.conv.weight", r"blocks.6.proj.weight", slowfast(**PYSLOWFAST)),
    Naming("model.s1.pathway0_stem.conv.weight", P2_CLASSIFIER, slowfast("model.")),
    Naming(
        "features.0.weight", P2_CLASSIFIER,
        lambda shapes: {"type": "resnext"} | reduction(shapes, "features.7.2.conv1.weight", channels=256),
    ),
    Naming(
        "features.0.conv3d.weight", P2_CLASSIFIER,
        lambda shapes: {"type": "i3d"} | reduction(shapes, "features.15.b0.conv3d.weight", channels=192),
    ),
    Naming(
        "features.0.0.weight", P2_CLASSIFIER,
        residual(stem="features.0.0.weight", block=r"features\.([1-4])\.(\d+)\.", third="features.1.0.conv3.0.weight",
                 factorised="features.0.3.weight"),
    ),
    Naming(
        "blocks.0.conv.weight", "blocks.5.proj.weight",
        residual(stem="blocks.0.conv.weight", block=r"blocks\.(\d)\.res_blocks\.(\d+)\.",
                 third="blocks.1.res_blocks.0.branch2.conv_c.weight", flavour="torchvision"),
    ),
    Naming(
        "backbone.conv1.conv.weight", "cls_head.fc_cls.weight",
        residual(stem="backbone.conv1.conv.weight", block=r"backbone\.layer(\d)\.(\d+)\.",
                 third="backbone.layer1.0.conv3.conv.weight"),
    ),
)  # fmt: skip


def head_of(shapes: Shapes, network: Settings, *, classifier: tuple[int, ...]) -> Settings:
    """The head before the classifier, as P2's code names its tensors; the average where there are none."""
    layers = {match[1] for match in map(re.compile(r"bert\w*\.transformer_blocks\.(\d+)\.").match, shapes) if match}
    if layers:
        # What the shapes don't show is as in P2's code: on I3D, tokens are normalised and drawn another way.
        on_i3d = {"initialisation": "scaled", "normalise_tokens": True} if network["type"] == "i3d" else {}
        return {"type": "bert"} | ({"layers": len(layers)} if len(layers) > 1 else {}) | on_i3d
    if lstm := shapes.get("lstm.weight_hh_l0"):
        num_layers = sum(name.startswith("lstm.weight_hh") for name in shapes)
        return {"type": "lstm", "layers": num_layers, "hidden": lstm[1]}
    kind = "non_local" if "NLB.g.weight" in shapes else "concatenation"
    if "linear.weight" in shapes:
        return {"type": kind, "hidden": shapes["linear.weight"][0]}
    if "reduction" in network and classifier[1] > REDUCED_CHANNELS and network["type"] != "slowfast":
        return {"type": kind}
    return {"type": "average"}


def frames_of(shapes: Shapes, network: Settings, head: Settings) -> int | None:
    """The clip length that a head's tensors are made for, or None where they fit any."""
    frames_a_step = FRAMES_A_STEP.get(network["type"], 1)
    positions = [shape[1] for name, shape in shapes.items() if name.endswith("learnedPosition.pe")]
    if positions:
        return (min(positions) - 1) * frames_a_step  # the class token has one, too; SlowFast's fast path has more
    if head["type"] in ("concatenation", "non_local"):
        inputs = shapes.get("linear.weight", shapes.get(P2_CLASSIFIER, (0, 0)))[1]
        return inputs // REDUCED_CHANNELS * frames_a_step
    return None


def describe(found: Guess) -> str:
    """The guess in words: "R(2+1)D-34, 400 classes, RGB"."""
    network, head = found.network, found.head
    name = NAMES.get(network["type"]) or network["name"]
    words = [
        f"{name}-{network['depth']}" if "depth" in network else name,
        (network.get("reduction") or "").upper(),
        f"with alpha {network['alpha']}" if "alpha" in network else "",
        "early fusion" if network.get("fusion") == "early" else "",
        f"of width {network['width']}" if network.get("width", PAPER_WIDTH) != PAPER_WIDTH else "",
        f"in {network['flavour']}'s variant" if network.get("flavour", "caffe2") != "caffe2" else "",
        "" if head["type"] == "average" else f"with {HEADS[head['type']]}",
    ]
    parts = [
        " ".join(word for word in words if word),
        f"{found.num_classes} classes",
        {3: "RGB", 2: "optical flow"}.get(found.in_channels, f"{found.in_channels} channels"),
    ]
    return ", ".join([*parts, *([f"clips of {found.frames} frames"] if found.frames else [])])


NAMES = {"resnext": "ResNeXt101", "i3d": "I3D", "slowfast": "SlowFast-R50", "c3d": "C3D", "p3d": "P3D"}
HEADS = {"bert": "BERT", "lstm": "an LSTM", "concatenation": "concatenation", "non_local": "a non-local block"}
