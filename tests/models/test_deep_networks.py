"""Sizes of the bottleneck networks against counts made on their authors' code."""

import pytest
import torch

from videobench.models.complexity import count_conv_fc_weights, count_macs, count_parameters
from videobench.models.video_resnet import video_resnet

# Parameters, convolution and FC weights, and MACs of 8 x 112 x 112 without and 32 x 224 x 224 with the stem's pooling.
COUNTS = {
    ("R3D", 50): (46980944, 46927424, 27336704000, 117841362944),
    ("R3D", 101): (86027088, 85921344, 42622320640, 178983829504),
    ("R3D", 152): (118185808, 118033984, 61504552960, 254512758784),
    ("R(2+1)D", 50): (46985057, 46914455, 28832124416, 119918649344),
    ("R(2+1)D", 101): (86050785, 85908375, 44117741056, 181061115904),
    ("R(2+1)D", 152): (118226785, 118021015, 62999973376, 256590045184),
    ("ir-CSN", 50): (13131152, 13077632, 8453493248, 42308519936),
    ("ir-CSN", 101): (22213776, 22108032, 11993410048, 56468187136),
    ("ir-CSN", 152): (29703568, 29551744, 16387924480, 74046244864),
    ("ip-CSN", 50): (14396176, 14335104, 9789379072, 47652063232),
    ("ip-CSN", 101): (24601616, 24479616, 13766027776, 63558658048),
    ("ip-CSN", 152): (33016592, 32840832, 18700034560, 83294685184),
}


@pytest.mark.parametrize(("name", "depth"), COUNTS)
def test_counts_of_every_deep_network(name: str, depth: int) -> None:
    """Parameters, weights and MACs equal the authors' to the last digit."""
    parameters, weights, small_macs, large_macs = COUNTS[name, depth]
    with torch.device("meta"):
        small = video_resnet(name, num_classes=400, frames=8, depth=depth, stem_pooling=False)
        large = video_resnet(name, num_classes=400, frames=32, depth=depth, stem_pooling=True)
    assert count_parameters(small) == count_parameters(large) == parameters
    assert count_conv_fc_weights(small) == weights
    assert count_macs(small, (1, 3, 8, 112, 112)) == small_macs
    assert count_macs(large, (1, 3, 32, 224, 224)) == large_macs
