"""P3D, small enough to run."""

import pytest
import torch
from torch import Tensor, nn

from videobench.errors import ConfigError
from videobench.models.classifier import Classifier
from videobench.models.complexity import count_macs, count_parameters
from videobench.models.heads.average import AveragePooling
from videobench.models.heads.head import Head
from videobench.models.p3d import NUM_BLOCKS, P3D

COUNTS = {63: (25745232, 8441856000), 131: (48088400, 12898304000), 199: (66492240, 18403328000)}


def classifier(*, num_classes: int = 5, **options: int) -> Classifier:
    backbone = P3D(**options)
    head = Head([AveragePooling(stream) for stream in backbone.streams], num_classes=num_classes)
    return Classifier(backbone, head)


def small(**options: int) -> Classifier:
    torch.manual_seed(0)
    model = classifier(**({"width": 4} | options))
    model.backbone.initialise()  # type: ignore[operator]
    model.head.initialise("torch")
    return model


def clips(frames: int = 16, *, channels: int = 3, size: int = 64) -> Tensor:
    return torch.randn(2, channels, frames, size, size, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("depth", NUM_BLOCKS)
def test_counts_of_every_depth(depth: int) -> None:
    """Parameters and MACs equal the public code's."""
    with torch.device("meta"):
        model = classifier(num_classes=400, depth=depth)
    assert (count_parameters(model), count_macs(model, (1, 3, 16, 160, 160))) == COUNTS[depth]


def test_a_training_step_reaches_every_parameter() -> None:
    """Every parameter gets a gradient that isn't all zero."""
    model = small(in_channels=2).train()
    logits = model(clips(channels=2))
    assert logits.shape == (2, 5)
    nn.functional.cross_entropy(logits, torch.tensor([0, 3])).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name


@pytest.mark.parametrize(("frames", "size"), [(16, 64), (40, 48), (64, 32)])
def test_streams_tell_the_features_shape(frames: int, size: int) -> None:
    """Heads are built from channels and steps that the features then have; any size will do."""
    backbone = small(frames=frames).backbone.eval()
    (stream,) = backbone.streams  # type: ignore[misc]
    assert stream == (128, frames // 16)
    assert backbone(clips(frames, size=size)).shape[1:3] == stream


def test_arrangements_take_turns_through_the_network() -> None:
    """A, B, C, A, .. over all blocks of the first three groups; the last group is 2D."""
    blocks = [block for number in (2, 3, 4) for block in getattr(small().backbone, f"group{number}")]
    turns = ["serial", "parallel", "serial with shortcut"]
    assert [block.arrangement for block in blocks] == [turns[i % 3] for i in range(13)]
    assert not any("temporal" in name for name, _ in small().backbone.group5.named_modules())  # type: ignore[union-attr]


def test_the_order_of_frames_changes_the_logits() -> None:
    """A clip and its reversal differ."""
    model = small().double().eval()
    forwards, backwards = model(clips().double()), model(clips().double().flip(2))
    assert (forwards - backwards).abs().max() > 1e-3 * forwards.square().mean().sqrt()


def test_an_unknown_depth_is_an_error() -> None:
    """The error lists those there are."""
    with pytest.raises(ConfigError, match=r"no P3D of depth 50(.|\n)*63, 131, 199"):
        P3D(depth=50)


def test_too_short_a_clip_is_an_error() -> None:
    """The poolings would leave nothing of 8 frames, at construction and in use."""
    with pytest.raises(ConfigError, match=r"clips of 8 frames(.|\n)*under 16"):
        P3D(frames=8)
    with pytest.raises(ConfigError, match=r"clips of 8 frames(.|\n)*16 or more"):
        small()(clips(8))


def test_initial_weights_have_the_authors_distribution() -> None:
    """N(0, sqrt(2 / (length height out))) where the network is 3D, torch's own bounds where it is 2D."""
    for name, module in small(width=16).backbone.named_modules():
        if isinstance(module, nn.Conv3d) and module.weight.numel() > 1000:
            length, height, width = module.kernel_size
            std = (2 / (length * height * module.out_channels)) ** 0.5
            if name.startswith("group5."):
                std = (3 * module.in_channels * height * width) ** -0.5
            assert module.weight.std().item() == pytest.approx(std, rel=0.1), name
