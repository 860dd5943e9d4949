"""Every backbone with every head, and what each pair costs: ``videobench models``."""

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from videobench.errors import ConfigError
from videobench.models.classifier import Classifier
from videobench.models.complexity import count_conv_fc_weights, count_macs, count_operations, count_parameters
from videobench.runner.networks import build_backbone, build_head
from videobench.spec.head import AverageHead, BertHead, ConcatenationHead, Head, LstmHead, NonLocalHead
from videobench.spec.network import (
    C3D,
    I3D,
    P3D,
    Depth,
    Network,
    Reduction,
    ResNeXt,
    SlowFast,
    VideoResNet,
    VideoResNetName,
)
from videobench.spec.problems import nearest

HEADS: dict[str, Head] = {
    "average": AverageHead(),
    "concatenation": ConcatenationHead(type="concatenation"),
    "concatenation + FC": ConcatenationHead(type="concatenation", hidden=1550),
    "LSTM": LstmHead(type="lstm"),
    "non-local + concatenation + FC": NonLocalHead(type="non_local"),
    "BERT": BertHead(type="bert"),
}
"""The six ways of pooling of P2's Table 1, as its authors built them."""

OWN_INPUT = {"video_resnet": (8, 112), "resnext": (64, 112), "i3d": (64, 224), "slowfast": (64, 224), "c3d": (16, 112),
             "p3d": (16, 160)}  # fmt: skip
"""Frames, and height and width in pixels, of the clips that a network's paper is about."""

BOTTLENECK_NAMES: tuple[VideoResNetName, ...] = ("R3D", "R(2+1)D", "ir-CSN", "ip-CSN")
REDUCTIONS: tuple[Reduction | None, ...] = (None, *get_args(Reduction))


Count = Callable[[nn.Module, Sequence[int]], int]

CountingRule = Literal["macs", "p2"]
"""Multiply-accumulates, or also elements of other layers, as P2's tables do."""


@dataclass(frozen=True)
class ListedNetwork:
    """A backbone with a head: what it is called, the clip it is counted for, and what one costs."""

    network: str
    head: str
    frames: int
    size: int
    parameters: int
    conv_fc_weights: int
    operations: int
    """Multiply-accumulates, or what P2 prints as GFlops."""


def list_networks(
    *,
    pattern: str,
    frames: int | None,
    size: int | None,
    num_classes: int,
    in_channels: int,
    width: int,
    count: CountingRule,
) -> Iterator[ListedNetwork]:
    """Yield every backbone x head that ``pattern`` matches (``ResNeXt*``, ``*/BERT``), one after the other.

    ``frames`` and ``size`` None: those of the network's paper. What can't work on such clips is left out. ConfigError
    when nothing matches, or nothing that does can work.
    """
    wanted = {network.label: network for network in every_network(width)}
    names = {f"{label}/{head}": (label, head) for label in wanted for head in HEADS}
    chosen = [pair for name, pair in names.items() if any(fnmatchcase(name, p) for p in (pattern, f"{pattern}/*"))]
    if not chosen:
        raise ConfigError(f"no network matches {pattern!r}", hint=nearest(pattern, [*names, *wanted]))
    refused: ConfigError | None = None
    labels = dict.fromkeys(label for label, _ in chosen)
    for label in list(labels):
        network = wanted[label]
        own_frames, own_size = OWN_INPUT[network.type]
        shape = (1, in_channels, frames or own_frames, size or own_size, size or own_size)
        try:
            yield from _counted(network, [head for each, head in chosen if each == label], shape, num_classes, count)
        except ConfigError as error:
            refused = error
            del labels[label]
    if refused and not labels:
        raise refused


def every_network(width: int) -> Iterator[Network]:
    """Yield all backbones; ``width`` is that of those that have one."""
    names: tuple[VideoResNetName, ...] = get_args(VideoResNetName)
    basic: tuple[Depth, ...] = (18, 34)
    bottlenecks: tuple[Depth, ...] = (50, 101, 152)
    for depth in basic:
        yield from (VideoResNet(name=name, depth=depth, width=width) for name in names if "CSN" not in name)
    for depth in bottlenecks:
        yield from (VideoResNet(name=name, depth=depth, width=width) for name in BOTTLENECK_NAMES)
    for reduction in REDUCTIONS:
        yield ResNeXt(type="resnext", reduction=reduction)
    for reduction in REDUCTIONS:
        yield I3D(type="i3d", reduction=reduction)
    for reduction in REDUCTIONS:
        yield SlowFast(type="slowfast", fusion="late", reduction=reduction)
        yield SlowFast(type="slowfast", fusion="early", reduction=reduction)
    yield C3D(type="c3d", width=width)
    yield C3D(type="c3d", width=width, fully_connected=False)
    for p3d_depth in get_args(P3D.model_fields["depth"].annotation):
        yield P3D(type="p3d", depth=p3d_depth, width=width)


def _counted(
    network: Network, heads: list[str], shape: tuple[int, ...], num_classes: int, count: CountingRule
) -> Iterator[ListedNetwork]:
    """Count the backbone once and each head on its features; nothing is computed."""
    _, in_channels, frames, size, _ = shape
    with torch.device("meta"):
        backbone = build_backbone(network, frames=frames, size=size, in_channels=in_channels).eval()
        with torch.no_grad():
            features = backbone(torch.empty(shape))
    as_p2 = count == "p2"
    of_backbone: Count = _count_as_p2(network) if as_p2 else count_macs
    of_head: Count = count_operations if as_p2 else count_macs
    alone = _count(backbone, shape, of_backbone)
    for name in heads:
        with torch.device("meta"):
            try:
                head = build_head(HEADS[name], backbone.streams, num_classes=num_classes)
            except ConfigError:
                continue  # 8 attention heads don't divide every number of features
        added = _count(Classifier(_Given(features), head), shape, of_head)
        total = [one + other for one, other in zip(alone, added, strict=True)]
        yield ListedNetwork(network.label, name, frames, size, *total)


def _count_as_p2(network: Network) -> Count:
    """Return the count of a backbone that sees what the authors' counter saw of it."""
    match network.type:
        case "i3d":
            return functools.partial(count_operations, relus=False)
        case "slowfast":
            return functools.partial(count_operations, pools_after=("slow.group2", "fast.group2"))
        case _:
            return count_operations


def _count(model: nn.Module, shape: tuple[int, ...], count: Count) -> tuple[int, int, int]:
    return count_parameters(model), count_conv_fc_weights(model), count(model, shape)


class _Given(nn.Module):
    """A backbone that costs nothing."""

    def __init__(self, features: Tensor | tuple[Tensor, ...]) -> None:
        super().__init__()
        self.features = features

    def forward(self, _clips: Tensor) -> Tensor | tuple[Tensor, ...]:
        return self.features
