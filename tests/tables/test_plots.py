"""Tables as pictures."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from made_up import hits, table2_request, table2_row, write_made_up, write_twelve
from made_up_result import HAND_MADE

from videobench.errors import ConfigError, DataError
from videobench.tables.join import TableRow, join
from videobench.tables.picture import check_picture
from videobench.tables.plots import numeric_axis, plot_table
from videobench.tables.result import TableResult

CLIPS = (1, 2, 10, 100)


def texts_of(path: Path) -> list[str]:
    """What is written in an .svg picture, as matplotlib notes it beside the letters' outlines."""
    return re.findall(r"<!-- (.*?) -->", path.read_text(), re.DOTALL)


def by_clips(folder: Path, scale: str = "cpu", **changes: object) -> TableResult:
    """Figure 5b: accuracy by the number of clips."""
    rows = []
    for number, clips in enumerate(CLIPS):
        write_made_up(folder, f"{clips:04}", video_hits=hits(60 + 5 * number, 100), scale=scale)
        row = TableRow(
            name=str(clips),
            labels={"clips": str(clips)},
            published_row={"n_clips": str(clips)},
            digests=(f"{clips:04}",),
            cells={"video@1": "video1"},
            settings={},
            command="videobench train closer_look/figure5b",
        )
        rows.append(row)
    request = table2_request(*rows, scale=scale, table="figure5b", title="How many clips", **changes)
    return join(request, folder)


@pytest.mark.parametrize(("scale", "published"), [("cpu", "published, other data"), ("paper", "published")])
def test_a_numeric_column_becomes_an_axis(tmp_path: Path, scale: str, published: str) -> None:
    """One line of ours and one of the paper's, marked as other data's where it is; the caption says what was run."""
    path = tmp_path / "clips.svg"
    plot_table(by_clips(tmp_path, scale), path)
    texts = texts_of(path)
    assert {"ours", published, "clips", "video@1 (%), all videos", "1", "2", "10", "100"} <= set(texts)
    assert any(text.startswith("How many clips") for text in texts)
    assert "100 test videos" in " ".join(" ".join(texts).split())


def test_rows_without_an_axis_become_dots(tmp_path: Path) -> None:
    """Each row by its labels, each class group in a panel of its own; a pending row keeps its place."""
    rows = [*write_twelve(tmp_path, {"R2D": 0.3, "R3D": 0.6}), table2_row("MC3", "none")]
    path = tmp_path / "nets.svg"
    plot_table(join(table2_request(*rows, scale="cpu"), tmp_path), path)
    texts = texts_of(path)
    assert {"R2D 8", "R3D 8", "MC3 8", "ours", "clip@1 (%), all videos", "video@1 (%), motion"} <= set(texts)


@pytest.mark.parametrize("kind", ["png", "pdf", "svg"])
def test_every_kind_of_picture_is_written(tmp_path: Path, kind: str) -> None:
    """The file's ending says which kind."""
    path = tmp_path / "folder" / f"table.{kind}"
    plot_table(HAND_MADE, path)
    assert path.read_bytes()[:5] in (b"\x89PNG\r", b"%PDF-", b"<?xml")


def test_which_column_is_an_axis() -> None:
    """Numbers, at least three different ones; names with one more column make several lines."""

    def rows(*labels: dict[str, str]):  # type: ignore[no-untyped-def]
        return [replace(HAND_MADE.rows[0], labels=label) for label in labels]

    clips = [{"clips": str(number)} for number in CLIPS]
    assert numeric_axis(rows(*clips)) == "clips"
    assert numeric_axis(rows(*clips[:2])) is None
    assert numeric_axis(rows(*clips, {"clips": "all"})) is None
    assert numeric_axis(rows(*({"name": name, **label} for label in clips for name in ("R2D", "R3D")))) == "clips"
    assert numeric_axis(HAND_MADE.rows) is None


def test_nothing_measured_is_nothing_to_draw(tmp_path: Path) -> None:
    """The message has the command that changes that."""
    result = join(table2_request(table2_row("R3D", "none"), scale="cpu"), tmp_path)
    with pytest.raises(DataError, match=r"no run of this table is done yet\n.*videobench train closer_look/table2"):
        plot_table(result, tmp_path / "table.png")
    assert not (tmp_path / "table.png").exists()


@pytest.mark.parametrize("name", ["table.jpeg", "table"])
def test_other_kinds_of_pictures_are_refused(name: str) -> None:
    """Before anything is computed."""
    with pytest.raises(ConfigError, match=r"is no picture\nlegal: .png, .pdf, .svg"):
        check_picture(Path(name))
