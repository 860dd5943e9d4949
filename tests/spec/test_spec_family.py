"""Rows, matrix, exclude, scales and what a file takes from the one it extends."""

from pathlib import Path

import pytest
from experiment_files import BASE, MINIMAL, TITLE, lines_of, load, mistakes, shipped, write

from videobench.errors import ConfigError
from videobench.spec.expand import load_experiment

__all__ = ["shipped"]  # a fixture

pytestmark = pytest.mark.usefixtures("shipped")


def names(folder: Path, text: str, **options: object) -> list[str]:
    return [row.name for row in load(folder, text, **options).rows]


def test_a_file_without_rows_is_one_row_named_like_it(tmp_path: Path) -> None:
    """Without rows and matrix there is one row, called like the file."""
    (row,) = load(tmp_path, MINIMAL).rows
    assert (row.name, row.labels) == ("own", {"row": "own"})
    (row,) = load_experiment(write(tmp_path, MINIMAL, "my.net.yml")).rows
    assert row.name == "my.net"


def test_rows_and_matrix_multiply_in_file_order(tmp_path: Path) -> None:
    """Every named row meets every combination of the matrix; exclude takes some away."""
    text = f"{MINIMAL}rows: {{b: {{}}, a: {{}}}}\nmatrix: {{network.depth: [34, 18], clip.frames: [8, 16]}}\n"
    assert names(tmp_path, text) == [
        f"{row}/{depth}/{frames}" for row in "ba" for depth in (34, 18) for frames in (8, 16)
    ]
    assert names(tmp_path, f"{text}exclude: [{{row: b, network.depth: 34}}, {{clip.frames: 16, row: a}}]\n") == [
        "b/18/8", "b/18/16", "a/34/8", "a/18/8",
    ]  # fmt: skip


def test_matrix_values_are_any_scalar_and_set_dotted_fields(tmp_path: Path) -> None:
    """Words, numbers, truth values, null and named protocols can be matrix values; names are as a file writes them."""
    text = f"""{MINIMAL}matrix:
  recipe.optimiser.nesterov: [true, false]
  recipe.epochs: [20.0, 20.5]
  evaluate.protocol: [clip, video_10]
  init: [null]
"""
    rows = load(tmp_path, text).rows
    assert [row.name for row in rows[:3]] == ["true/20/clip/null", "true/20/video_10/null", "true/20.5/clip/null"]
    assert rows[1].settings["evaluate.protocol.clips"] == 10
    assert rows[-1].settings["recipe.optimiser.nesterov"] is False
    assert rows[0].labels == {"nesterov": "true", "epochs": "20", "protocol": "clip", "init": "null"}


def test_labels_tell_axes_of_the_same_last_word_apart(tmp_path: Path) -> None:
    """Where two settings of the matrix end in the same word, the labels carry their whole names."""
    text = f"{MINIMAL}matrix: {{clip.frames: [8], evaluate.clip.frames: [8, 32], network.depth: [18]}}\n"
    assert load(tmp_path, text).rows[1].labels == {"clip.frames": "8", "evaluate.clip.frames": "32", "depth": "18"}


@pytest.mark.parametrize(
    ("exclude", "message"),
    [
        (
            "{clip.frame: 8}",
            "exclude: clip.frame is not in the matrix; did you mean clip.frames? legal: row, clip.frames",
        ),
        ("{clip.frames: 9}", "exclude: clip.frames is never 9; legal: 8, 16"),
        ("{row: c}", "exclude: row is never c; legal: a, b"),
        ("{clip.frames: 8}, {row: a}, {row: b}", "exclude: no row is left"),
    ],
)
def test_an_exclude_that_excludes_nothing_or_all_is_a_mistake(tmp_path: Path, exclude: str, message: str) -> None:
    """Exclude names settings and values of the matrix, and leaves something."""
    text = f"{MINIMAL}rows: {{a: {{}}, b: {{}}}}\nmatrix: {{clip.frames: [8, 16]}}\nexclude: [{exclude}]\n"
    assert mistakes(tmp_path, text) == [f"own.yaml:8: {message}"]


def test_rows_of_the_same_name_are_a_mistake(tmp_path: Path) -> None:
    """Two rows can't have one name."""
    text = f"{MINIMAL}rows: {{a/1: {{}}, a: {{}}}}\nmatrix: {{data.version: [1], clip.stride: [1]}}\n"
    assert names(tmp_path, text) == ["a/1/1/1", "a/1/1"]
    text = f"{MINIMAL}rows: {{a/1: {{}}, a: {{}}}}\nmatrix: {{evaluate.protocol: [1/clip, clip]}}\n"
    assert "own.yaml:7: matrix: 2 rows are called a/1/clip" in mistakes(tmp_path, text)


