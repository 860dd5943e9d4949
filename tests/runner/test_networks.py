"""From the spec of a network and a head to a network, whatever the two are."""

from typing import Any, get_args

import pytest
import torch
from torch import Tensor

from videobench.errors import ConfigError
from videobench.models.heads.bert import BertPooling
from videobench.models.heads.head import Head
from videobench.runner.networks import build_network
from videobench.spec import head as heads
from videobench.spec import network as networks
from videobench.spec.clip import Clip
from videobench.spec.head import AverageHead, BertHead, ConcatenationHead, LstmHead, NonLocalHead
from videobench.spec.network import C3D, I3D, P3D, ResNeXt, SlowFast, VideoResNet, VideoResNetName

CLIP = Clip(frames=8, resize=(16, 16), crop=16)
FLOW = Clip(frames=16, resize=(64, 64), crop=64, modality="flow")

ALL_HEADS: list[heads.Head] = [
    AverageHead(),
    ConcatenationHead(type="concatenation"),
    ConcatenationHead(type="concatenation", hidden=7),
    LstmHead(type="lstm", hidden=6),
    NonLocalHead(type="non_local", hidden=7),
    BertHead(type="bert", output="mean"),
]


@pytest.mark.parametrize("name", get_args(VideoResNetName))
def test_every_network_is_built(name: Any) -> None:
    """Every name that an experiment may write is a network that classifies clips."""
    depth: Any = 50 if "CSN" in name else 18
    model = build_network(VideoResNet(name=name, depth=depth, width=2), AverageHead(), clip=CLIP, num_classes=5)
    assert logits(model.eval(), torch.zeros(1, 3, 8, 16, 16)).shape == (1, 5)


@pytest.mark.parametrize("name", get_args(VideoResNetName))
def test_every_network_takes_flow(name: Any) -> None:
    """Two channels in, as many scores as ever out."""
    depth: Any = 50 if "CSN" in name else 18
    with torch.device("meta"):
        model = build_network(VideoResNet(name=name, depth=depth), AverageHead(), clip=FLOW, num_classes=5).eval()
        assert logits(model, torch.empty(2, 2, 16, 64, 64)).shape == (2, 5)


@pytest.mark.parametrize("head", ALL_HEADS, ids=lambda head: f"{head.type}")
@pytest.mark.parametrize(
    "network",
    [
        VideoResNet(name="R(2+1)D", width=2),
        ResNeXt(type="resnext", reduction="frmb"),
        I3D(type="i3d", reduction="frab"),
        SlowFast(type="slowfast", reduction="frmb"),
        SlowFast(type="slowfast", fusion="early", reduction="frab"),
        C3D(type="c3d", fully_connected=False),
        P3D(type="p3d"),
    ],
    ids=lambda network: str(network.label),
)
def test_every_head_fits_every_backbone(network: networks.Network, head: heads.Head) -> None:
    """Any pair gives a logit for every class; nothing is computed here but shapes."""
    with torch.device("meta"):
        model = build_network(network, head, clip=FLOW, num_classes=5).eval()
        assert logits(model, torch.empty(2, 2, 16, 64, 64)).shape == (2, 5)


def test_c3d_has_layers_of_its_own() -> None:
    """Its fully connected layers are made for the clip's size, and its classifier follows them."""
    with torch.device("meta"):
        model = build_network(C3D(type="c3d"), AverageHead(), clip=FLOW, num_classes=5)
    assert model.head.get_parameter("linear.weight").shape == (5, 4096)


def test_a_csn_needs_bottlenecks() -> None:
    """A channel-separated network of basic blocks doesn't exist, and the spec says so."""
    with pytest.raises(ValueError, match="made of bottlenecks, so its depth is 50, 101 or 152"):
        VideoResNet(name="ip-CSN", depth=18)


def test_settings_of_bert_arrive() -> None:
    """Each field of the spec is the head's own."""
    spec = BertHead(
        type="bert", layers=2, heads=4, output="mean", initialisation="scaled", normalise_tokens=True, keep=0.5,
        inner_dropout=0.3, dropout=0.7,
    )  # fmt: skip
    head = build_network(
        VideoResNet(name="R3D", width=2), spec, clip=CLIP.model_copy(update={"frames": 16}), num_classes=5
    ).head
    assert isinstance(head, Head)
    pooling = head.poolings[0]
    assert isinstance(pooling, BertPooling)
    assert (len(pooling.blocks), pooling.class_token, pooling.normalise_tokens) == (2, None, True)
    assert (pooling.keep, pooling.dropout.p, head.dropout.p) == (0.5, 0.3, 0.7)
    assert pooling.positions.std().item() == pytest.approx(16**-0.5, rel=0.4)  # "small" would be 0.02


@pytest.mark.parametrize(
    ("network", "head", "limit"),
    [
        (VideoResNet(name="R3D", width=2), AverageHead(), (3 / 16) ** 0.5),
        (VideoResNet(name="R3D", width=2), AverageHead(classifier="xavier"), (6 / (16 + 5)) ** 0.5),
        (VideoResNet(name="R3D", width=2), ConcatenationHead(type="concatenation"), (6 / (16 + 5)) ** 0.5),
    ],
)
def test_whose_way_the_classifier_is_drawn(network: networks.VideoResNet, head: heads.Head, limit: float) -> None:
    """P1's networks draw it Caffe2's way, P2's heads Glorot's way, and so does an average that asks for it."""
    torch.manual_seed(0)
    weight = build_network(network, head, clip=CLIP, num_classes=5).head.get_submodule("linear").weight
    assert isinstance(weight, Tensor)
    assert 0.9 * limit < weight.abs().max() <= limit


def test_attention_heads_must_share_the_features() -> None:
    """Eight heads over 12 features are refused with both numbers."""
    with pytest.raises(ConfigError, match="5 attention heads can't share 16 features"):
        build_network(VideoResNet(name="R3D", width=2), BertHead(type="bert", heads=5), clip=CLIP, num_classes=5)


def logits(model: torch.nn.Module, clips: Tensor) -> Tensor:
    with torch.inference_mode():
        result: Tensor = model(clips)
    return result
