import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_up import (
    NETS,
    hits,
    table2_request,
    table2_row,
    write_made_up,
    write_paper_record,
    write_twelve,
)

from videobench.errors import ConfigError, DataError
from videobench.tables.join import TableRow, join
from videobench.tables.result import Cell, TableResult


def cell_of(result: TableResult, row: int = 0, metric: str = "video@1") -> Cell:
    return next(cell for cell in result.rows[row].cells if cell.metric == metric)


def notes_of(result: TableResult, cell: Cell) -> list[str]:
    return [result.footnotes[note - 1] for note in cell.notes]


@pytest.mark.parametrize(
    ("percent", "n", "verdict"),
    [
        (61.8, 19_906, "match"),  # the published number itself
        (62.1, 19_906, "match"),  # +0.3 +- 0.7
        (62.3, 19_906, "undecided"),  # +0.5 +- 0.7: not surely within a point
        (63.2, 19_906, "higher"),
        (60.4, 19_906, "lower"),
        (61.8, 1_000, "undecided"),  # too few videos to say
    ],
)
def test_each_verdict_at_paper_scale(tmp_path: Path, percent: float, n: int, verdict: str) -> None:
    """A record whose accuracy is given is judged against Table 2's 61.8 for R3D at 8 frames."""
    write_paper_record(tmp_path, "aa", percent=percent, n=n)
    cell = cell_of(join(table2_request(table2_row("R3D", "aa")), tmp_path))
    assert cell.verdict == verdict
    assert cell.published is not None
    assert cell.published.text == "61.8"
    assert cell.difference is not None
    assert cell.difference.value == pytest.approx((percent - 61.8) / 100)
    assert cell.difference.low < cell.difference.value < cell.difference.high
    assert cell.command is None


def test_a_wider_margin_makes_a_match(tmp_path: Path) -> None:
    """The margin is a field of the request."""
    write_paper_record(tmp_path, "aa", percent=63.2)
    request = table2_request(table2_row("R3D", "aa"), margin_points=3.0)
    assert cell_of(join(request, tmp_path)).verdict == "match"


@pytest.mark.parametrize(
    ("field", "value", "note"),
    [
        ("protocol.clips", 5, "protocol.clips is 5 here, 10 in the paper"),
        ("protocol.flip", True, "protocol.flip is true here, false in the paper"),
        (
            "protocol.crops",
            ["left", "right"],
            "protocol.crops is left right here, centre in the paper",
        ),
        ("clip.frames", 16, "clip.frames is 16 here, 8 in the paper"),
        ("data.name", None, "data.name is not stated here, kinetics400 in the paper"),
    ],
)
def test_another_protocol_is_not_comparable(tmp_path: Path, field: str, value: object, note: str) -> None:
    """A field that differs makes the cell n/c, with a footnote made from it; the difference stays visible."""
    write_paper_record(tmp_path, "aa", percent=61.8)
    row = table2_row("R3D", "aa")
    row = dataclasses.replace(row, settings={**row.settings, field: value})
    result = join(table2_request(row), tmp_path)
    cell = cell_of(result)
    assert cell.verdict == "n/c"
    assert notes_of(result, cell) == [note]
    assert cell.difference is not None


def test_a_row_without_a_record_is_pending_with_its_command(tmp_path: Path) -> None:
    """Nothing measured is neither blank nor zero: the cell says what would fill it."""
    result = join(table2_request(table2_row("R3D", "aa")), tmp_path)
    cell = cell_of(result)
    assert (cell.verdict, cell.ours, cell.difference) == ("pending", None, None)
    assert cell.command == "videobench train closer_look/table2 --only R3D"
    assert notes_of(result, cell) == ["to fill it: videobench train closer_look/table2 --only R3D"]
    assert result.rows[0].parameters is None


def test_a_row_with_some_of_its_seeds_is_pending_and_shows_them(tmp_path: Path) -> None:
    """A mean over fewer runs than asked for is shown, but not judged."""
    write_made_up(tmp_path, "aa", video_hits=hits(60, 100))
    result = join(table2_request(table2_row("R3D", "aa", "bb"), scale="cpu"), tmp_path)
    cell = cell_of(result)
    assert cell.verdict == "pending"
    assert cell.ours is not None
    assert cell.ours.value == pytest.approx(0.6)
    assert "1 of 2 runs done" in notes_of(result, cell)


