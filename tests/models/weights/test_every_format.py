"""Every public format of weights: known by its names, loaded whole, and refused when one tensor is wrong.

`data/formats.json` holds names and shapes of one small file of most formats; the others are in a folder beside the
project that not everybody has.
"""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from videobench.errors import WeightsError
from videobench.models.c3d import C3D
from videobench.models.classifier import Classifier
from videobench.models.heads.average import AveragePooling
from videobench.models.heads.bert import BertPooling
from videobench.models.heads.concatenation import Concatenation
from videobench.models.heads.head import Head, Pooling
from videobench.models.heads.lstm import LstmPooling
from videobench.models.heads.non_local import NonLocalConcatenation
from videobench.models.inception import I3D
from videobench.models.p3d import P3D
from videobench.models.resnext import ResNeXt
from videobench.models.slowfast import SlowFast
from videobench.models.streams import Stream
from videobench.models.video_resnet import VideoResNet
from videobench.models.weights.carry import load_into
from videobench.models.weights.identify import Guess, describe, guess
from videobench.models.weights.others import other_network

KEYS = Path(__file__).parents[4] / "shared" / "golden" / "keys"
SMALL: dict[str, dict[str, list[int]]] = json.loads((Path(__file__).parents[1] / "data" / "formats.json").read_text())

OTHERS = {
    "head_BERT2_d1024_T8_h8_l1": "a BERT head alone",
    "head_BERT2_d512_T8_h8_l1": "a BERT head alone",
    "head_BERT5_d256_T32_h8_l1": "a BERT head alone",
    "head_BERT5_d512_T4_h8_l1": "a BERT head alone",
    "head_BERT5_d512_T4_h8_l2": "a BERT head alone",
    "head_BERT5_d512_T8_h8_l1": "a BERT head alone",
    "head_BERT5_d640_T8_h8_l1": "a BERT head alone",
    "head_NLBlockND_512": "a non-local block alone",
    "mma_i3d_r50": "mmaction2's I3D-R50",
    "mma_r2plus1d_r34": "not P1's: a stem of 83 channels, a max pool, factorised shortcuts",
    "ptv_r2plus1d_r50": "pytorchvideo's R(2+1)D-R50, which is not P1's",
    "tv_s3d": "torchvision's S3D",
}
"""Formats of other networks, and what they are said to be."""

DESCRIBED = {
    "c2_r2d_18_L8": "R2D-18, 400 classes, RGB, clips of 8 frames",
    "c2_rmc4_18": "rMC4-18, 400 classes, RGB",
    "c2_ip_csn_50": "ip-CSN-50, 400 classes, RGB",
    "ig65m_r2plus1d_34_359": "R(2+1)D-34, 359 classes, RGB",
    "kensho3d_r2p1d18": "R(2+1)D-18 in kenshohara's variant, 400 classes, RGB",
    "kensho3d_resnet50": "R3D-50 in kenshohara's variant, 400 classes, RGB",
    "tv_r2plus1d_18": "R(2+1)D-18 in torchvision's variant, 400 classes, RGB",
    "ltm_flow_I3D64f_bert2_FRMB": "I3D FRMB with BERT, 51 classes, optical flow, clips of 64 frames",
    "ltm_rgb_r2plus1d_32f_34_bert10": "R(2+1)D-34 with BERT, 51 classes, RGB, clips of 32 frames",
    "ltm_rgb_resneXt3D64f101_concatenation": "ResNeXt101 FRMB with concatenation, 51 classes, RGB, clips of 64 frames",
    "ltm_rgb_slowfast64f_50_bert10_FRAB_early":
        "SlowFast-R50 FRAB early fusion with BERT, 51 classes, RGB, clips of 64 frames",
    "ltm_rgb_slowfast64f_50_bert10_FRMB_late": "SlowFast-R50 FRMB with BERT, 51 classes, RGB, clips of 64 frames",
    "piergiaj_i3d_flow": "I3D, 400 classes, optical flow",
    "p3d_P3D131": "P3D-131, 400 classes, RGB",
    "mma_slowfast_r50": "SlowFast-R50 with alpha 8 in mmaction2's variant, 400 classes, RGB",
    "mma_c3d": "C3D in mmaction2's variant, 101 classes, RGB",
}  # fmt: skip

