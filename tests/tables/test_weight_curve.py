"""The curve of weights, as text and as a picture."""

import dataclasses
import math
from pathlib import Path

import pytest

from videobench.tables.weight_curve import WeightCurve, draw

CURVE = WeightCurve(
    metric="video@1",
    stream="rgb",
    shares=[0, 0.25, 0.5, 0.75, 1],
    accuracies=[0.6, 0.7, 0.81, 0.8, 0.74],
    fixed=0.5,
    interval=(0.75, 0.85),
)


def test_the_caption_says_that_nothing_was_tuned() -> None:
    """Wherever the curve is shown it says so."""
    assert CURVE.caption == "video@1 by the weight of rgb: shown, not tuned; the weight was fixed beforehand at 0.5"


def test_sparkline() -> None:
    """The lowest and highest accuracies are the lowest and highest bars, and ^ stands under the fixed weight."""
    assert CURVE.sparkline() == ("▁▄██▆", "  ^")
    flat = dataclasses.replace(CURVE, accuracies=[0.5] * 5, fixed=1)
    assert flat.sparkline() == ("▁▁▁▁▁", "    ^")


@pytest.mark.parametrize("interval", [(0.75, 0.85), (-math.inf, math.inf)])
def test_pictures(tmp_path: Path, interval: tuple[float, float]) -> None:
    """The ending decides the kind; an unbounded interval spans what is possible; nothing else is left behind."""
    curve = dataclasses.replace(CURVE, interval=interval)
    draw(curve, tmp_path / "new" / "curve.png")
    draw(curve, tmp_path / "new" / "curve.svg")
    assert (tmp_path / "new" / "curve.png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in (tmp_path / "new" / "curve.svg").read_text()
    assert len(list((tmp_path / "new").iterdir())) == 2
