from pathlib import Path

import pytest
from made_up import hits, table2_request, table2_row, write_made_up, write_paper_record

from videobench.errors import RegressionError
from videobench.tables.check import check
from videobench.tables.join import join


def test_a_number_within_the_tolerance_passes_and_one_outside_is_listed(tmp_path: Path) -> None:
    """The gate lists every cell further off than the tolerance, with exit code 6."""
    write_paper_record(tmp_path, "aa", percent=61.0)
    write_paper_record(tmp_path, "bb", percent=60.0)
    result = join(table2_request(table2_row("R3D", "aa"), table2_row("MC3", "bb")), tmp_path)
    check(result, 3.0)
    with pytest.raises(RegressionError) as caught:
        check(result, 1.0)
    assert "MC3 8, video@1: -2.9 points from 62.9" in str(caught.value)
    assert "R3D" not in str(caught.value)
    assert caught.value.exit_code == 6


def test_what_is_pending_fails_the_gate(tmp_path: Path) -> None:
    """A gate must not pass because nothing was run."""
    result = join(table2_request(table2_row("R3D", "aa")), tmp_path)
    with pytest.raises(RegressionError, match="R3D 8, video@1: pending; videobench train"):
        check(result, 100.0)


def test_other_scales_fail_on_contradicted_claims(tmp_path: Path) -> None:
    """Where numbers can't be compared, the order of networks can."""
    write_made_up(tmp_path, "aa", video_hits=hits(100, 200))
    write_made_up(tmp_path, "bb", video_hits=hits(130, 200))
    rows = (table2_row("R(2+1)D", "aa"), table2_row("R3D", "bb"))
    result = join(table2_request(*rows, scale="cpu"), tmp_path)
    check(result, 20.0)
    with pytest.raises(RegressionError, match=r"claim r2plus1d-best \(video1_8f, all videos\): contradicted, -15.0"):
        check(result, 5.0)


def test_a_table_with_nothing_to_check_fails(tmp_path: Path) -> None:
    """One row at another scale holds neither a comparable number nor a claim."""
    write_made_up(tmp_path, "aa", video_hits=hits(6, 10))
    result = join(table2_request(table2_row("R3D", "aa"), scale="cpu"), tmp_path)
    with pytest.raises(RegressionError, match="nothing to check"):
        check(result, 1.0)
