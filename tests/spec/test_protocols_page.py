"""docs/protocols.md says what is so: names, fields, views, the drawn clips, and examples that load."""

import re
from pathlib import Path
from typing import get_args

import pytest
import yaml
from experiment_files import MINIMAL, load, write

from videobench.evaluation.views import Grid, clip_starts
from videobench.spec.expand import load_experiment
from videobench.spec.protocol import FILLING_GRIDS, PRESETS, Protocol, preset

PAGE = (Path(__file__).parents[2] / "docs" / "protocols.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```yaml\n(.*?)```", PAGE, flags=re.DOTALL)


def test_the_fields_are_those_of_a_protocol() -> None:
    """The page explains every field, in order, and every grid, and says what stands for what isn't written."""
    fields = PAGE.partition("## The fields")[2].partition("## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", fields, flags=re.MULTILINE) == list(Protocol.model_fields)
    formulas = PAGE.partition("## Where clips start")[2].partition("## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", formulas, flags=re.MULTILINE) == list(get_args(Grid))
    (sentence,) = re.findall(r"P1's single clip: (.*?)\.\n", fields, flags=re.DOTALL)
    stated = yaml.safe_load("\n".join(re.findall(r"`(.*?)`", sentence)))
    assert stated == Protocol().model_dump(mode="json", exclude={"step"})


def test_the_named_protocols_are_complete() -> None:
    """The page has every named protocol with its fields and its number of views."""
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \| ([^|]+) \| `(\{.*\})` \|$", PAGE, flags=re.MULTILINE)
    assert {name: yaml.safe_load(fields) for name, _, fields in rows} == PRESETS
    for name, views, _ in rows:
        protocol = preset(name)
        assert views == str(protocol.num_views or f"{protocol.views_per_clip} a clip")
        assert protocol.description.partition(": ")[2].startswith(views.partition(" ")[0])


def test_the_drawing_is_true() -> None:
    """The clips drawn on the time line are where the grids put them."""
    drawn = re.findall(r"^(\w+) +([.\[=\]]+)$", PAGE, flags=re.MULTILINE)
    assert [grid for grid, _ in drawn] == list(get_args(Grid))
    for grid, line in drawn:
        starts = clip_starts(
            len(line), frames=8, stride=1, grid=grid,
            num_clips=None if grid in FILLING_GRIDS else 4, step=12 if grid == "steps" else None,
        )  # fmt: skip
        assert (len(line), starts) == (43, [found.start() for found in re.finditer(re.escape("[======]"), line)])


@pytest.mark.parametrize("example", EXAMPLES, ids=[example.split("\n")[0] for example in EXAMPLES])
def test_every_example_loads(tmp_path: Path, example: str) -> None:
    """Whole files load; fragments are settings that a row may have."""
    if "title:" in example:
        assert len(load_experiment(write(tmp_path, example)).rows) == 3
        return
    indented = "".join(f"    {line}\n" for line in example.splitlines())
    assert load(tmp_path, f"{MINIMAL}rows:\n  a:\n{indented}").rows
