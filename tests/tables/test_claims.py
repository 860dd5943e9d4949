from pathlib import Path

import pytest
from made_up import NETS, hits, table2_request, table2_row, write_made_up, write_twelve

from videobench.errors import ConfigError, DataError
from videobench.tables.join import join
from videobench.tables.result import Statement, TableResult


def statement_of(result: TableResult, claim: str, column: str, group: str | None = None) -> Statement:
    return next(
        found for found in result.statements if (found.claim, found.column, found.group) == (claim, column, group)
    )


def two_nets(folder: Path, better: int, worse: int) -> TableResult:
    """R(2+1)D and R3D on the same 200 videos; R3D is right on a part of R(2+1)D's videos or the reverse."""
    write_made_up(folder, "aa", video_hits=hits(better, 200))
    write_made_up(folder, "bb", video_hits=hits(worse, 200))
    rows = (table2_row("R(2+1)D", "aa"), table2_row("R3D", "bb"))
    return join(table2_request(*rows, scale="cpu"), folder)


@pytest.mark.parametrize(
    ("better", "worse", "verdict"),
    [(150, 120, "agree"), (120, 150, "contradict"), (121, 120, "undecided")],
)
def test_a_claim_is_judged_on_the_same_videos(tmp_path: Path, better: int, worse: int, verdict: str) -> None:
    """The paper puts R(2+1)D above R3D; ours agree, contradict, or can't tell."""
    result = two_nets(tmp_path, better, worse)
    statement = statement_of(result, "r2plus1d-best", "video1_8f")
    assert statement.verdict == verdict
    assert statement.weakest is not None
    assert statement.weakest.value == pytest.approx((better - worse) / 200)
    assert statement.between == ("R(2+1)D 8", "R3D 8")
    (pairs,) = result.pairs
    assert (pairs.agree, pairs.contradict, pairs.undecided, pairs.pending) == tuple(
        int(verdict == name) for name in ("agree", "contradict", "undecided", "pending")
    )


def test_pairing_sees_what_separate_intervals_do_not(tmp_path: Path) -> None:
    """Ten points on the same videos are decided although the two intervals overlap."""
    result = two_nets(tmp_path, 110, 96)
    first, second = (row.cells[0].ours for row in result.rows)
    assert first is not None
    assert second is not None
    assert first.low < second.high
    assert statement_of(result, "r2plus1d-best", "video1_8f").verdict == "agree"


def test_only_rows_that_exist_are_compared_and_missing_runs_are_pending(tmp_path: Path) -> None:
    """A claim without rows of ours isn't listed; one with unfinished rows is pending."""
    result = two_nets(tmp_path, 150, 120)
    assert {statement.claim for statement in result.statements} == {"r2plus1d-best"}
    rows = (table2_row("R(2+1)D", "aa"), table2_row("R3D", "bb"), table2_row("MC3", "none"))
    result = join(table2_request(*rows, scale="cpu"), tmp_path)
    statement = statement_of(result, "r2plus1d-best", "video1_8f")
    assert (statement.verdict, statement.agree, statement.pending) == ("pending", 1, 1)
    (pairs,) = result.pairs
    assert (pairs.agree, pairs.pending) == (1, 2)  # R3D and MC3 lie 1.1 points apart


def test_pairs_closer_than_the_margin_are_not_counted(tmp_path: Path) -> None:
    """MC4 and MC5 (62.5 both) and MC2 say nothing about each other; exactly 1.0 point counts."""
    rows = write_twelve(tmp_path, {"MC2": 0.6, "MC4": 0.6, "MC5": 0.6}, num_seeds=1)
    result = join(table2_request(*rows, scale="cpu"), tmp_path)
    assert [pairs.column for pairs in result.pairs] == []
    rows = write_twelve(tmp_path, {"R3D": 0.6, "MC5": 0.6, "rMC5": 0.6}, num_seeds=1)
    counts = join(table2_request(*rows, scale="cpu"), tmp_path).pairs
    video = [pairs for pairs in counts if pairs.column == "video1_8f" and pairs.group is None]
    assert sum((video[0].agree, video[0].contradict, video[0].undecided)) == 1  # 62.5 - 61.2


def test_claims_are_judged_by_group_too(tmp_path: Path) -> None:
    """A group where the order of networks differs shows it, whatever the total says."""
    groups = ["motion"] * 100 + ["order"] * 100
    write_made_up(tmp_path, "aa", video_hits=[True] * 90 + [False] * 60 + [True] * 50, groups=groups)
    write_made_up(tmp_path, "bb", video_hits=[True] * 30 + [False] * 90 + [True] * 80, groups=groups)
    rows = (table2_row("R(2+1)D", "aa"), table2_row("R3D", "bb"))
    result = join(table2_request(*rows, scale="cpu"), tmp_path)
    verdicts = {
        group: statement_of(result, "r2plus1d-best", "video1_8f", group).verdict for group in (None, "motion", "order")
    }
    assert verdicts == {None: "agree", "motion": "agree", "order": "contradict"}


