"""What table an experiment asks for."""

from pathlib import Path

import pytest

from videobench.published.paper import load_paper
from videobench.spec.expand import load_experiment
from videobench.spec.experiment import shipped_names
from videobench.tables.from_experiment import table_request

TWO_STREAMS = """\
title: made up
base:
  data: {type: hmdb51}
  clip: {frames: 8}
  network: {type: video_resnet, name: R3D}
rows:
  RGB: {}
  Flow: {clip: {modality: flow}}
  Both: {fuse: {rgb: "#RGB", flow: "#Flow"}}
"""


@pytest.mark.parametrize("name", [name for name in shipped_names() if name.startswith("closer_look/")])
def test_shipped_rows_are_measured_as_the_paper_did(name: str) -> None:
    """At paper scale nothing differs from what the published number asks for, in fused rows neither."""
    request = table_request(load_experiment(name))
    assert request.paper
    assert request.table
    published = load_paper(request.paper).table(request.table)
    for row in request.rows:
        if row.published_row is None:
            continue
        for column in row.cells.values():
            assert column is not None
            for field, value in published.expected(where=row.published_row, column=column).items():
                plain = tuple(value) if isinstance(value, list) else value
                ours = row.settings.get(field)
                assert (tuple(ours) if isinstance(ours, list) else ours) == plain, f"{row.name}: {field}"


def test_a_fused_row_has_no_single_clips(tmp_path: Path) -> None:
    """Its cells are those of whole videos, its digests those of its fusions, its settings those of its streams."""
    path = tmp_path / "own.yaml"
    path.write_text(TWO_STREAMS)
    rgb, _, both = table_request(load_experiment(str(path))).rows
    assert list(rgb.cells) == ["clip@1", "video@1"]
    assert list(both.cells) == ["video@1"]
    assert both.settings["clip.modality"] == "rgb rgb, flow flow"
    assert both.settings["clip.frames"] == 8
    assert both.settings["data.name"] == rgb.settings["data.name"] == "hmdb51"
    assert both.command.endswith("--only Both")
    assert both.digests[0] not in rgb.digests
