from pathlib import Path

import pytest
import yaml

from videobench.errors import ConfigError
from videobench.published.paper import load_paper, paper_names, parse_paper
from videobench.published.released import released_weights

REFERENCE = Path(__file__).parents[3] / "shared" / "published"

GOOD = """
paper: {title: A paper, arxiv: '1', venue: V}
tables:
- id: t
  name: Table
  status: verified
  keys: [net]
  columns: [net, a, b]
  rows: [[x, '1.0', null], [y, '2.0', '3.0']]
"""


def test_both_papers_load_and_every_claim_finds_its_rows() -> None:
    """The shipped files are valid: loading checks columns, keys, and the rows that claims name."""
    assert paper_names() == ("closer_look", "late_temporal", "released")
    assert {"table2", "table3", "figure5a"} <= set(load_paper("closer_look").tables)
    assert load_paper("late_temporal").table("table5").status == "unverified"


@pytest.mark.parametrize("name", paper_names())
def test_the_papers_own_numbers_bear_out_its_claims(name: str) -> None:
    """Every claim holds in the table that it is taken from."""
    for table in load_paper(name).tables.values():
        for claim in table.claims:
            for column in claim.columns:
                better = [table.cell(where=where, column=column) for where in claim.better]
                worse = [table.cell(where=where, column=column) for where in claim.worse]
                assert min(float(text or "nan") for text in better) > max(float(text or "nan") for text in worse), (
                    f"{table.id}, {claim.id}, {column}"
                )


@pytest.mark.skipif(not REFERENCE.is_dir(), reason="needs ../shared/published")
@pytest.mark.parametrize("name", ["closer_look", "late_temporal"])
def test_all_rows_equal_the_reference(name: str) -> None:
    """No number was changed or lost on the way from the reference transcription."""
    reference = yaml.safe_load((REFERENCE / f"{name}.yaml").read_text())
    tables = load_paper(name).tables
    assert set(tables) == {table["id"] for table in reference["tables"]}
    for table in reference["tables"]:
        ours = tables[table["id"]]
        assert ours.status == table["status"]
        assert list(ours.columns) == table["columns"]
        assert [list(row) for row in ours.rows] == table["rows"]


def test_a_cell_is_found_by_its_key_columns() -> None:
    """Numbers come back as printed; a dash is None."""
    paper = load_paper("closer_look")
    assert paper.table("table2").cell(where={"net": "R3D"}, column="video1_8f") == "61.8"
    keys = {"train_frames": "8", "finetune_frames": None, "test_frames": "32"}
    assert paper.table("table3").cell(where=keys, column="video1") == "59.0"
    assert paper.table("table4").cell(where={"method": "Conv pooling"}, column="clip1") is None


def test_a_cell_says_under_which_protocol_it_was_measured() -> None:
    """Table, column and row together give the fields of the evaluation."""
    paper = load_paper("closer_look")
    fields = paper.table("table2").expected(where={"net": "R3D"}, column="video1_16f")
    assert fields["clip.frames"] == 16
    assert fields["protocol.clips"] == 10
    assert fields["protocol.crops"] == ("centre",)
    assert paper.table("figure5b").expected(where={"n_clips": "50"}, column="video1")["protocol.clips"] == 50


def test_a_row_that_does_not_exist_or_is_not_unique_names_the_legal_ones() -> None:
    """A wrong lookup lists the rows' keys instead of returning something near."""
    table = load_paper("closer_look").table("table3")
    with pytest.raises(ConfigError, match=r"no row matches \{test_frames: 16\}\nName one of:\n  \{train"):
        table.cell(where={"test_frames": "16"}, column="video1")
    with pytest.raises(ConfigError, match="several rows match"):
        table.row({"train_frames": "8"})
    with pytest.raises(ConfigError, match=r"no column 'video2'\nIts columns are train_frames"):
        table.cell(where={"test_frames": "32"}, column="video2")


def test_an_unknown_paper_or_table_names_the_legal_ones() -> None:
    """Names are checked and the shipped ones listed."""
    with pytest.raises(ConfigError, match="closer_look, late_temporal"):
        load_paper("closer")
    with pytest.raises(ConfigError, match=r"no published table 'table9'\nIt has table1, table2"):
        load_paper("closer_look").table("table9")


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("'1.0'", "1.0", "valid string"),
        (", null]", "]", "has 2 cells for 3 columns"),
        ("keys: [net]", "keys: [nets]", "no such column: nets"),
        ("[[x", "[[y", "two rows have the same keys"),
        ("status: verified", "status: sure", "'verified', 'prose' or 'unverified'"),
        ("name: Table", "nom: Table", "tables.t.nom"),
        (
            "  keys:",
            "  claims: [{id: c, text: t, columns: [a], better: [{net: z}], worse: []}]\n  keys:",
            "claim c: no row",
        ),
        ("tables:", "table:", "not a file of published numbers"),
        ("- id: t", "- id: [t", "not a file of published numbers"),
    ],
)
def test_a_faulty_file_is_refused_with_the_reason(old: str, new: str, fault: str) -> None:
    """Numbers stay text, rows have all cells, and whatever is referred to exists."""
    parse_paper(GOOD, where="good.yaml")
    with pytest.raises(ConfigError) as caught:
        parse_paper(GOOD.replace(old, new), where="bad.yaml")
    assert fault in str(caught.value)
    assert caught.value.where == "bad.yaml"


def test_table_2_prints_the_parameters_that_the_networks_have() -> None:
    """Convolution and fc weights in millions lie within 0.06 of the printed ones (16.846 for MC5's 16.9)."""
    complexity = pytest.importorskip("videobench.models.complexity")
    video_resnet = pytest.importorskip("videobench.models.video_resnet")
    import torch

    table = load_paper("closer_look").table("table2")
    assert table.parameters is not None
    for row in table.rows:
        net = row[0]
        with torch.device("meta"):
            model = video_resnet.video_resnet(net, num_classes=400, frames=8)
        printed = float(table.cell(where={"net": net}, column=table.parameters.column) or "nan")
        assert complexity.count_conv_fc_weights(model) / 1e6 == pytest.approx(printed, abs=0.06), net


def test_released_weights_have_the_numbers_of_their_authors_release() -> None:
    """What is printed beside the released files is what the authors' table and the catalogue have for them."""
    released, authors = load_paper("released").table("kinetics400"), load_paper("closer_look").table("vmz_kinetics")
    for cells in released.rows:
        row = dict(zip(released.columns, cells, strict=True))
        file = released_weights(str(row["file"]))
        for column, metric in (("clip1", "clip@1"), ("video1", "video@1"), ("video5", "video@5")):
            assert row[column] == file.accuracy.get(metric)
        if file.layout == "Caffe2":
            printed = authors.row({"net": row["net"], "frames": row["frames"]})
            assert all(printed[column] == row[column] for column in ("clip1", "video1", "video5"))