def test_a_matrix_that_explodes_is_a_mistake(tmp_path: Path) -> None:
    """Ten thousand rows are the most, so that a slip of the pen doesn't fill the memory."""
    axes = ", ".join(f"clip.f{number}: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]" for number in range(12))
    assert mistakes(tmp_path, f"{MINIMAL}matrix: {{{axes}}}\n") == [
        "own.yaml:6: matrix: 1000000000000 combinations; at most 10000",
    ]


LAYERED = """\
title: parent
base:
  data: {type: synthetic_motion}
  clip: {frames: 8, resize: [32, 32], crop: 32}
  network: {type: video_resnet, name: R3D}
  recipe: {epochs: 11, warmup_epochs: 1}
scales:
  cpu:
    base: {network.width: 12, recipe: {epochs: 14, epoch_clips: 1400}}
"""


def test_layers_lie_in_the_documented_order(tmp_path: Path) -> None:
    """Each layer beats the one before: parent, base, shared scale, parent's, own, row, matrix, scale's row, --set."""
    write(tmp_path, LAYERED, "parent.yaml")
    own = """\
title: own
extends: parent.yaml
base: {recipe: {epochs: 12, flip: 0.25}}
rows: {a: {recipe: {batch: 32}}, b: {network.width: 24}}
matrix: {network.depth: [18, 34]}
"""

    def settings(text: str, *overrides: str) -> dict[str, object]:
        row = load(tmp_path, text, *overrides, scale="cpu").rows[0]
        assert row.name == "a/18"
        return dict(row.settings)

    shared = settings(own + "scales: {cpu: {}}\n")
    assert shared["recipe.epochs"] == 14.0  # the extended file's scale over own base
    assert shared["recipe.micro_batch"] == 16  # the shared scale over defaults
    assert shared["recipe.flip"] == 0.0  # the shared scale over own base
    assert shared["network.width"] == 12
    assert shared["recipe.batch"] == 32  # the row over the shared scale
    scaled = own + "scales: {cpu: {base: {recipe.epochs: 15, network.width: 13}, rows: {a: {recipe.epochs: 16}}}}\n"
    assert settings(scaled)["recipe.epochs"] == 16.0
    assert settings(scaled)["network.width"] == 13
    assert settings(scaled, "recipe.epochs=17", "recipe={epochs: 18}")["recipe.epochs"] == 18.0
    row_over_scale = own.replace("a: {recipe: {batch: 32}}", "a: {recipe: {epochs: 5}}") + "scales: {cpu: {}}\n"
    assert settings(row_over_scale)["recipe.epochs"] == 5.0
    matrix_over_row = own.replace("{batch: 32}}", "{batch: 32}, network.depth: 34}") + "scales: {cpu: {}}\n"
    assert settings(matrix_over_row)["network.depth"] == 18
    assert load(tmp_path, own).rows[0].settings["recipe.epochs"] == 12.0  # paper: own base over the parent's
    assert load(tmp_path, own).rows[0].settings["recipe.warmup_epochs"] == 1.0


def test_a_row_of_a_scale_is_a_name_or_its_beginning(tmp_path: Path) -> None:
    """A scale's changes to ``a`` reach a/18 and a/34, not ab/18; those to a/34 that row alone."""
    text = f"""{MINIMAL}rows: {{a: {{}}, ab: {{}}}}
matrix: {{network.depth: [18, 34]}}
scales: {{smoke: {{rows: {{a: {{recipe.epochs: 5}}, a/34: {{recipe.epochs: 6}}}}}}}}
"""
    rows = load(tmp_path, text, scale="smoke").rows
    assert [row.settings["recipe.epochs"] for row in rows] == [5.0, 6.0, 2.0, 2.0]


@pytest.mark.parametrize(
    "change",
    ["clip.frames: 8", "clip: {stride: 2}", "network.name: R2D", "network: {depth: 34}", "evaluate.protocol: clip",
     "evaluate: {clip: {frames: 8}}", "seed: 3", "weights: {file: x}", "clip: null", "network: {type: video_resnet}"],
)  # fmt: skip
def test_a_scale_may_not_make_another_experiment(tmp_path: Path, change: str) -> None:
    """A scale that touches what an experiment is about is refused at any scale, in base and in rows."""
    in_base = f"{MINIMAL}scales:\n  cpu:\n    base:\n      {change}\n"
    in_row = f"{MINIMAL}rows: {{a: {{}}}}\nscales:\n  cpu:\n    rows:\n      a: {{{change}}}\n"
    for text, line, scale in ((in_base, 9, "paper"), (in_base, 9, "cpu"), (in_row, 10, "cpu")):
        found = mistakes(tmp_path, text, scale=scale)
        assert f"own.yaml:{line}: " in found[0]
        assert "a scale may not change this, only data, subset, clip.resize" in found[0]