NAMES = sorted({*SMALL, *(path.stem for path in KEYS.glob("*.json"))})


def shapes_of(name: str) -> dict[str, list[int]]:
    if name in SMALL:
        return SMALL[name]
    found: dict[str, list[int]] = json.loads((KEYS / f"{name}.json").read_text())
    return found


def tensors_of(name: str) -> dict[str, Tensor]:
    """A file's tensors by name; they have shapes, and no values."""
    return {key: torch.empty(shape, device="meta") for key, shape in shapes_of(name).items()}


@cache
def network_of(name: str) -> nn.Module:
    """The network that a file's names and shapes tell of."""
    found = guess(tensors_of(name))
    assert found is not None
    return build(found)


def build(found: Guess) -> nn.Module:
    """The network that is guessed, without values."""
    settings = dict(found.network)
    backbone: Any = {
        "video_resnet": VideoResNet, "resnext": ResNeXt, "i3d": I3D, "slowfast": SlowFast, "c3d": C3D, "p3d": P3D,
    }[settings.pop("type")]  # fmt: skip
    if reduction := settings.pop("reduction", None):
        settings["reduction"] = {"frmb": "modification", "frab": "addition"}[reduction]
    with torch.device("meta"):
        frames = found.frames or (16 if backbone is C3D else 64)
        return with_head(backbone(frames=frames, in_channels=found.in_channels, **settings), found)


def with_head(backbone: Any, found: Guess) -> nn.Module:
    settings = dict(found.head)
    kind, hidden = settings.pop("type"), None
    if kind in ("concatenation", "non_local"):
        hidden = settings.pop("hidden", None)
    poolings: dict[str, Any] = {
        "average": AveragePooling, "concatenation": Concatenation, "lstm": LstmPooling, "bert": BertPooling,
        "non_local": NonLocalConcatenation,
    }  # fmt: skip

    def pooling(stream: Stream) -> Pooling:
        made: Pooling = poolings[kind](stream, **settings)
        return made

    with torch.device("meta"):
        head = Head([pooling(each) for each in backbone.streams], num_classes=found.num_classes, hidden=hidden)
        return Classifier(backbone, head)


LOADABLE = [pytest.param(name, marks=() if name in SMALL else pytest.mark.slow) for name in NAMES if name not in OTHERS]


def test_the_examples_cover_most_formats() -> None:
    """What is tested everywhere has one file of each peer."""
    peers = {"c2", "ig65m", "tv", "hassony2", "piergiaj", "kensho", "ltm", "pyslowfast", "p3d", "mma", "ptv"}
    assert {name.split("_")[0] for name in SMALL} >= peers


@pytest.mark.parametrize("name", LOADABLE)
def test_a_file_of_every_format_loads(name: str) -> None:
    """Each tensor of the file has a place of its shape in the network, and no place stays empty."""
    tensors, model = tensors_of(name), network_of(name)
    report = load_into(model, tensors)
    assert report.fits
    assert not report.replaced
    assert len(report.matched) == sum(not key.endswith("num_batches_tracked") for key in model.state_dict()) + sum(
        key.endswith("num_batches_tracked") for key in report.matched
    )
    if name in DESCRIBED:
        found = guess(tensors)
        assert found is not None
        assert describe(found) == DESCRIBED[name]


def test_slowfast_4x16_is_told_by_its_connections() -> None:
    """They span 5 steps where those of 8x8 span 7; nothing else in the file differs."""
    tensors = tensors_of("pyslowfast_8x8_r50")
    for name, tensor in tensors.items():
        if name.endswith("conv_f2s.weight"):
            tensors[name] = torch.empty([*tensor.shape[:2], 5, 1, 1], device="meta")
    found = guess(tensors)
    assert found is not None
    assert describe(found) == "SlowFast-R50 with alpha 8, 400 classes, RGB"
    assert load_into(build(found), tensors).fits


