"""Networks as an experiment file names them."""

from typing import Literal

from pydantic import Field

from videobench.spec.base import Spec

VideoResNetName = Literal[
    "R2D", "f-R2D", "R3D", "MC2", "MC3", "MC4", "MC5", "rMC2", "rMC3", "rMC4", "rMC5", "R(2+1)D"
]  # fmt: skip


class VideoResNet(Spec):
    """P1's family: one residual network whose five groups each take a convolution type (P1 section 3, Table 1)."""

    type: Literal["video_resnet"] = "video_resnet"
    name: VideoResNetName
    depth: Literal[18, 34] = 18
    width: int = Field(default=64, ge=1)
    """Channels of the first group; every channel count scales with it. 64 is the paper's."""
    flavour: Literal["caffe2", "torchvision"] = "caffe2"
    """The authors' network, or torchvision's variant of it (31.5 M parameters for R(2+1)D-18)."""
    dropout: float = Field(default=0.0, ge=0.0, lt=1.0)


Network = VideoResNet