def test_all_twelve_networks_with_seeds(tmp_path: Path) -> None:
    """With twelve rows of three seeds every claim of the 8-frame columns is judged on all of its pairs."""
    rows = write_twelve(tmp_path, dict(zip(NETS, [0.3, 0.3, *[0.6] * 9, 0.9], strict=True)))
    result = join(table2_request(*rows, scale="cpu"), tmp_path)
    best = statement_of(result, "r2plus1d-best", "video1_8f")
    assert (best.verdict, best.agree) == ("agree", 11)
    above = statement_of(result, "3d-above-2d", "video1_8f")
    assert (above.verdict, above.agree) == ("agree", 18)
    assert {statement.column for statement in result.statements} == {"clip1_8f", "video1_8f"}


def test_videos_that_one_row_lacks_are_left_out_of_its_comparisons(tmp_path: Path) -> None:
    """A broken video in one evaluation doesn't shift the pairing of all others."""
    write_made_up(tmp_path, "aa", video_hits=hits(150, 200))
    names = [f"video{number:04d}" for number in range(200)]
    write_made_up(tmp_path, "bb", video_hits=hits(120, 200)[1:], videos=names[1:], num_expected=200)
    rows = (table2_row("R(2+1)D", "aa"), table2_row("R3D", "bb"))
    result = join(table2_request(*rows, scale="cpu"), tmp_path)
    weakest = statement_of(result, "r2plus1d-best", "video1_8f").weakest
    assert weakest is not None
    assert weakest.value == pytest.approx(30 / 199)


def test_rows_on_different_sets_are_not_compared(tmp_path: Path) -> None:
    """Two data sets in one published column are refused, not compared as if they were one."""
    write_made_up(tmp_path, "aa", video_hits=hits(6, 10))
    write_made_up(tmp_path, "bb", video_hits=hits(6, 10), data_name="other", fingerprint="f2")
    rows = (table2_row("R(2+1)D", "aa"), table2_row("R3D", "bb"))
    with pytest.raises(DataError, match="evaluations aa and bb saw different videos"):
        join(table2_request(*rows, scale="cpu"), tmp_path)


def test_rows_without_a_common_video_are_not_compared(tmp_path: Path) -> None:
    """When no video was evaluated in both rows there is nothing to say."""
    write_made_up(tmp_path, "aa", video_hits=hits(6, 10), num_expected=20)
    names = [f"other{number}" for number in range(10)]
    write_made_up(tmp_path, "bb", video_hits=hits(6, 10), videos=names, num_expected=20)
    rows = (table2_row("R(2+1)D", "aa"), table2_row("R3D", "bb"))
    with pytest.raises(DataError, match="aa and bb have no video in common"):
        join(table2_request(*rows, scale="cpu"), tmp_path)


def test_a_metric_without_per_video_values_is_not_compared(tmp_path: Path) -> None:
    """A paired comparison needs one value a video."""
    for digest in ("aa", "bb"):
        record = write_made_up(tmp_path, digest, video_hits=hits(6, 10))
        metrics = {"odd": record.metrics["video@1"]}
        write_made_up(tmp_path, digest, video_hits=hits(6, 10), metrics=metrics)
    rows = [table2_row(net, digest, cells={"odd": "video1_8f"}) for net, digest in (("R3D", "aa"), ("R(2+1)D", "bb"))]
    with pytest.raises(ConfigError, match="no paired comparison of 'odd'"):
        join(table2_request(*rows, scale="cpu"), tmp_path)


def test_class_means_are_paired_within_classes(tmp_path: Path) -> None:
    """Mean class accuracy compares per-class means, so a class of many videos counts once."""
    for digest, right in (("aa", 10), ("bb", 5)):
        record = write_made_up(tmp_path, digest, video_hits=hits(right, 20))
        metrics = {"class_mean@1": record.metrics["video@1"]}
        write_made_up(tmp_path, digest, video_hits=hits(right, 20), metrics=metrics)
    cells = {"class_mean@1": "video1_8f"}
    rows = (table2_row("R(2+1)D", "aa", cells=cells), table2_row("R3D", "bb", cells=cells))
    weakest = statement_of(join(table2_request(*rows, scale="cpu"), tmp_path), "r2plus1d-best", "video1_8f").weakest
    labels = [number % 7 for number in range(20)]
    expected = (
        sum(
            sum(5 <= number < 10 for number in range(20) if labels[number] == label) / labels.count(label)
            for label in range(7)
        )
        / 7
    )
    assert weakest is not None
    assert weakest.value == pytest.approx(expected)
