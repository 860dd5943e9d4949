"""SlowFast's paths: which frames they take, how they are joined and reduced, and how their weights begin."""

from collections.abc import Sequence
from math import sqrt
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from videobench.errors import ConfigError
from videobench.models.slowfast import SlowFast
from videobench.models.streams import Stream


@pytest.mark.parametrize(
    ("settings", "shapes"),
    [
        ({}, [(2048, 4), (256, 16)]),
        ({"reduction": "modification"}, [(512, 4), (256, 16)]),
        ({"reduction": "addition"}, [(512, 4), (256, 16)]),
        ({"reduction": "modification", "fusion": "early"}, [(640, 4)]),
        ({"reduction": "addition", "fusion": "early"}, [(640, 4)]),
        ({"fast_stride": 1}, [(2048, 8), (256, 32)]),
        ({"fast_stride": 1, "alpha": 8, "fusion_kernel": 5}, [(2048, 4), (256, 32)]),
        ({"flavour": "mmaction2"}, [(256, 16), (2048, 4)]),
    ],
)
def test_streams_are_what_it_gives(settings: dict[str, Any], shapes: list[tuple[int, int]]) -> None:
    """Channels and steps are known beforehand, and the sides are a 32nd of the clip's."""
    with torch.device("meta"):
        backbone = SlowFast(frames=32, in_channels=2, **settings)
        features = backbone(torch.empty(3, 2, 32, 64, 96))
    streams = (features,) if isinstance(features, Tensor) else features
    assert backbone.streams == tuple(Stream(*shape) for shape in shapes)
    assert [tuple(stream.shape) for stream in streams] == [(3, *shape, 2, 3) for shape in shapes]


@pytest.mark.parametrize(
    ("settings", "frames", "slow", "fast"),
    [
        ({}, 64, range(0, 64, 8), range(0, 64, 2)),
        ({"fast_stride": 1}, 32, range(0, 32, 4), range(32)),
        ({"fast_stride": 1, "slow_frames": "linspace"}, 32, [0, 4, 8, 13, 17, 22, 26, 31], range(32)),
        ({"slow_frames": "linspace"}, 8, [0], [0, 2, 4, 6]),
    ],
)
def test_each_path_sees_its_frames(
    settings: dict[str, Any], frames: int, slow: Sequence[int], fast: Sequence[int]
) -> None:
    """P2's are evenly spaced; PySlowFast spreads the slow path's from the first to the last."""
    backbone = SlowFast(frames=frames, in_channels=1, **settings)
    seen: list[list[float]] = []
    for stem in (backbone.slow.stem, backbone.fast.stem):
        stem.register_forward_pre_hook(lambda _, given: seen.append(given[0][0, 0, :, 0, 0].tolist()))
    numbered = torch.arange(frames).float().view(1, 1, frames, 1, 1)
    with torch.inference_mode():
        backbone.eval()(numbered)
    assert seen == [list(slow), list(fast)]


def test_joined_early_each_step_has_the_average_of_the_fast_ones() -> None:
    """The slow features are followed by those of the four fast steps at the same time."""
    late, early = (SlowFast(frames=16, fast_stride=1, fusion=fusion).eval() for fusion in ("late", "early"))
    early.load_state_dict(late.state_dict())
    clips = torch.rand(1, 3, 16, 32, 32)
    with torch.inference_mode():
        slow, fast = late(clips)
        joined = early(clips)
    averages = torch.stack([fast[:, :, start : start + 4].mean(dim=2) for start in range(0, 16, 4)], dim=2)
    torch.testing.assert_close(joined, torch.cat((slow, averages), dim=1))


@pytest.mark.parametrize(("settings", "multiple"), [({}, 8), ({"fast_stride": 1}, 4), ({"alpha": 8}, 16)])
def test_clips_that_the_paths_cannot_share_are_refused(settings: dict[str, Any], multiple: int) -> None:
    """When it is built and when it is given a clip; both numbers are named."""
    expected = f"a multiple of {multiple} frames, not of {multiple + 2}"
    with pytest.raises(ConfigError, match=expected):
        SlowFast(frames=multiple + 2, **settings)
    with torch.device("meta"):
        backbone = SlowFast(frames=multiple, **settings)
        with pytest.raises(ConfigError, match=expected):
            backbone(torch.empty(1, 3, multiple + 2, 32, 32))


@pytest.mark.parametrize("reduction", ["modification", "addition"])
def test_weights_begin_as_the_authors_do(reduction: Any) -> None:
    """Convolutions by fan out and blocks as their shortcuts, but a reduction by fan in with all its norms at 1."""
    backbone = SlowFast(frames=8, reduction=reduction)
    with torch.no_grad():
        for tensor in backbone.state_dict().values():
            tensor.fill_(7)
    torch.manual_seed(1)
    backbone.initialise()
    reduced = backbone.slow.reduction if reduction == "addition" else backbone.slow.group5[2]
    for name, module in backbone.named_modules():
        inside = module in set(reduced.modules())
        if isinstance(module, nn.Conv3d) and module.weight.numel() > 10_000:
            fan = module.weight[0].numel() if inside else module.weight[:, 0].numel()
            assert module.weight.std().item() == pytest.approx(sqrt(2 / fan), rel=0.05), name
        elif isinstance(module, nn.BatchNorm3d):
            gain = 0 if name.endswith("norm3") and not inside else 1
            assert (module.weight == gain).all(), name
            assert not module.bias.any(), name
            assert not module.running_mean.any(), name
            assert (module.running_var == 1).all(), name


def test_both_paths_learn() -> None:
    """A gradient reaches every weight, the reduction's and the lateral connections' too."""
    backbone = SlowFast(frames=8, reduction="addition", fusion="early").train()
    clips = torch.rand(2, 3, 8, 64, 64, generator=torch.Generator().manual_seed(1))
    torch.manual_seed(1)
    backbone(clips).square().mean().backward()
    assert [name for name, weight in backbone.named_parameters() if weight.grad is None or not weight.grad.any()] == []


def test_mmaction2s_lateral_connections_are_convolutions_alone() -> None:
    """What the fast path hands over is linear in its features: minus as much for their negative."""
    backbone = SlowFast(frames=8, flavour="mmaction2")
    features = torch.rand(1, 8, 4, 2, 2)
    lateral = backbone.laterals[0]
    torch.testing.assert_close(lateral(-features), -lateral(features))
