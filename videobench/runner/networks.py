"""From the spec of a network and a head to the network, its size, and the list of all there are."""

from collections.abc import Sequence
from typing import Literal, assert_never

import torch

from videobench.models.c3d import C3D
from videobench.models.classifier import Classifier
from videobench.models.complexity import count_conv_fc_weights, count_macs, count_parameters
from videobench.models.heads.average import AveragePooling
from videobench.models.heads.bert import BertPooling
from videobench.models.heads.concatenation import Concatenation
from videobench.models.heads.head import Head, LinearInitialisation, Pooling
from videobench.models.heads.lstm import LstmPooling
from videobench.models.heads.non_local import NonLocalConcatenation
from videobench.models.inception import I3D
from videobench.models.p3d import P3D
from videobench.models.resnext import ResNeXt
from videobench.models.slowfast import SlowFast
from videobench.models.streams import Stream
from videobench.models.video_resnet import FLAVOURS, VideoResNet
from videobench.records import NetworkSize
from videobench.spec import head as heads
from videobench.spec import network as networks
from videobench.spec.clip import Clip

REDUCTIONS: dict[networks.Reduction | None, Literal["modification", "addition"] | None] = {
    None: None,
    "frmb": "modification",
    "frab": "addition",
}


def build_network(network: networks.Network, head: heads.Head, *, clip: Clip, num_classes: int) -> Classifier:
    """Return the network for clips like ``clip``, freshly initialised from torch's generator.

    ConfigError when backbone, head and clip don't go together.
    """
    backbone = build_backbone(network, frames=clip.frames, size=clip.crop, in_channels=clip.channels)
    model = Classifier(backbone, build_head(head, backbone.streams, num_classes=num_classes))
    backbone.initialise()
    model.head.initialise(_classifier_initialisation(network, head))
    return model


Backbone = VideoResNet | ResNeXt | I3D | SlowFast | C3D | P3D


def build_backbone(spec: networks.Network, *, frames: int, size: int, in_channels: int) -> Backbone:
    """Return the backbone alone; its weights are torch's defaults until it draws its own."""
    match spec:
        case networks.VideoResNet():
            return VideoResNet(
                spec.name, frames=frames, in_channels=in_channels, depth=spec.depth, width=spec.width,
                stem_pooling=spec.stem_pooling, flavour=spec.flavour,
            )  # fmt: skip
        case networks.ResNeXt():
            return ResNeXt(frames=frames, in_channels=in_channels, reduction=REDUCTIONS[spec.reduction])
        case networks.I3D():
            return I3D(frames=frames, in_channels=in_channels, reduction=REDUCTIONS[spec.reduction])
        case networks.SlowFast():
            return SlowFast(
                frames=frames, in_channels=in_channels, fast_stride=spec.fast_stride, slow_frames=spec.slow_frames,
                fusion=spec.fusion, reduction=REDUCTIONS[spec.reduction], alpha=spec.alpha,
                fusion_kernel=spec.fusion_kernel, flavour=spec.flavour,
            )  # fmt: skip
        case networks.C3D():
            return C3D(
                frames=frames, size=size, in_channels=in_channels, width=spec.width,
                fully_connected=spec.fully_connected, flavour=spec.flavour,
            )  # fmt: skip
        case networks.P3D():
            return P3D(frames=frames, in_channels=in_channels, depth=spec.depth, width=spec.width)
        case _:
            assert_never(spec)


def build_head(spec: heads.Head, streams: Sequence[Stream], *, num_classes: int) -> Head:
    """Return the head for a backbone's streams: a pooling for each of them."""
    hidden = spec.hidden if isinstance(spec, heads.ConcatenationHead | heads.NonLocalHead) else None
    return Head(
        [_pooling(spec, stream) for stream in streams], num_classes=num_classes, hidden=hidden, dropout=spec.dropout
    )


def _pooling(spec: heads.Head, stream: Stream) -> Pooling:
    match spec:
        case heads.AverageHead():
            return AveragePooling(stream)
        case heads.ConcatenationHead():
            return Concatenation(stream)
        case heads.LstmHead():
            return LstmPooling(stream, layers=spec.layers, hidden=spec.hidden)
        case heads.NonLocalHead():
            return NonLocalConcatenation(stream)
        case heads.BertHead():
            return BertPooling(
                stream, layers=spec.layers, heads=spec.heads, output=spec.output, initialisation=spec.initialisation,
                normalise_tokens=spec.normalise_tokens, keep=spec.keep, dropout=spec.inner_dropout,
            )  # fmt: skip
        case _:
            assert_never(spec)


def _classifier_initialisation(network: networks.Network, head: heads.Head) -> LinearInitialisation:
    """Return the way of the backbone's authors, or P2's: the one its heads and backbones have."""
    if isinstance(head, heads.AverageHead) and head.classifier == "backbone":
        match network:
            case networks.VideoResNet():
                return FLAVOURS[network.flavour].linear_init
            case networks.C3D():
                return "caffe2" if network.flavour == "caffe2" else "normal"
            case networks.P3D():
                return "torch"
    return "xavier"


def network_size(
    network: networks.Network, head: heads.Head, *, num_classes: int, built_for: Clip, clip: Clip
) -> NetworkSize:
    """Return parameters and multiply-accumulates of one ``clip``, computed without running anything."""
    with torch.device("meta"):
        model = build_network(network, head, clip=built_for, num_classes=num_classes)
    return NetworkSize(
        parameters=count_parameters(model),
        conv_fc_weights=count_conv_fc_weights(model),
        macs=count_macs(model, (1, clip.channels, clip.frames, clip.crop, clip.crop)),
    )