def test_a_record_of_another_scale_is_left_out_with_a_note(tmp_path: Path) -> None:
    """Scale isn't part of the digest, so a record may be of another one: a table never mixes them."""
    write_made_up(tmp_path, "aa", video_hits=hits(6, 10), scale="smoke")
    result = join(table2_request(table2_row("R3D", "aa"), scale="cpu"), tmp_path)
    cell = cell_of(result)
    assert (cell.verdict, cell.ours) == ("pending", None)
    assert "record aa is of smoke scale and left out: a table never mixes scales" in notes_of(result, cell)


def test_two_copies_of_a_data_set_are_refused(tmp_path: Path) -> None:
    """Rows on the same split of one data set must have seen the same videos."""
    write_made_up(tmp_path, "aa", video_hits=hits(6, 10))
    write_made_up(tmp_path, "bb", video_hits=hits(6, 10), fingerprint="f2")
    rows = (table2_row("R3D", "aa"), table2_row("MC3", "bb"))
    with pytest.raises(DataError, match=r"records aa and bb both say synthetic-motion v1.*differ"):
        join(table2_request(*rows, scale="cpu"), tmp_path)


def test_unverified_numbers_are_flagged(tmp_path: Path) -> None:
    """A number that was only recalled carries a footnote, also while the row is pending."""
    row = TableRow(
        name="BERT",
        labels={"bert": "true"},
        published_row={"bert": "true"},
        digests=("aa",),
        cells={"video@1": "top1"},
        settings={},
        command="videobench train late_temporal/table4",
    )
    request = table2_request(row, paper="late_temporal", table="table4")
    result = join(request, tmp_path)
    cell = cell_of(result)
    assert cell.published is not None
    assert cell.published.status == "unverified"
    assert any("UNVERIFIED" in note for note in notes_of(result, cell))


def test_a_row_of_our_own_has_no_published_number(tmp_path: Path) -> None:
    """Where the paper has no number, in a row, a metric or at all, the cell is ours alone."""
    write_paper_record(tmp_path, "aa", percent=50)
    own = table2_row("R3D", "aa", published_row=None)
    unprinted = table2_row("MC3", "aa", cells={"video@1": None})
    result = join(table2_request(own, unprinted), tmp_path)
    assert [cell_of(result, row).verdict for row in (0, 1)] == ["unpublished", "unpublished"]
    alone = join(table2_request(own, paper=None, table=None), tmp_path)
    assert cell_of(alone).verdict == "unpublished"
    assert cell_of(alone).ours is not None


def test_broken_videos_are_counted_in_a_footnote(tmp_path: Path) -> None:
    """An evaluation that could not read all videos says so."""
    write_made_up(tmp_path, "aa", video_hits=hits(6, 10), num_expected=12)
    result = join(table2_request(table2_row("R3D", "aa"), scale="cpu"), tmp_path)
    assert "2 of 12 videos left out" in notes_of(result, cell_of(result))
    assert (result.rows[0].num_evaluated, result.rows[0].num_expected) == (10, 12)


def test_seeds_are_averaged_with_their_spread(tmp_path: Path) -> None:
    """The mean over three seeds has an interval that covers videos and seeds, and the seeds' deviation."""
    for seed, right in enumerate((60, 70, 80)):
        write_made_up(tmp_path, f"a{seed}", video_hits=hits(right, 100, shift=31 * seed), seed=seed)
    result = join(table2_request(table2_row("R3D", "a0", "a1", "a2"), scale="cpu"), tmp_path)
    ours = cell_of(result).ours
    assert ours is not None
    assert ours.value == pytest.approx(0.7)
    assert ours.sd == pytest.approx(0.1)
    assert (ours.num_seeds, ours.covers) == (3, "videos and seeds")
    assert ours.low < 0.6
    assert result.provenance.num_seeds == (3,)


def test_splits_are_averaged_over_their_own_means(tmp_path: Path) -> None:
    """Two splits of unequal size count equally, and a video in both is drawn once."""
    first = [f"v{number}" for number in range(100)]
    second = first[50:] + [f"w{number}" for number in range(150)]
    for digest, videos, right, split in (("aa", first, 50, 1), ("bb", second, 150, 2)):
        write_made_up(
            tmp_path,
            digest,
            video_hits=hits(right, len(videos)),
            videos=videos,
            fingerprint=digest,
            evaluation={"subset": "test", "data": {"split": split}},
        )
    result = join(table2_request(table2_row("R3D", "aa", "bb"), scale="cpu"), tmp_path)
    ours = cell_of(result).ours
    assert ours is not None
    assert ours.value == pytest.approx((0.5 + 0.75) / 2)
    assert ours.num_seeds == 1