def test_a_scale_may_change_data_size_width_recipe_and_source(tmp_path: Path) -> None:
    """What a scale is for is legal."""
    text = f"""{MINIMAL}rows: {{a: {{}}, b: {{}}}}
scales:
  gpu:
    base:
      data: {{type: class_folders, name: own}}
      subset: test
      clip: {{resize: [64, 64], crop: 56}}
      network: {{width: 16}}
      recipe: {{epochs: 20, schedule: {{type: one_cycle}}}}
      evaluate: {{data: {{type: class_folders, name: own}}, subset: validation, clip: {{crop: 64}}}}
      validation: {{videos: 0}}
    rows: {{b: {{init: {{run: "#a"}}}}}}
    seeds: [5, 6]
"""
    rows = load(tmp_path, text, scale="gpu").rows
    assert [replica.seed for replica in rows[1].replicas] == [5, 6]
    assert rows[1].replicas[1].training.init == rows[0].replicas[1].training  # type: ignore[union-attr]


def test_a_scale_row_that_is_no_row_is_a_mistake(tmp_path: Path) -> None:
    """Changes to a row that doesn't exist are refused, at whatever scale the experiment runs."""
    text = f"{MINIMAL}rows: {{R3D: {{}}}}\nscales:\n  cpu: {{rows: {{R2D: {{}}}}}}\n"
    assert mistakes(tmp_path, text) == ["own.yaml:8: there is no row R2D; did you mean R3D? legal: R3D"]


def test_an_unoffered_scale_is_an_error_with_the_legal_ones(tmp_path: Path) -> None:
    """A scale that neither the file nor the one it extends offers is refused."""
    (found, hint) = mistakes(tmp_path, f"{MINIMAL}scales: {{smoke: {{}}}}\n", scale="cpu")
    assert found == "own.yaml: own.yaml has no scale 'cpu'"
    assert hint == "legal: paper, smoke"
    (tmp_path / "parent.yaml").write_text(f"{MINIMAL}scales: {{smoke: {{}}}}\n")
    assert load(tmp_path, f"{TITLE}extends: parent.yaml\n", scale="smoke").scale == "smoke"


def test_the_file_s_own_scale_is_the_default(tmp_path: Path) -> None:
    """A file says which scale its base describes; nothing is laid over it at that scale."""
    experiment = load(tmp_path, f"{MINIMAL}scale: cpu\n")
    assert experiment.scale == "cpu"
    assert experiment.rows[0].settings["recipe.batch"] == 2048
    assert len(experiment.rows[0].replicas) == 1


def test_extends_gives_base_scales_and_published_but_no_rows(tmp_path: Path) -> None:
    """A file takes base, scales and published table from the one it extends, and has its own rows, seeds and splits."""
    parent = f"""{MINIMAL}seeds: [1, 2]
rows: {{a: {{}}}}
published: {{table: closer_look/table2, row: {{net: x}}}}
scales: {{smoke: {{base: {{recipe.epochs: 3}}}}}}
"""
    write(tmp_path, parent, "up/parent.yaml")
    experiment = load(tmp_path, f"{TITLE}extends: up/parent.yaml\nrows: {{b: {{}}}}\n", scale="smoke")
    (row,) = experiment.rows
    assert (row.name, row.settings["recipe.epochs"], row.published) == ("b", 3.0, {"net": "x"})
    assert [replica.seed for replica in row.replicas] == [0]
    assert experiment.table == "closer_look/table2"
    assert row.origins["clip.frames"] == f"{tmp_path}/up/parent.yaml:4"


@pytest.mark.parametrize(
    ("parent", "message"),
    [
        (None, "extends: parent.yaml: there is no such experiment file"),
        ("", "extends: parent.yaml: the file is empty"),
        (
            f"{MINIMAL}extends: demo\nscale: cpu\n",
            "extends: parent.yaml itself extends another file; one level is allowed",
        ),
        (f"{MINIMAL}scale: gpu\n", "extends: the base of parent.yaml describes scale gpu, this one cpu"),
    ],
)
def test_what_can_be_extended(tmp_path: Path, parent: str | None, message: str) -> None:
    """The extended file exists, is readable, extends none itself and describes the same scale."""
    if parent is not None:
        write(tmp_path, parent, "parent.yaml")
    found = mistakes(tmp_path, f"{TITLE}scale: cpu\nextends: parent.yaml\n")
    assert any(line.startswith(f"own.yaml:3: {message}") for line in found)


