"""Rows of runs aligned by video, split and seed."""

from pathlib import Path

import numpy as np
import pytest
from made_up import hits, write_made_up

from videobench.errors import DataError
from videobench.records import read_video_columns
from videobench.tables.outcomes import Run, align, difference_of, mean_of, run_of


def run(folder: Path, digest: str, right: list[bool], **changes: object) -> Run:
    record = write_made_up(folder, digest, video_hits=right, **changes)  # type: ignore[arg-type]
    return run_of(record, read_video_columns(folder, digest))


def test_runs_are_paired_by_seed_whatever_their_order(tmp_path: Path) -> None:
    """Seed 1 stands beside seed 1; a seed that only one row has is left out."""
    first = [run(tmp_path, f"a{seed}", hits(10 * seed, 40), seed=seed) for seed in (0, 1, 2)]
    second = [run(tmp_path, f"b{seed}", hits(10 * seed, 40), seed=seed) for seed in (2, 1)]
    aligned = align([first, second])
    assert aligned.seeds(0) == aligned.seeds(1) == (1, 2)
    rows = [aligned.column(row, lambda found: found.values["video@1"]) for row in (0, 1)]
    assert np.array_equal(rows[0], rows[1])


def test_runs_without_a_common_seed_are_paired_in_order(tmp_path: Path) -> None:
    """Two single runs can be compared whatever their seeds."""
    first, second = run(tmp_path, "aa", hits(5, 10), seed=0), run(tmp_path, "bb", hits(7, 10), seed=4)
    assert difference_of([second], [first], "video@1", None).value == pytest.approx(0.2)
    aligned = align([[first], [second]])
    assert (aligned.seeds(0), aligned.seeds(1)) == ((0,), (4,))


def test_videos_are_matched_by_name(tmp_path: Path) -> None:
    """Another order changes nothing, and a video that one run lacks is left out."""
    names = [f"v{number}" for number in range(6)]
    first = run(tmp_path, "aa", [True, True, True, False, False, False], videos=names)
    second = run(tmp_path, "bb", [False, False, True, True, True], videos=names[:0:-1])
    assert difference_of([first], [second], "video@1", None).value == pytest.approx(-0.2)  # v1 to v5: 2 against 3


def test_a_mean_over_splits_weighs_them_alike_and_draws_a_shared_video_once(tmp_path: Path) -> None:
    """Splits of 100 and 20 videos count the same; with all videos shared the interval is that of one split."""
    right = hits(60, 100)
    large = run(tmp_path, "aa", right, fingerprint="f1", seed=0)
    small = run(tmp_path, "bb", hits(18, 20), fingerprint="f2", seed=0)
    assert mean_of([large, small], "video@1", None).value == pytest.approx((0.6 + 0.9) / 2)
    same = run(tmp_path, "cc", right, fingerprint="f3", seed=0)
    other = run(tmp_path, "dd", right, fingerprint="f4", seed=0, videos=[f"other{n}" for n in range(100)])
    alone, shared, apart = (mean_of(runs, "video@1", None) for runs in ([large], [large, same], [large, other]))
    widths = [found.interval.high - found.interval.low for found in (alone, shared, apart)]
    assert widths[1] == pytest.approx(widths[0], rel=0.06)
    assert widths[2] == pytest.approx(widths[0] / np.sqrt(2), rel=0.06)


def test_runs_on_other_videos_are_refused(tmp_path: Path) -> None:
    """The message says what each saw."""
    first = run(tmp_path, "aa", hits(5, 10), data_name="one")
    splits = [run(tmp_path, f"b{n}", hits(5, 20), data_name="other", fingerprint=f"other{n}") for n in range(3)]
    with pytest.raises(DataError, match=r"aa and b0 saw .* one f1 with 10 videos; other other0 with 20 .* and 2 other"):
        align([[first], splits])
