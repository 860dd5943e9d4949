"""docs/experiments.md says what is so: every field with its default, every example loads."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from experiment_files import MINIMAL, write

from videobench.spec.base import Spec
from videobench.spec.clip import Clip
from videobench.spec.dataset import SyntheticMotion
from videobench.spec.expand import load_experiment
from videobench.spec.experiment import ExperimentFile, NamedRow, PublishedCells, ScaleBlock, plain_word
from videobench.spec.family import SCALE_MAY_CHANGE
from videobench.spec.fusion import FusionSettings
from videobench.spec.head import AverageHead, BertHead, ConcatenationHead, LstmHead, NonLocalHead
from videobench.spec.network import C3D, I3D, P3D, ResNeXt, SlowFast, VideoResNet
from videobench.spec.protocol import PRESETS, Protocol
from videobench.spec.recipe import AdamW, OneCycleSchedule, PlateauSchedule, Recipe, Sgd, StepSchedule
from videobench.spec.settings import EvaluateSettings, Settings, Start
from videobench.spec.units import SelectBest, SelectLast, Validation

PAGE = (Path(__file__).parents[2] / "docs" / "experiments.md").read_text(encoding="utf-8")

SECTIONS: dict[str, type[Spec]] = {
    "## The file": ExperimentFile,
    "### Rows": NamedRow,
    "### Rows that fuse others": FusionSettings,
    "### Scales": ScaleBlock,
    "### Published numbers": PublishedCells,
    "## Settings": Settings,
    "### `data`: `synthetic_motion`": SyntheticMotion,
    "### `clip`": Clip,
    "### `network`: `video_resnet`": VideoResNet,
    "### `network`: `resnext`": ResNeXt,
    "### `network`: `i3d`": I3D,
    "### `network`: `slowfast`": SlowFast,
    "### `network`: `c3d`": C3D,
    "### `network`: `p3d`": P3D,
    "### `head`: `average`": AverageHead,
    "### `head`: `concatenation`": ConcatenationHead,
    "### `head`: `lstm`": LstmHead,
    "### `head`: `non_local`": NonLocalHead,
    "### `head`: `bert`": BertHead,
    "### `recipe`": Recipe,
    "### `recipe.optimiser`: `sgd`": Sgd,
    "### `recipe.optimiser`: `adamw`": AdamW,
    "### `recipe.schedule`: `step`": StepSchedule,
    "### `recipe.schedule`: `one_cycle`": OneCycleSchedule,
    "### `recipe.schedule`: `plateau`": PlateauSchedule,
    "### `init`": Start,
    "### `weights`": Start,
    "### `evaluate`": EvaluateSettings,
    "### `evaluate.protocol`": Protocol,
    "### `select`: `last`": SelectLast,
    "### `select`: `best`": SelectBest,
    "### `validation`": Validation,
}
EXAMPLES = re.findall(r"```yaml\n(.*?)```", PAGE, flags=re.DOTALL)


def section(heading: str) -> str:
    """Return what stands under a heading, up to the next one of any level."""
    found = re.search(rf"^{re.escape(heading)}\n(.*?)(?=^##|\Z)", PAGE, flags=re.DOTALL | re.MULTILINE)
    assert found, heading
    return found[1]


def default(model: type[Spec], name: str) -> str:
    """Return a field's default as the page writes it."""
    field = model.model_fields[name]
    if name == "evaluate" or (model is EvaluateSettings and field.is_required()):
        return "inherited"
    if field.is_required():
        return "required"
    value: Any = field.get_default(call_default_factory=True, validated_data={"modality": "rgb"})
    if isinstance(value, Spec):
        return "below"
    if isinstance(value, tuple | dict):
        return f"[{', '.join(map(plain_word, value))}]" if isinstance(value, tuple) else "{}"
    return plain_word(value)


@pytest.mark.parametrize("heading", SECTIONS)
def test_every_field_stands_there_with_its_default(heading: str) -> None:
    """The tables of the page are the fields of the models, in order, defaults included."""
    model = SECTIONS[heading]
    table = re.findall(
        r"^\| `([a-z_0-9]+)` \| ([^|]*) \|", section(heading).partition("\n\n| name")[0], flags=re.MULTILINE
    )
    assert table == [(name, default(model, name)) for name in model.model_fields]


def test_presets_and_scales_are_complete() -> None:
    """The page lists the named protocols with what they are, and all that a scale may change."""
    names = re.findall(r"^\| `(\w+)` \| `(\{.*\})` \|$", section("### `evaluate.protocol`"), flags=re.MULTILINE)
    assert {name: yaml.safe_load(mapping) for name, mapping in names} == PRESETS
    sentence = re.search(r"A scale may change (.*?)\. Anything else", section("### Scales"), flags=re.DOTALL)
    assert sentence
    assert re.findall(r"`([a-z.]+)`", sentence[1]) == [".".join(path) for path in SCALE_MAY_CHANGE]


@pytest.mark.parametrize("example", EXAMPLES, ids=[example.split("\n")[0] for example in EXAMPLES])
def test_every_example_loads(tmp_path: Path, example: str) -> None:
    """Whole files load at each of their scales; fragments are settings that a row may have."""
    if "title:" in example:
        name = example.split("\n")[0].removeprefix("# ")
        path = write(tmp_path, example, name)
        file = ExperimentFile.model_validate_json('{"title": "x"}').model_copy(update=yaml.safe_load(example))
        for scale in (file.scale, *file.scales):
            assert load_experiment(path, scale=scale).rows
        return
    indented = "".join(f"    {line}\n" for line in example.splitlines())
    assert load_experiment(
        write(tmp_path, f"{MINIMAL}rows:\n  a:\n{indented}".replace(", resize: [32, 32], crop: 32", ""))
    ).rows


def test_the_example_of_rows_has_the_rows_it_says(tmp_path: Path) -> None:
    """Rows and matrix multiply and exclude takes away what the page says."""
    (text,) = (example for example in EXAMPLES if example.startswith("# heads.yaml"))
    rows = load_experiment(write(tmp_path, text)).rows
    assert [row.name for row in rows] == ["plain/8/16", "plain/8/32", "plain/16/32", "mirrored/8/16", "mirrored/8/32"]
    assert {len(row.replicas) for row in rows} == {3}
