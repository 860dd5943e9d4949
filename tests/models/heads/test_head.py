"""What stands between the poolings and the logits."""

import pytest
import torch
from torch import Tensor, nn

from videobench.models.classifier import Classifier
from videobench.models.complexity import count_macs, count_parameters
from videobench.models.heads.average import AveragePooling
from videobench.models.heads.bert import BertPooling
from videobench.models.heads.concatenation import Concatenation
from videobench.models.heads.head import Head, LinearInitialisation, Pooling
from videobench.models.heads.lstm import LstmPooling
from videobench.models.heads.non_local import NonLocalConcatenation
from videobench.models.streams import Stream

REDUCED = Stream(channels=512, steps=4)  # of P2's ResNeXt101, by FRMB, on 64 frames
SLOW, FAST = Stream(channels=512, steps=8), Stream(channels=256, steps=32)


# P2's code, less the backbone (44,196,288 parameters, 38,055,116,800 multiply-accumulates).
@pytest.mark.parametrize(
    ("pooling", "hidden", "parameters", "macs"),
    [
        (AveragePooling, None, 26_163, 26_112),
        (Concatenation, None, 104_499, 104_448),
        (Concatenation, 1550, 3_255_051, 3_253_450),
        (LstmPooling, None, 3_381_801, 13_429_350),
        (NonLocalConcatenation, 1000, 3_151_699, 73_402_168),
        (BertPooling, None, 3_181_619, 15_780_352),
    ],
)
def test_sizes_are_the_papers(pooling: type[Pooling], hidden: int | None, parameters: int, macs: int) -> None:
    """All heads of P2's table 1 have the parameters and multiply-accumulates of its authors' code."""
    with torch.device("meta"):
        head = Head([pooling(REDUCED)], num_classes=51, hidden=hidden)
    assert count_parameters(head) == parameters
    assert count_macs(Classifier(nn.Identity(), head), (1, 512, 4, 4, 4)) == macs


def test_streams_are_pooled_one_by_one() -> None:
    """With several streams, the vectors of their own poolings stand side by side before the linear layer."""
    head = Head([BertPooling(SLOW), BertPooling(FAST)], num_classes=3).eval()
    slow, fast = torch.randn(2, 512, 8, 2, 2), torch.randn(2, 256, 32, 2, 2)
    vector = torch.cat([head.poolings[0](slow), head.poolings[1](fast)], dim=1)
    assert vector.shape == (2, 768)
    assert torch.equal(head((slow, fast)), head.linear(vector))


def test_the_hidden_layer_has_no_activation() -> None:
    """Doubling the features doubles the logits when all biases are 0."""
    head = Head([Concatenation(Stream(8, 2))], num_classes=3, hidden=5).double()
    nn.init.zeros_(head.linear.bias)
    nn.init.zeros_(head.get_submodule("hidden").bias)
    features = torch.randn(2, 8, 2, 1, 1, dtype=torch.float64)
    torch.testing.assert_close(head(2 * features), 2 * head(features))


def test_dropout_falls_on_the_pooled_vector() -> None:
    """In training, the linear layer sees a share of the vector, scaled up; in evaluation all of it."""
    torch.manual_seed(0)
    head = Head([AveragePooling(Stream(1000, 1))], num_classes=2, dropout=0.8)
    seen: list[Tensor] = []
    head.linear.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    features = torch.ones(4, 1000, 1, 1, 1)
    head(features)
    head.eval()(features)
    assert seen[0].unique().tolist() == pytest.approx([0.0, 5.0])
    assert (seen[0] > 0).float().mean().item() == pytest.approx(0.2, abs=0.03)
    assert torch.equal(seen[1], torch.ones(4, 1000))


@pytest.mark.parametrize(
    ("how", "std", "bias"),
    [
        ("caffe2", (1 / 512) ** 0.5, False),  # U(+-sqrt(3 / fan in))
        ("xavier", (2 / (512 + 200)) ** 0.5, False),
        ("normal", 0.01, False),
        ("torch", (1 / (3 * 512)) ** 0.5, True),
    ],
)
def test_the_last_layers_initial_weights(how: LinearInitialisation, std: float, bias: bool) -> None:
    """They have the distribution that is asked for, and biases 0 but for torch's own."""
    torch.manual_seed(0)
    head = Head([AveragePooling(REDUCED)], num_classes=200)
    head.initialise(how)
    assert head.linear.weight.std().item() == pytest.approx(std, rel=0.02)
    assert bool(head.linear.bias.any()) == bias


def test_p1s_head_is_named_and_drawn_as_ever() -> None:
    """Average pooling adds no tensors to the linear layer, and no random numbers before it."""
    head = Head([AveragePooling(REDUCED)], num_classes=7)
    assert list(head.state_dict()) == ["linear.weight", "linear.bias"]
    torch.manual_seed(3)
    head.initialise("caffe2")
    torch.manual_seed(3)
    bound = (3 / 512) ** 0.5
    assert torch.equal(head.linear.weight, torch.empty(7, 512).uniform_(-bound, bound))
