"""Networks as an experiment file names them: the backbone, whose features a head classifies."""

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field, Tag

from videobench.spec.base import BrokenRule, Spec, type_or

VideoResNetName = Literal[
    "R2D", "f-R2D", "R3D", "MC2", "MC3", "MC4", "MC5", "rMC2", "rMC3", "rMC4", "rMC5", "R(2+1)D", "ir-CSN", "ip-CSN",
]  # fmt: skip

Depth = Literal[18, 34, 50, 101, 152]

Reduction = Literal["frmb", "frab"]
"""How P2 reduces features to 512 channels (Figure 2): the last block replaced (FRMB), or one more (FRAB)."""


class VideoResNet(Spec):
    """P1's family: one residual network whose five groups each take a convolution type (P1 section 3, Table 1)."""

    type: Literal["video_resnet"] = "video_resnet"
    name: VideoResNetName
    depth: Depth = 18
    width: int = Field(default=64, ge=1)
    """Channels of the first group; every channel count scales with it. 64 is the paper's."""
    flavour: Literal["caffe2", "torchvision", "kenshohara"] = "caffe2"
    """The authors' network, torchvision's variant of it (31.5 M parameters for R(2+1)D-18), or K. Hara's, whose stem
    sees 7 frames and pools in time."""
    stem_pooling: bool | None = None
    """Halve height and width once more after conv1, as P1's authors do at 224 pixels; null is their own choice."""

    def broken_rules(self) -> Iterable[BrokenRule]:
        if self.name.endswith("CSN") and self.depth < 50:
            yield BrokenRule(f"{self.name} is made of bottlenecks, so its depth is 50, 101 or 152", ("depth", "name"))

    @property
    def label(self) -> str:
        return f"{self.name}-{self.depth}"


class ResNeXt(Spec):
    """ResNeXt101 with 3D convolutions in 32 groups (Hara et al.), P2's main backbone."""

    type: Literal["resnext"]
    reduction: Reduction | None = None

    @property
    def label(self) -> str:
        return "ResNeXt101" + reduced(self.reduction)


class I3D(Spec):
    """Inception-v1 inflated (Carreira and Zisserman)."""

    type: Literal["i3d"]
    reduction: Reduction | None = None

    @property
    def label(self) -> str:
        return "I3D" + reduced(self.reduction)


class SlowFast(Spec):
    """SlowFast-R50 8x8 (Feichtenhofer et al.) on a window of frames."""

    type: Literal["slowfast"]
    fast_stride: Literal[1, 2] = 2
    """The fast path sees every such frame of the clip: 2 of P2's 64, 1 of PySlowFast's own 32."""
    slow_frames: Literal["strided", "linspace"] = "strided"
    """Which of those the slow path sees: every ``alpha``-th, or PySlowFast's, spread evenly from first to last."""
    alpha: Literal[4, 8] = 4
    """The slow path sees one frame in so many of the fast one's: 4 in 8x8, 8 in 4x16."""
    fusion_kernel: Literal[5, 7] = 7
    """Steps that a connection from the fast to the slow path spans: 7 in 8x8, 5 in 4x16."""
    flavour: Literal["pyslowfast", "mmaction2"] = "pyslowfast"
    """The authors' network, or MMAction2's variant for its weights."""
    fusion: Literal["late", "early"] = "late"
    """The paths are pooled each by itself, or joined step by step before the head (P2 Figure 3)."""
    reduction: Reduction | None = None

    @property
    def label(self) -> str:
        return f"SlowFast-R50 {self.fusion}" + reduced(self.reduction)


class C3D(Spec):
    """Eight 3D convolutions without shortcuts (Tran et al.), as P1's authors released it or as in MMAction2."""

    type: Literal["c3d"]
    width: int = Field(default=64, ge=1)
    flavour: Literal["caffe2", "mmaction2"] = "caffe2"
    """With BatchNorm, or without."""
    fully_connected: bool = True
    """Its own two layers of 4096 before the classifier; false: none, so that there is time left for heads to pool."""

    @property
    def label(self) -> str:
        return "C3D" if self.fully_connected else "C3D convolutions"


class P3D(Spec):
    """Pseudo-3D residual networks (Qiu et al.)."""

    type: Literal["p3d"]
    depth: Literal[63, 131, 199] = 63
    width: int = Field(default=64, ge=1)

    @property
    def label(self) -> str:
        return f"P3D-{self.depth}"


def reduced(reduction: Reduction | None) -> str:
    """Return the ending of a reduced network's name."""
    return f" {reduction.upper()}" if reduction else ""


Network = Annotated[
    Annotated[VideoResNet, Tag("video_resnet")]
    | Annotated[ResNeXt, Tag("resnext")]
    | Annotated[I3D, Tag("i3d")]
    | Annotated[SlowFast, Tag("slowfast")]
    | Annotated[C3D, Tag("c3d")]
    | Annotated[P3D, Tag("p3d")],
    type_or("video_resnet"),
]
