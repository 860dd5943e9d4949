"""Streams alone beside their fusion."""

from pathlib import Path

import numpy as np
import pytest
from made_up import write_made_up

from videobench.evaluation.statistics import difference, mcnemar
from videobench.tables.streams import summarise_fusion

RANDOM = np.random.default_rng(0)
GROUPS = ["motion", "order"] * 100
RGB = RANDOM.random(200) < 0.6
FLOW = RANDOM.random(200) < 0.7
FUSED = RGB | FLOW


def test_the_gain_is_over_the_best_stream(tmp_path: Path) -> None:
    """Accuracies are those of the records, on all videos and by group; the gain is paired with McNemar's p.

    A stream whose files are others than the first one's saw the same videos all the same.
    """
    rgb = write_made_up(tmp_path, "aaaaaaaa", video_hits=RGB, groups=GROUPS)
    flow = write_made_up(tmp_path, "bbbbbbbb", video_hits=FLOW, groups=GROUPS, fingerprint="other files")
    fused = write_made_up(tmp_path, "cccccccc", video_hits=FUSED, groups=GROUPS)
    summary = summarise_fusion({"rgb": [rgb], "flow": [flow]}, [fused], tmp_path)
    assert summary.best == "flow"
    assert summary.streams["rgb"]["video@1"].value == pytest.approx(RGB.mean())
    assert list(summary.fused) == ["video@1", "video@1/motion", "video@1/order"]
    assert summary.fused["video@1/order"].value == pytest.approx(FUSED[1::2].mean())
    assert summary.fused["video@1"].interval.low == pytest.approx(fused.metrics["video@1"].low)
    assert summary.gain.value == pytest.approx(FUSED.mean() - FLOW.mean())
    assert summary.gain.p == mcnemar(FUSED.astype(float), FLOW.astype(float))


def test_seeds_are_paired(tmp_path: Path) -> None:
    """Three seeds of each stream give one gain with an interval over videos and seeds."""
    hits = {name: RANDOM.random((3, 200)) < share for name, share in (("rgb", 0.6), ("flow", 0.5), ("fused", 0.7))}
    records = {
        name: [write_made_up(tmp_path, f"{name}{seed}", video_hits=row, seed=seed) for seed, row in enumerate(rows)]
        for name, rows in hits.items()
    }
    fused = records.pop("fused")
    summary = summarise_fusion(records, fused, tmp_path)
    expected = difference(hits["fused"].astype(float), hits["rgb"].astype(float))
    assert summary.best == "rgb"
    assert summary.gain.value == pytest.approx(expected.value)
    assert summary.gain.interval.covers == "videos and seeds"
    assert summary.fused["video@1"].num_seeds == 3
