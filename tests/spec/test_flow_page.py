"""docs/flow.md says what the code does: its example is one, and its numbers are those in use."""

import re
from pathlib import Path

import pytest

from videobench.data import flow_check
from videobench.spec.clip import MEAN, STD
from videobench.spec.expand import load_experiment

PAGE = (Path(__file__).parents[2] / "docs" / "flow.md").read_text(encoding="utf-8")


def test_the_example_has_a_row_of_each_kind(tmp_path: Path) -> None:
    """It can be copied and run."""
    (text,) = re.findall(r"```yaml\n(.*?)```", PAGE, flags=re.DOTALL)
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    rgb, flow = load_experiment(str(path)).rows
    assert (rgb.settings["clip.modality"], flow.settings["clip.modality"]) == ("rgb", "flow")


def test_the_default_normalisation_is_in_the_table() -> None:
    """P1's, of which the pixels stand above: shares of the 40 px that 8 bits hold at a bound of 20."""
    assert f"| P1's (the default) | {list(MEAN['flow'])} | {list(STD['flow'])} |" in PAGE
    for level, pixels in zip(MEAN["flow"], (0.0046635, 0.0046261), strict=True):
        assert 40 * level - 20 == pytest.approx(pixels, abs=5e-5)
    for level, pixels in zip(STD["flow"], (0.972347, 0.755146), strict=True):
        assert 40 * level == pytest.approx(pixels, abs=5e-6)


def test_the_limits_of_the_findings_are_those_in_use() -> None:
    """Each as the table has it."""
    assert f"more than {flow_check.MAX_DRIFT:g} of 255 from rest, {flow_check.REST}" in PAGE
    assert f"more than {flow_check.MAX_SATURATED:.0%}".replace("%", " %") in PAGE
    assert f"more than {flow_check.MAX_STILL:.0%}".replace("%", " %") in PAGE
