"""What every classifier can do, whatever its backbone and head."""

import pytest
import torch

from videobench.models.video_resnet import NETWORKS, video_resnet


@pytest.mark.parametrize("name", NETWORKS)
def test_classes_in_another_order(name: str) -> None:
    """After reordering, each logit is the one that stood where the order says."""
    torch.manual_seed(0)
    model = video_resnet(name, num_classes=3, frames=4, width=2).eval()
    torch.nn.init.normal_(model.head.get_submodule("linear").bias)  # a fresh one is 0 for every class
    clips = torch.randn(2, 3, 4, 16, 16)
    before = model(clips)
    model.reorder_classes([2, 0, 1])
    assert torch.equal(model(clips), before[:, [2, 0, 1]])