def test_groups_cost_and_size_are_shown(tmp_path: Path) -> None:
    """A row carries its accuracy by class group, mean cost, multiply-adds, and the paper's way to count."""
    groups = ["motion"] * 6 + ["order"] * 4
    for seed in (0, 1):
        write_made_up(tmp_path, f"a{seed}", video_hits=hits(6, 10), groups=groups, seed=seed)
    request = table2_request(table2_row("R3D", "a0", "a1"), scale="cpu", cost=("training_seconds", "clips"))
    row = join(request, tmp_path).rows[0]
    accuracies = {group: metrics["video@1"].value for group, metrics in row.groups.items()}
    assert accuracies == pytest.approx({"motion": 1.0, "order": 0.0})
    assert row.cost == {"training_seconds": 5400.0, "clips": 1000.0}
    assert (row.parameters, row.published_parameters, row.macs) == (520_000, "33.4", 20_000_000)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"cells": {"video@9": "video1_8f"}}, DataError, r"no 'video@9'\nIt has clip@1, video@1"),
        ({"cells": {"video@1": "video9"}}, ConfigError, "no column 'video9'"),
        ({"published_row": {"net": "R9D"}}, ConfigError, "no row matches"),
        ({"cells": {"video@1": "net"}}, ConfigError, "holds 'R3D', which is no number"),
    ],
)
def test_a_row_that_names_what_is_not_there_is_refused(
    tmp_path: Path, changes: dict[str, Any], error: type[Exception], message: str
) -> None:
    """Metrics, columns and published rows are checked by name."""
    write_made_up(tmp_path, "aa", video_hits=hits(6, 10))
    with pytest.raises(error, match=message):
        join(table2_request(table2_row("R3D", "aa", **changes), scale="cpu"), tmp_path)


def test_an_unknown_cost_is_refused(tmp_path: Path) -> None:
    """A cost column is a number of the record's cost."""
    write_made_up(tmp_path, "aa", video_hits=hits(6, 10))
    with pytest.raises(ConfigError, match=r"no cost 'euros'\nlegal: training_seconds, .*, views, gmacs_per_video"):
        join(table2_request(table2_row("R3D", "aa"), scale="cpu", cost=("euros",)), tmp_path)


def test_a_mean_over_runs_needs_a_metric_of_single_videos(tmp_path: Path) -> None:
    """A number that isn't a mean over videos can't be averaged with an honest interval."""
    for digest in ("aa", "bb"):
        record = write_made_up(tmp_path, digest, video_hits=hits(6, 10))
        metrics = {"odd": record.metrics["video@1"]}
        write_made_up(tmp_path, digest, video_hits=hits(6, 10), metrics=metrics)
    row = table2_row("R3D", "aa", "bb", cells={"odd": "video1_8f"})
    with pytest.raises(DataError, match="no mean over runs for 'odd'"):
        join(table2_request(row, scale="cpu"), tmp_path)


def test_other_scales_mark_every_published_number_not_comparable(tmp_path: Path) -> None:
    """At cpu scale even an equal number is n/c, for the data and the networks are others."""
    write_made_up(tmp_path, "aa", video_hits=hits(618, 1000))
    result = join(table2_request(table2_row("R3D", "aa"), scale="cpu"), tmp_path)
    cell = cell_of(result)
    assert (cell.verdict, cell.difference) == ("n/c", None)
    assert notes_of(result, cell) == ["synthetic-motion version 1 at cpu scale: other data and size than the paper's"]


def test_a_single_source_has_no_interval(tmp_path: Path) -> None:
    """Bounds that don't exist stay infinite in the table instead of passing for certainty."""
    record = write_made_up(tmp_path, "aa", video_hits=[True, False])
    metric = dataclasses.replace(record.metrics["video@1"], low=-np.inf, high=np.inf)
    write_made_up(tmp_path, "aa", video_hits=[True, False], metrics={"video@1": metric})
    ours = cell_of(join(table2_request(table2_row("R3D", "aa"), scale="cpu"), tmp_path)).ours
    assert ours is not None
    assert (ours.low, ours.high) == (-np.inf, np.inf)


def test_a_thousand_records_make_no_difference(tmp_path: Path) -> None:
    """A table reads its own records only, so others in the folder cost nothing, even damaged ones."""
    rows = write_twelve(tmp_path, dict.fromkeys(NETS[:2], 0.5), num_seeds=1)
    for number in range(1000):
        (tmp_path / f"other{number}.json").write_text("")
    assert len(join(table2_request(*rows, scale="cpu"), tmp_path).rows) == 2
