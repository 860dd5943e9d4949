"""What a record says beside its numbers reaches every table."""

from dataclasses import replace
from pathlib import Path

import pytest
from made_up import hits, table2_request, table2_row, write_made_up

from videobench.records import SkippedVideo
from videobench.tables.join import join
from videobench.tables.render import FORMATS
from videobench.tables.result import TableResult


def notes_of(result: TableResult, row: int = 0) -> list[str]:
    return [result.footnotes[note - 1] for note in result.rows[row].cells[0].notes]


def table(folder: Path, *rows: str, **request: object) -> TableResult:
    made = [table2_row("R3D", *row.split()) for row in rows]
    return join(table2_request(*made, scale="cpu", **request), folder)


@pytest.mark.parametrize("format", FORMATS)
def test_a_records_notes_stand_in_every_format(tmp_path: Path, format: str) -> None:
    """A note is printed word by word."""
    write_made_up(tmp_path, "aa", video_hits=hits(6, 10), notes=("The best epoch was chosen on these videos.",))
    assert "The best epoch was chosen on these videos." in FORMATS[format](table(tmp_path, "aa"))


def test_the_same_note_of_several_seeds_is_one_footnote(tmp_path: Path) -> None:
    """Notes and videos left out are told once, however many records say the same."""
    for seed in range(3):
        write_made_up(tmp_path, f"a{seed}", video_hits=hits(6, 10), seed=seed, notes=("Note.",), num_expected=11)
    assert sorted(notes_of(table(tmp_path, "a0 a1 a2")))[:2] == ["1 of 11 videos left out", "Note."]


def test_videos_left_out_are_named(tmp_path: Path) -> None:
    """The first three with their reasons, and how many more."""
    record = write_made_up(tmp_path, "aa", video_hits=hits(6, 10), num_expected=15)
    skipped = tuple(SkippedVideo(video=f"v{n}.mp4", reason="no frames") for n in range(5))
    write_made_up(tmp_path, "aa", video_hits=hits(6, 10), data=replace(record.data, skipped=skipped))
    expected = "5 of 15 videos left out: v0.mp4 (no frames), v1.mp4 (no frames), v2.mp4 (no frames) and 2 more"
    assert expected in notes_of(table(tmp_path, "aa"))


def test_views_that_coincide_are_told(tmp_path: Path) -> None:
    """Fewer distinct views than the protocol counts: the mean of both; otherwise nothing."""
    write_made_up(tmp_path, "aa", video_hits=hits(6, 10), num_distinct_views=7)
    write_made_up(tmp_path, "bb", video_hits=hits(6, 10), evaluation={"protocol": {"clips": 9}})
    result = table(tmp_path, "aa", "bb")
    assert "on average 7.0 of 10 views are distinct: those of short videos coincide" in notes_of(result)
    assert not [note for note in notes_of(result, 1) if "distinct" in note]


def test_cost_columns_of_views(tmp_path: Path) -> None:
    """Views as the protocol counts them, and the multiply-adds of those that are distinct (20 million each)."""
    write_made_up(tmp_path, "aa", video_hits=hits(6, 10), num_distinct_views=7)
    result = table(tmp_path, "aa", "none", cost=("views", "gmacs_per_video"))
    assert result.rows[0].cost == {"views": 10, "gmacs_per_video": pytest.approx(0.14)}
    assert result.rows[1].cost == {"views": None, "gmacs_per_video": None}
    assert "GMACs per video" in FORMATS["markdown"](result)
    assert " 0.14 |" in FORMATS["markdown"](result)
