"""A table's rows compared with one of them."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_up import NETS, hits, table2_request, table2_row, write_made_up, write_twelve
from rich.console import Console

from videobench.errors import ConfigError
from videobench.evaluation.statistics import holm, mcnemar
from videobench.tables.document import document_of
from videobench.tables.join import join
from videobench.tables.render import FORMATS, to_terminal
from videobench.tables.result import TableResult

RIGHT = {"R3D": 120, "MC3": 150, "MC4": 121, "R2D": 105}


def compared(folder: Path, name: str = "R3D 8") -> TableResult:
    """Four networks on the same 200 videos; one has all that another has, and more."""
    for net, number in RIGHT.items():
        write_made_up(folder, net, video_hits=hits(number, 200))
    rows = [table2_row(net, net) for net in RIGHT]
    return join(table2_request(*rows, scale="cpu", against=name), folder)


def test_every_row_is_compared_with_the_one_that_is_named(tmp_path: Path) -> None:
    """The paired difference with McNemar's p, adjusted over the other rows; nothing in the row itself."""
    result = compared(tmp_path)
    reference, *others = [row.cells[0].against for row in result.rows]
    assert reference is None
    found = [other for other in others if other]
    assert [other.difference.value for other in found] == pytest.approx([0.15, 0.005, -0.075])
    right = {net: np.array(hits(number, 200), float) for net, number in RIGHT.items()}
    plain = [mcnemar(right[net], right["R3D"]) for net in ("MC3", "MC4", "R2D")]
    assert [other.p for other in found] == pytest.approx(plain)
    assert [other.p_holm for other in found] == pytest.approx(holm(plain))
    assert [other.is_significant for other in found] == [True, False, True]
    assert found[0].test == "mcnemar"


@pytest.mark.parametrize("format", FORMATS)
def test_the_differences_stand_in_every_format(tmp_path: Path, format: str) -> None:
    """Difference and adjusted p for people and programs alike."""
    text = FORMATS[format](compared(tmp_path))
    assert "against" in text
    assert "+15.0" in text or "0.15" in text
    assert "p (Holm)" in text or "p_holm" in text


def test_a_significant_difference_is_marked(tmp_path: Path) -> None:
    """A star where the adjusted p is at most 0.05, and a line that says what was done."""
    document = document_of(compared(tmp_path), compact=True)
    headings = [column.heading for column in document.table.columns]
    column = [row[headings.index("against R3D 8")] for row in document.table.rows]
    assert [cell.endswith(" *") for cell in column] == [False, True, False, True]
    assert column[0] == "–"
    assert any("Holm" in line and "R3D 8" in line for line in document.lines)


def test_the_widest_table_fits_into_the_terminal(tmp_path: Path) -> None:
    """Twelve networks with three class groups, each against the first, in 120 columns."""
    rows = write_twelve(tmp_path, dict.fromkeys(NETS, 0.5), num_seeds=1)
    result = join(table2_request(*rows, scale="cpu", against="R2D 8"), tmp_path)
    console = Console(width=120, file=io.StringIO(), record=True)
    console.print(to_terminal(replace(result, statements=(), pairs=())))
    text = console.export_text()
    assert "…" not in text
    assert all(word in text for word in ("appearance", "motion", "order", "against", "n/c"))


def test_a_table_without_a_reference_has_no_such_column(tmp_path: Path) -> None:
    """Nothing about it, in any format, unless it is asked for."""
    write_made_up(tmp_path, "aa", video_hits=hits(6, 10))
    result = join(table2_request(table2_row("R3D", "aa"), scale="cpu"), tmp_path)
    assert not [name for name, render in FORMATS.items() if "holm" in render(result).lower()]


def test_a_row_on_other_videos_says_so(tmp_path: Path) -> None:
    """It has no difference but a footnote; the others are compared as if it weren't there."""
    for digest, data in (("aa", "f1"), ("bb", "f1"), ("cc", "f2")):
        write_made_up(tmp_path, digest, video_hits=hits(60, 100), fingerprint=data, data_name=data)
    rows = [table2_row("R3D", "aa"), table2_row("MC3", "bb"), table2_row("MC4", "cc"), table2_row("MC5", "none")]
    result = join(table2_request(*rows, scale="cpu", against="R3D 8"), tmp_path)
    cells = [row.cells[0] for row in result.rows]
    assert [cell.against is not None for cell in cells] == [False, True, False, False]
    assert cells[1].against is not None
    assert cells[1].against.p == cells[1].against.p_holm  # one comparison: nothing to adjust
    notes = [[result.footnotes[note - 1] for note in cell.notes] for cell in cells]
    assert "it saw other videos than R3D 8: no difference" in notes[2]
    assert not [note for note in notes[3] if "other videos" in note]  # pending is enough said


@pytest.mark.parametrize(
    ("name", "message"),
    [("R4D 8", r"--against: no row 'R4D 8'.*\nlegal: R3D 8, MC3 8"), ("MC3 8", r"MC3 8 isn't done\nto fill it: ")],
)
def test_a_reference_must_exist_and_be_done(tmp_path: Path, name: str, message: str) -> None:
    """Both mistakes come with what to do."""
    write_made_up(tmp_path, "aa", video_hits=hits(6, 10))
    rows = [table2_row("R3D", "aa"), table2_row("MC3", "none")]
    with pytest.raises(ConfigError, match=message):
        join(table2_request(*rows, scale="cpu", against=name), tmp_path)