def test_mistakes_of_the_extended_file_carry_its_name(tmp_path: Path) -> None:
    """What is wrong in the extended file is reported there, beside the own mistakes."""
    write(tmp_path, f"{MINIMAL}bass: 1\n".replace("R3D", "R9D"), "parent.yaml")
    found = mistakes(tmp_path, f"{TITLE}extends: parent.yaml\nbase: {{clip.stride: 0}}\n")
    assert [line.split(":")[:2] for line in found] == [["own.yaml", "3"], ["parent.yaml", "5"], ["parent.yaml", "6"]]


def test_mistakes_of_a_shared_scale_file_are_reported(tmp_path: Path, shipped: Path) -> None:
    """Duplicate keys and wrong fields of experiments/scales are mistakes of that file."""
    write(shipped, "base: {clip.frames: 3}\nbase: {}\nrow: {}\n", "scales/cpu.yaml")
    found = mistakes(tmp_path, f"{MINIMAL}scales: {{cpu: {{}}}}\n", scale="cpu")
    assert [line.split(": ")[:2] for line in found] == [
        ["shipped/scales/cpu.yaml:2", "base stands here a second time; the first is in line 1"],
        ["shipped/scales/cpu.yaml:3", "row"],
    ]
    write(shipped, "base: {clip.frames: 3}\n", "scales/cpu.yaml")
    (found_one,) = mistakes(tmp_path, f"{MINIMAL}scales: {{cpu: {{}}}}\n", scale="cpu")
    assert found_one.startswith("shipped/scales/cpu.yaml:1: clip.frames: a scale may not change this")


def test_a_setting_given_twice_in_one_mapping_is_a_mistake(tmp_path: Path) -> None:
    """Plain and dotted names of one field in one mapping contradict each other."""
    text = MINIMAL.replace("  clip:", "  clip.frames: 16\n  clip:")
    assert mistakes(tmp_path, text) == [
        "own.yaml:5: clip.frames is given twice; also as clip.frames in own.yaml:4",
    ]


def test_one_error_says_that_a_file_can_t_be_read(tmp_path: Path) -> None:
    """A file that is no experiment at all is one error, whatever else was given."""
    with pytest.raises(ConfigError) as caught:
        load_experiment(write(tmp_path, "- 1\n"), settings=["foo"])
    assert lines_of(caught.value, tmp_path) == ["own.yaml:1: the top of the file must be a mapping of fields"]
    assert "base:" in BASE


BACKBONES = """
title: Backbones
base:
  data: {type: synthetic_motion}
  clip: {frames: 64}
  network: {type: resnext}
  head: {type: bert, heads: 4}
rows:
  plain: {head: {type: average}}
  reduced: {network.reduction: frmb, clip.stride: 2}
scales:
  cpu:
    base: {network: {type: video_resnet, name: R(2+1)D, width: 8}, clip.frames: 32}
"""


def test_a_scale_with_another_network(tmp_path: Path) -> None:
    """It stands for every row's, whatever the row says of its own; heads and all else stay."""
    rows = load(tmp_path, BACKBONES, scale="cpu").rows
    found = [row.replicas[0].evaluation for row in rows]
    assert {(each.network.label, each.clip.frames) for each in found} == {("R(2+1)D-18", 32)}
    assert [(each.head.type, each.clip.stride) for each in found] == [("average", 1), ("bert", 2)]
    assert [row.replicas[0].evaluation.network.label for row in load(tmp_path, BACKBONES).rows] == [
        "ResNeXt101",
        "ResNeXt101 FRMB",
    ]


@pytest.mark.parametrize("network", ["{type: resnext, reduction: frab}", "{type: resnext}"])
def test_a_scale_may_not_change_the_network_it_has(tmp_path: Path, network: str) -> None:
    """The same type with other settings would be another experiment."""
    text = BACKBONES.replace("{type: video_resnet, name: R(2+1)D, width: 8}", network)
    found = mistakes(tmp_path, text)
    assert any("network.type: a scale may not change this" in mistake for mistake in found)
    assert any("clip.frames: a scale may not change this" in mistake for mistake in found)
