"""The names of P2's heads in its authors' files; those within BERT are in test_golden_heads.py."""

import pytest
import torch

from videobench.models.heads.average import AveragePooling
from videobench.models.heads.bert import BertPooling
from videobench.models.heads.concatenation import Concatenation
from videobench.models.heads.head import Head, Pooling
from videobench.models.heads.lstm import LstmPooling
from videobench.models.heads.non_local import NonLocalConcatenation
from videobench.models.streams import Stream
from videobench.models.weights.late_temporal import head_names, is_head

REDUCED, SLOW, FAST = Stream(512, 4), Stream(512, 8), Stream(256, 32)


@pytest.mark.parametrize(
    ("poolings", "hidden", "expected"),
    [
        ([AveragePooling(REDUCED)], None, {"fc_action.weight": (51, 512)}),
        ([AveragePooling(SLOW), AveragePooling(FAST)], None, {"fc_action.weight": (51, 768)}),
        ([Concatenation(REDUCED)], 1550, {"linear.weight": (1550, 2048), "fc_action.weight": (51, 1550)}),
        ([LstmPooling(REDUCED)], None, {"lstm.weight_ih_l0": (1800, 512), "lstm.bias_hh_l1": (1800,)}),
        ([NonLocalConcatenation(REDUCED)], 1000, {"NLB.g.bias": (512,), "NLB.W_z.1.running_mean": (512,)}),
        (
            [BertPooling(REDUCED)],
            None,
            {"bert.clsToken": (1, 1, 512), "bert.embedding.learnedPosition.pe": (1, 5, 512)},
        ),
        (
            [BertPooling(SLOW), BertPooling(FAST)],
            None,
            {
                "bert_slow.embedding.learnedPosition.pe": (1, 9, 512),
                "bert_fast.transformer_blocks.0.feed_forward.w_1.weight": (1024, 256),
                "fc_action.weight": (51, 768),
            },
        ),
    ],
)
def test_every_tensor_of_a_head_has_a_name(
    poolings: list[Pooling], hidden: int | None, expected: dict[str, tuple[int, ...]]
) -> None:
    """Each has one of its own, of a head, and those given have their shapes."""
    head = Head(poolings, num_classes=51, hidden=hidden)
    state = {f"head.{name}": value for name, value in head.state_dict().items()}
    names = head_names(state)
    assert names.keys() == state.keys()
    assert len(set(names.values())) == len(names)
    assert all(map(is_head, names.values()))
    shapes = {theirs: tuple(state[ours].shape) for ours, theirs in names.items()}
    assert {theirs: shapes[theirs] for theirs in expected} == expected


def test_what_they_do_not_have_has_no_name() -> None:
    """Tensors of the backbone, and BERT's of no layer of theirs, are left out; their backbone is no head."""
    ours = ["backbone.stem.norm.weight", "head.poolings.0.blocks.0.gate.weight", "head.poolings.2.class_token"]
    assert head_names(ours) == {}
    assert not any(map(is_head, ["features.0.0.weight", "mapper.conv1.weight", "model.head.projection.weight"]))


def test_without_a_class_token_there_is_none_in_the_file() -> None:
    """A BERT of mean outputs has their other names."""
    with torch.device("meta"):
        head = Head([BertPooling(REDUCED, output="mean")], num_classes=51)
    names = head_names(f"head.{name}" for name in head.state_dict())
    assert "bert.embedding.learnedPosition.pe" in names.values()
    assert "bert.clsToken" not in names.values()