def altered(name: str) -> Iterator[tuple[str, dict[str, Tensor]]]:
    """For some tensors of a file: what is wrong, and the file without it, with another shape, with one more."""
    tensors = tensors_of(name)
    report = load_into(network_of(name), tensors)
    used = [key for key in tensors if not key.endswith("num_batches_tracked") and key not in report.unused]
    for key in (used[len(used) // 3], used[-1]):
        yield key, {other: tensor for other, tensor in tensors.items() if other != key}
        wrong = torch.empty([*tensors[key].shape[:-1], tensors[key].shape[-1] + 1], device="meta")
        yield key, {**tensors, key: wrong}
    yield "unheard.of", {**tensors, "unheard.of": torch.empty(3, device="meta")}


@pytest.mark.parametrize("name", LOADABLE)
def test_one_wrong_tensor_is_refused(name: str) -> None:
    """A file with one tensor missing, of another shape or too many is refused, and the message names it."""
    for key, tensors in altered(name):
        with pytest.raises(WeightsError) as caught:
            load_into(network_of(name), tensors)
        assert key in str(caught.value)


@pytest.mark.parametrize("name", [name for name in NAMES if name in OTHERS])
def test_files_of_other_networks_say_what_they_are(name: str) -> None:
    """No network is guessed for them, and loading one into ours ends with what it is instead."""
    tensors = tensors_of(name)
    assert guess(tensors) is None
    assert OTHERS[name] in (other_network(tensors) or "")
    for ours in ("tv_r2plus1d_18", "c2_r3d_50"):
        if ours in NAMES:
            with pytest.raises(WeightsError) as caught:
                load_into(network_of(ours), tensors)
            assert OTHERS[name] in str(caught.value)


@pytest.mark.parametrize("name", LOADABLE)
def test_files_of_these_networks_are_not_taken_for_others(name: str) -> None:
    """What loads isn't called anything else."""
    assert other_network(tensors_of(name)) is None


@pytest.mark.parametrize(
    ("file", "network", "message"),
    [
        ("c2_r3d_18", "tv_r2plus1d_18", "The file is of R3D-18, 400 classes, RGB"),
        ("c2_mc4_18", "c2_r3d_18", "The file is of MC4-18, 400 classes, RGB; the network is R3D-18, 400 classes, RGB"),
        ("piergiaj_i3d_flow", "piergiaj_i3d_rgb", "of I3D, 400 classes, optical flow; the network is I3D, 400"),
        ("ltm_rgb_r2plus1d_64f_34_bert10", "ltm_rgb_r2plus1d_32f_34_bert10", "clips of 64 frames; the network is"),
    ],
)
def test_a_file_of_another_of_these_networks_says_which(file: str, network: str, message: str) -> None:
    """Another type, depth, clip length or stream is named beside what was wanted."""
    if not {file, network} <= set(NAMES):
        pytest.skip("the names of this file are in ../shared, which isn't here")
    with pytest.raises(WeightsError) as caught:
        load_into(network_of(network), tensors_of(file))
    assert message in str(caught.value)


P2_STARTS = [
    ("kensho_resnext101_64f", "resnext", "frmb", {"type": "bert"}, 3),
    ("kensho_resnext101_64f", "resnext", "frab", {"type": "lstm"}, 2),
    ("piergiaj_i3d_flow", "i3d", "frmb", {"type": "bert"}, 2),
    ("pyslowfast_8x8_r50", "slowfast", "frab", {"type": "bert"}, 3),
]


@pytest.mark.parametrize(("name", "kind", "reduction", "head", "channels"), P2_STARTS)
def test_public_backbones_start_networks_with_other_heads(
    name: str, kind: str, reduction: str, head: dict[str, Any], channels: int
) -> None:
    """All but the classifier, the new head and the blocks that reduce the features comes from the file."""
    start = Guess({"type": kind, "reduction": reduction}, head, 51, channels, 64)
    tensors = tensors_of(name)
    stem = next(shape for shape in shapes_of(name).values() if len(shape) == 5 and shape[1] in (2, 3))
    report = load_into(build(start), tensors, replace_head=True, adapt=["flow_stem"] if stem[1] > channels else [])
    assert report.fits
    assert all(each.startswith(("head.", "backbone.")) for each in report.replaced)
    assert {each for each in report.replaced if each.startswith("head.linear.")}
    assert len(report.matched) > 300
    assert len(report.adapted) == (stem[1] > channels)
