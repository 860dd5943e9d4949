"""Whatever a file holds, reading it ends in an experiment or in one error."""

import contextlib
from pathlib import Path
from typing import Any

import pytest
import yaml
from experiment_files import MINIMAL
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from videobench.errors import ConfigError
from videobench.spec.expand import Experiment, load_experiment
from videobench.spec.experiment import ExperimentFile
from videobench.spec.settings import Settings
from videobench.spec.vocabulary import field_names

QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

fields = st.sampled_from(
    sorted(
        {*ExperimentFile.model_fields, *Settings.model_fields, *field_names(Settings), "cpu", "a", "a/b", "row", "type"}
    )
)
keys = fields | st.text(max_size=4) | st.sampled_from(["", ".", "a.", "init.run.x", "8", "<<", "evaluate.protocol"])
scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6)
    | st.sampled_from(["synthetic_motion", "class_folders", "split_lists", "step", "one_cycle", "R3D", "video_10", "#a",
                       "x#y", "demo#demo", "own.yaml", "~a/b.yaml#c", "closer_look/table2", "{clip.frames}", "{", "cpu",
                       "train", 8, 1, 0, 2**64, 1e308])
)  # fmt: skip
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4), max_leaves=8
)
files = st.dictionaries(st.sampled_from(sorted(ExperimentFile.model_fields)) | keys, values, max_size=6)


def outcome(path: Path, *overrides: str) -> None:
    with contextlib.suppress(ConfigError):
        experiment = load_experiment(str(path), settings=overrides)
        assert isinstance(experiment, Experiment)
        assert experiment.rows


@QUICK
@given(files)
def test_any_mapping_is_an_experiment_or_one_error(tmp_path: Path, content: dict[str, Any]) -> None:
    """A file of any small mapping loads or raises ConfigError, nothing else."""
    path = tmp_path / "own.yaml"
    path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    outcome(path)


@QUICK
@given(
    st.dictionaries(fields, values, max_size=3),
    st.sampled_from(["base", "rows", "matrix", "exclude", "scales", "published"]),
)
def test_a_good_file_with_anything_in_it_is_an_experiment_or_one_error(
    tmp_path: Path, content: dict[str, Any], field: str
) -> None:
    """Wrong settings in an otherwise good file load or raise ConfigError, nothing else."""
    good = yaml.safe_load(MINIMAL)
    if field == "base":
        good["base"].update(content)
    else:
        good[field] = {"rows": {"a": content}, "exclude": [content], "scales": {"cpu": {"base": content}}}.get(
            field, content
        )
    path = tmp_path / "own.yaml"
    path.write_text(yaml.safe_dump(good, allow_unicode=True), encoding="utf-8")
    outcome(path)


@QUICK
@given(st.text(alphabet=st.sampled_from("ab:,[]{}#&*!|>-?'\"%@` \n\t\\ux0.~"), max_size=40))
def test_any_text_is_an_experiment_or_one_error(tmp_path: Path, text: str) -> None:
    """Text full of YAML's signs loads or raises ConfigError, as a file and on the command line."""
    path = tmp_path / "own.yaml"
    path.write_text(text, encoding="utf-8")
    outcome(path)
    path.write_text(MINIMAL, encoding="utf-8")
    outcome(path, f"recipe.epochs={text}", text)


@pytest.mark.parametrize("cut", range(0, len(MINIMAL), 3))
def test_a_file_cut_short_is_an_experiment_or_one_error(tmp_path: Path, cut: int) -> None:
    """Half a file is an error or a smaller experiment, never a crash."""
    path = tmp_path / "own.yaml"
    path.write_text(MINIMAL[:cut])
    outcome(path)
