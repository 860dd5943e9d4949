"""`videobench models`: every backbone with every head, counted as the papers count."""

import itertools

import pytest

from videobench.errors import ConfigError
from videobench.published.paper import load_paper
from videobench.runner.network_list import HEADS, CountingRule, ListedNetwork, every_network, list_networks


def listed(
    pattern: str, *, in_channels: int = 3, frames: int | None = None, num_classes: int = 51, count: CountingRule = "p2"
) -> dict[tuple[str, str], ListedNetwork]:
    found = list_networks(
        pattern=pattern, frames=frames, size=None, num_classes=num_classes, in_channels=in_channels, width=64,
        count=count,
    )  # fmt: skip
    return {(item.network, item.head): item for item in found}


def test_every_pair_is_listed_once() -> None:
    """All backbones of the two papers times the six heads."""
    labels = [network.label for network in every_network(64)]
    assert len(set(labels)) == len(labels) >= 12 * 2 + 3 + 3 + 6
    assert len(HEADS) == 6
    found = listed("I3D*", count="macs")
    assert set(found) == set(itertools.product(("I3D", "I3D FRMB", "I3D FRAB"), HEADS))


def test_what_cannot_take_a_clip_is_left_out() -> None:
    """SlowFast needs a multiple of 8 frames: it is left out beside others, and alone says why."""
    found = {network for network, _ in listed("*t*/average", frames=14, count="macs")}
    assert found == {"ResNeXt101", "ResNeXt101 FRMB", "ResNeXt101 FRAB"}
    with pytest.raises(ConfigError, match="a multiple of 8 frames, not of 14"):
        listed("SlowFast*", frames=14)


def test_sizes_are_the_first_papers() -> None:
    """R3D-18 and R(2+1)D-18 have the weights that P1's Table 2 prints: 33.4 M and 33.3 M."""
    sizes = listed("R*-18/average", num_classes=400, count="macs")
    assert sizes["R3D-18", "average"].conv_fc_weights / 1e6 == pytest.approx(33.4, abs=0.06)
    assert sizes["R(2+1)D-18", "average"].conv_fc_weights / 1e6 == pytest.approx(33.3, abs=0.06)
    assert sizes["R3D-18", "average"].operations == 20_348_379_136


def test_a_head_adds_to_its_backbone() -> None:
    """Counted apart, backbone and head are what the whole network is (architectures: 47,377,907 and 38.071 G)."""
    pair = listed("ResNeXt101 FRMB/BERT", count="macs")["ResNeXt101 FRMB", "BERT"]
    assert (pair.parameters, round(pair.operations / 1e9, 3)) == (47_377_907, 38.071)


TABLE1 = {
    ("Average pooling (baseline, TGAP)", "false"): ("ResNeXt101", "average"),
    ("Average pooling", "false"): ("ResNeXt101", "average"),
    ("Average pooling", "true"): ("ResNeXt101 FRMB", "average"),
    ("Concatenation", "true"): ("ResNeXt101 FRMB", "concatenation"),
    ("LSTM", "true"): ("ResNeXt101 FRMB", "LSTM"),
    ("Concatenation + fully connected layer", "true"): ("ResNeXt101 FRMB", "concatenation + FC"),
    ("Non-local + concatenation + fully connected layer", "true"): (
        "ResNeXt101 FRMB",
        "non-local + concatenation + FC",
    ),
    ("BERT pooling (ours)", "true"): ("ResNeXt101 FRMB", "BERT"),
}


def test_the_second_papers_table_1() -> None:
    """Parameters as printed, and GFlops: to the last digit with FRMB; without it the paper prints 0.01 less."""
    counted = listed("ResNeXt101*")
    table = load_paper("late_temporal").tables["table1"]
    for row in table.rows:
        printed = dict(zip(table.columns, row, strict=True))
        pair = counted[TABLE1[str(printed["pooling"]), str(printed["FRMB"])]]
        assert f"{pair.parameters / 1e6:.2f}" == printed["params_M"]
        gflops = pair.operations / 1e9 - (0.01 if printed["FRMB"] == "false" else 0)
        assert f"{gflops:.2f}" == printed["gflops"]


@pytest.mark.parametrize(
    ("pattern", "in_channels", "parameters", "gflops"),
    [
        ("ResNeXt101/average", 2, "47.60", "34.16"),
        ("ResNeXt101 FRMB/BERT", 2, "47.36", "33.97"),
        ("I3D/average", 3, "12.34", "111.33"),
        ("I3D FRAB/BERT", 3, "16.40", "111.72"),
        ("I3D/average", 2, "12.32", "102.52"),
        ("I3D FRAB/BERT", 2, "16.37", "102.91"),
        ("SlowFast-R50 late/average", 3, "33.76", "50.72"),
    ],
)
def test_the_second_papers_other_tables(pattern: str, in_channels: int, parameters: str, gflops: str) -> None:
    """Tables 3, 5 and 6, whose accuracies aren't verified, have the sizes of the authors' code."""
    (pair,) = listed(pattern, in_channels=in_channels).values()
    assert (f"{pair.parameters / 1e6:.2f}", f"{pair.operations / 1e9:.2f}") == (parameters, gflops)


def test_a_name_that_matches_nothing() -> None:
    """The error names the nearest there is."""
    with pytest.raises(ConfigError, match=r"no network matches 'ResNext101'"):
        listed("ResNext101")
