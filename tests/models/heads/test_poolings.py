"""Every pooling on every backbone."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor, nn

from videobench.errors import ConfigError
from videobench.models.c3d import C3D
from videobench.models.classifier import Classifier
from videobench.models.complexity import peak_activation_bytes
from videobench.models.folding import folded
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

POOLINGS: dict[str, Callable[[Stream], Pooling]] = {
    "average": AveragePooling,
    "concatenation": Concatenation,
    "lstm": LstmPooling,
    "non_local": NonLocalConcatenation,
    "bert": BertPooling,
    "bert, mean": partial(BertPooling, output="mean"),
    "bert, scaled": partial(BertPooling, layers=2, heads=4, initialisation="scaled", normalise_tokens=True),
}
BACKBONES: dict[str, Callable[[], nn.Module]] = {
    "R(2+1)D": partial(VideoResNet, "R(2+1)D", frames=16, width=8),
    "R2D": partial(VideoResNet, "R2D", frames=16, width=8),
    "f-R2D": partial(VideoResNet, "f-R2D", frames=16, width=8),
    "ir-CSN": partial(VideoResNet, "ir-CSN", frames=16, depth=50, width=8),
    "C3D": partial(C3D, frames=16, size=32, width=8),
    "P3D": partial(P3D, frames=16, width=4),
    "ResNeXt FRMB": partial(ResNeXt, frames=16, reduction="modification"),
    "I3D": partial(I3D, frames=16),
    "I3D FRAB": partial(I3D, frames=16, reduction="addition"),
    "SlowFast late": partial(SlowFast, frames=16, reduction="modification"),
    "SlowFast early": partial(SlowFast, frames=16, reduction="addition", fusion="early"),
}
STREAM = Stream(channels=16, steps=4)
TAKE_ONE_LENGTH = [name for name in POOLINGS if name != "average"]
NAMES = {
    "average": (),
    "concatenation": (),
    "lstm": ("lstm.weight_ih_l1", "lstm.bias_hh_l0"),
    "non_local": ("block.query.weight", "block.norm.running_var"),
    "bert": ("class_token", "positions", "blocks.0.attention.query.weight", "blocks.0.feed_forward_norm.bias"),
    "bert, mean": ("positions", "blocks.0.feed_forward.expand.weight"),
    "bert, scaled": ("class_token", "blocks.1.attention_norm.weight"),
}


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("backbone", BACKBONES)
def test_every_pooling_fits_every_backbone(backbone: str, pooling: str) -> None:
    """Features of the backbone's shape give finite logits, and gradients to every weight of the head and every clip."""
    features = features_of(backbone)
    head = head_of(pooling, *features).eval()  # in training, a mask may hide all of a clip's features
    outputs = head(tuple(features)) if len(features) > 1 else head(features[0])
    assert outputs.shape == (2, 5)
    nn.functional.cross_entropy(outputs, torch.tensor([0, 3])).backward()
    for name, parameter in head.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any() or has_no_gradient(name, features), name
    assert all(stream.grad is not None and stream.grad.flatten(1).any(dim=1).all() for stream in features)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_a_network_trains_with_it(pooling: str) -> None:
    """From clips to a step that changes backbone and head, and on to folding and counting memory."""
    torch.manual_seed(0)
    backbone = VideoResNet("R(2+1)D", frames=16, width=8)
    model = Classifier(backbone, Head([POOLINGS[pooling](stream) for stream in backbone.streams], num_classes=5))
    model.head.initialise("xavier")
    clips = torch.randn(2, 3, 16, 32, 32)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    before = {name: value.detach().clone() for name, value in model.named_parameters()}
    nn.functional.cross_entropy(model(clips), torch.tensor([0, 3])).backward()
    optimiser.step()
    changed = {name for name, value in model.named_parameters() if not torch.equal(value, before[name])}
    assert {"backbone.stem.convolution.spatial.weight", "head.linear.weight"} <= changed
    assert {f"head.poolings.0.{name}" for name in NAMES[pooling]} <= set(model.state_dict())
    model.eval()
    with torch.inference_mode():
        torch.testing.assert_close(folded(model, clips[:1])(clips), model(clips), rtol=1e-4, atol=1e-4)
    assert peak_activation_bytes(model, clips) > clips.nbytes


@pytest.mark.parametrize("pooling", POOLINGS)
def test_classes_in_another_order(pooling: str) -> None:
    """After reordering, each logit is the one that stood where the order says, with a hidden layer as well."""
    head = Head([POOLINGS[pooling](STREAM)], num_classes=3, hidden=8).eval()
    head.initialise("torch")
    features = torch.randn(2, 16, 4, 2, 2)
    before = head(features)
    Classifier(nn.Identity(), head).reorder_classes([2, 0, 1])
    assert torch.equal(head(features), before[:, [2, 0, 1]])


