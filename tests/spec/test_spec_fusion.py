"""The digest of a fusion."""

import pytest

from videobench.spec.base import digest
from videobench.spec.fusion import Fusion

STREAMS = {"rgb": "0123456789abcdef", "flow": "fedcba9876543210"}
HALVES = {"rgb": 0.5, "flow": 0.5}
FUSION = Fusion(streams=STREAMS, weights=HALVES)


def test_the_digest_is_frozen() -> None:
    """Records of fusions are found again by later versions, in whatever order the streams are named."""
    turned = Fusion(streams=dict(reversed(STREAMS.items())), weights=dict(reversed(HALVES.items())))
    assert digest(FUSION) == digest(turned) == "a1a5c0e916975c41"


@pytest.mark.parametrize(
    "changes",
    [
        {"form": "l2norm_sum"},
        {"weights": {"rgb": 0.6, "flow": 0.4}},
        {"streams": {**STREAMS, "flow": "0000000000000000"}},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_what_changes_the_result_changes_the_digest(changes: dict[str, object]) -> None:
    """Each field counts."""
    assert digest(FUSION.model_copy(update=changes)) != digest(FUSION)