@pytest.mark.parametrize("pooling", TAKE_ONE_LENGTH)
@pytest.mark.parametrize("steps", [3, 8])
def test_clips_of_another_length_are_an_error(pooling: str, steps: int) -> None:
    """The error gives both numbers of time steps, of shorter and of longer clips."""
    with pytest.raises(ConfigError, match=f"gives? 4 time steps of features, and this one gives {steps}"):
        POOLINGS[pooling](STREAM)(torch.zeros(2, 16, steps, 2, 2))


def test_average_pooling_takes_any_length() -> None:
    """It is the mean over time and space, whatever it was built for."""
    features = torch.randn(2, 16, 7, 2, 3)
    torch.testing.assert_close(AveragePooling(STREAM)(features), features.flatten(2).mean(dim=2))


@pytest.mark.parametrize("pooling", TAKE_ONE_LENGTH)
def test_the_order_of_time_steps_matters(pooling: str) -> None:
    """Unlike the average, every other pooling tells a clip from its reversal."""
    features = torch.randn(2, 16, 4, 2, 2, generator=torch.Generator().manual_seed(1))
    module = initialised(pooling).eval()
    assert (module(features) - module(features.flip(2))).abs().max() > 1e-3


@pytest.mark.parametrize("pooling", POOLINGS)
def test_initial_weights_depend_on_the_seed_alone(pooling: str) -> None:
    """Initialising with the same seed gives the same weights, whatever they were before."""
    first, second = POOLINGS[pooling](STREAM), POOLINGS[pooling](STREAM)
    for module in (first, second):
        torch.manual_seed(0)
        module.initialise()
    assert all(torch.equal(value, first.state_dict()[name]) for name, value in second.state_dict().items())


@pytest.mark.parametrize("precision", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("pooling", POOLINGS)
def test_half_precision(pooling: str, precision: torch.dtype) -> None:
    """Under autocast, in training too, outputs and gradients are finite, and evaluation is close to float32."""
    if (pooling, precision) == ("lstm", torch.float16):
        pytest.skip("torch has no float16 LSTM for CPUs")
    module = initialised(pooling)
    features = torch.randn(4, 16, 4, 2, 2, requires_grad=True)
    with torch.autocast("cpu", dtype=precision):
        outputs = module(features)
    outputs.float().square().sum().backward()
    assert outputs.isfinite().all()
    for tensor in (features, *module.parameters()):
        assert tensor.grad is not None
        assert tensor.grad.isfinite().all()
    module.eval()
    expected = module(features)
    with torch.autocast("cpu", dtype=precision):
        assert (module(features) - expected).abs().max() < 0.05 * expected.square().mean().sqrt()


def test_steps_of_a_channel_stand_together() -> None:
    """Concatenation's vector is channel-major, as P2's authors have it."""
    features = torch.arange(8.0).reshape(1, 2, 4, 1, 1)  # channel 0: 0 1 2 3, channel 1: 4 5 6 7
    assert torch.equal(Concatenation(Stream(2, 4))(features), torch.arange(8.0)[None])


def test_the_lstm_reads_forwards_to_the_last_step() -> None:
    """Its vector is its upper layer's state after the last step."""
    pooling = LstmPooling(STREAM, hidden=6).eval()
    features = torch.randn(2, 16, 4, 3, 3)
    _, (state, _) = pooling.lstm(features.mean(dim=(3, 4)).transpose(1, 2))
    assert torch.equal(pooling(features), state[-1])


def test_a_fresh_non_local_block_changes_nothing() -> None:
    """Its norm begins at 0, so that it is plain concatenation until trained."""
    features = torch.randn(2, 16, 4, 3, 3)
    assert torch.equal(initialised("non_local")(features), Concatenation(STREAM)(features))


def initialised(pooling: str) -> Pooling:
    """A pooling of 16 channels and 4 steps with the weights of seed 0."""
    torch.manual_seed(0)
    module = POOLINGS[pooling](STREAM)
    module.initialise()
    return module


def features_of(backbone: str) -> list[Tensor]:
    """Random features of the shapes the backbone gives for small clips, which are those it announces."""
    torch.manual_seed(1)
    with torch.device("meta"):
        network = BACKBONES[backbone]().eval()
        outputs = network(torch.empty(2, 3, 16, 32, 32))
    shapes = [outputs.shape] if isinstance(outputs, Tensor) else [output.shape for output in outputs]
    assert [tuple(shape[1:3]) for shape in shapes] == list(network.streams)
    return [torch.randn(shape, requires_grad=True) for shape in shapes]


def head_of(pooling: str, *features: Tensor) -> Head:
    streams = [Stream(stream.shape[1], stream.shape[2]) for stream in features]
    head = Head([POOLINGS[pooling](stream) for stream in streams], num_classes=5)
    head.initialise("torch")
    return head


def has_no_gradient(name: str, features: list[Tensor]) -> bool:
    """Whether a weight's gradient is 0: behind a norm that begins at 0, where all scores of a query shift alike, or
    where one time step has one score and follows no state.
    """
    one_step = any(stream.shape[2] == 1 for stream in features)
    unused = (".query.", ".key.", "weight_hh") if one_step else ("key.bias",)
    return ".block." in name or any(part in name for part in unused)
