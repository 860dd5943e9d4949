"""Rows that join the scores of other rows: what they are made of, and what is wrong with them."""

from pathlib import Path

import pytest
from experiment_files import BASE, MINIMAL, TITLE, load, mistakes, shipped, write

from videobench.spec.base import digest
from videobench.spec.expand import Experiment, FusedReplica, Row, load_experiment
from videobench.spec.fusion import Fusion

__all__ = ["shipped"]

STREAMS = """\
rows:
  RGB: {}
  Flow: {clip: {modality: flow, flow_algorithm: farneback}}
"""
FUSED = STREAMS + '  Both: {fuse: {rgb: "#RGB", flow: "#Flow"}}\n'


def row(experiment: Experiment, name: str) -> Row:
    return next(row for row in experiment.rows if row.name == name)


def fused(experiment: Experiment, name: str = "Both") -> list[FusedReplica]:
    replicas = [replica for replica in row(experiment, name).replicas if isinstance(replica, FusedReplica)]
    assert len(replicas) == len(row(experiment, name).replicas)
    return replicas


def test_it_is_joined_seed_by_seed(tmp_path: Path) -> None:
    """Each replica is the fusion of the evaluations at its seed, in equal shares, and --set reaches what it joins."""
    for settings in ((), ("clip.frames=4",)):
        experiment = load(tmp_path, f"{MINIMAL}{FUSED}seeds: [3, 1]\n", *settings)
        rgb, flow = row(experiment, "RGB"), row(experiment, "Flow")
        assert not rgb.is_fused
        assert row(experiment, "Both").is_fused
        replicas = fused(experiment)
        assert [replica.seed for replica in replicas] == [3, 1]
        for replica, one, other in zip(replicas, rgb.replicas, flow.replicas, strict=True):
            unit = Fusion(streams={"rgb": one.digest, "flow": other.digest}, weights={"rgb": 0.5, "flow": 0.5})
            assert replica.fusion == unit
            assert replica.digest == digest(unit)
            assert replica.measured == (one, other)
        assert replicas[0].names == {"rgb": f"{tmp_path}/own.yaml#RGB", "flow": f"{tmp_path}/own.yaml#Flow"}


def test_only_ratios_of_weights_count(tmp_path: Path) -> None:
    """In whatever order they are given; the form is the file's."""
    how = "{form: l2norm_sum, weights: {flow: 2, rgb: 3}}"
    text = MINIMAL + FUSED.replace('"#Flow"}}', f'"#Flow"}}, fusion: {how}}}')
    (replica,) = fused(load(tmp_path, text))
    assert (replica.fusion.form, replica.fusion.weights) == ("l2norm_sum", {"rgb": 0.6, "flow": 0.4})


def test_splits_and_rows_that_are_alone(tmp_path: Path) -> None:
    """Every split with the same one; a row without splits or with one seed goes with all, and once where all are so."""
    base = BASE.replace("{type: synthetic_motion}", "{type: hmdb51}")
    write(tmp_path, f"{TITLE}{base}seeds: [0, 1]\nsplits: [1, 2, 3]\n", "split.yaml")
    write(tmp_path, f"{TITLE}{base}rows: {{one: {{}}, two: {{network.width: 4}}}}\n", "alone.yaml")
    text = f"{TITLE}{base}rows:\n  Both: {{fuse: {{a: split.yaml#split, b: split.yaml#split}}}}\n"
    (line,) = mistakes(tmp_path, f"{text}seeds: [0, 1]\nsplits: [1, 2]\n")
    assert line.endswith("fuse: a and b are the same evaluation")
    write(tmp_path, f"{TITLE}{base.replace('width: 8', 'width: 4')}seeds: [0, 1]\nsplits: [1, 2, 3]\n", "other.yaml")
    text = text.replace("b: split.yaml#split", "b: other.yaml#other")
    found = fused(load(tmp_path, f"{text}seeds: [1]\nsplits: [3, 1]\n"))
    assert [(one.seed, one.split) for one in found] == [(1, 3), (1, 1)]
    assert [[(part.seed, part.split) for part in one.measured] for one in found] == [[(1, 3)] * 2, [(1, 1)] * 2]
    (picked,) = fused(load(tmp_path, f"{text}splits: [3, 1]\n", "data.split=2", "seed=1"))
    assert [(part.seed, part.split) for part in picked.measured] == [(1, 2)] * 2
    alone = f"{TITLE}rows:\n  Both: {{fuse: {{a: alone.yaml#one, b: alone.yaml#two}}}}\n"
    assert len(fused(load(tmp_path, f"{alone}seeds: [0, 1]\nsplits: [1, 2]\n"))) == 1
    assert len(fused(load(tmp_path, alone))) == 1, "a file of fused rows needs no settings of its own"


def test_other_experiments_are_taken_at_the_same_scale(tmp_path: Path, shipped: Path) -> None:
    """A shipped name, or a path from the folder of the file."""
    write(shipped, f"{MINIMAL}{STREAMS}scales: {{cpu: {{}}}}\n", "two.yaml")
    text = f'{TITLE}rows:\n  Both: {{fuse: {{rgb: "two#RGB", flow: "two#Flow"}}}}\nscales: {{cpu: {{}}}}\n'
    for scale, seeds in (("paper", [0]), ("cpu", [0, 1, 2])):
        there = load_experiment("two", scale=scale)  # type: ignore[arg-type]
        here = fused(load(tmp_path, text, scale=scale))
        assert [replica.seed for replica in here] == seeds
        for number, replica in enumerate(here):
            assert [part.digest for part in replica.measured] == [one.replicas[number].digest for one in there.rows]
        assert here[0].names == {"rgb": "two#RGB", "flow": "two#Flow"}


def test_in_a_matrix_a_row_means_another_at_its_own_values(tmp_path: Path) -> None:
    """That holds for what is fused and for what a training starts from; a row of the very name comes first."""
    rows = FUSED + '  Tuned: {init: {run: "#RGB"}}\n'
    experiment = load(tmp_path, f"{MINIMAL}{rows}matrix:\n  clip.frames: [4, 8]\n")
    for frames in (4, 8):
        (replica,) = fused(experiment, f"Both/{frames}")
        assert [part.evaluation.clip.frames for part in replica.measured] == [frames, frames]
        (tuned,) = row(experiment, f"Tuned/{frames}").replicas
        assert tuned.measured[0].training is not None
        assert tuned.measured[0].training.init == row(experiment, f"RGB/{frames}").replicas[0].measured[0].training
    exact = FUSED.replace("#RGB", "#RGB/4")
    (replica,) = fused(load(tmp_path, f"{MINIMAL}{exact}matrix:\n  clip.frames: [4, 8]\n"), "Both/8")
    assert [part.evaluation.clip.frames for part in replica.measured] == [4, 8]


def test_its_settings_are_those_of_its_streams(tmp_path: Path) -> None:
    """Once where they agree, by stream where they differ; with the lines they stand in."""
    found = row(load(tmp_path, MINIMAL + FUSED), "Both")
    assert found.settings["evaluate.clip.frames"] == 8
    assert found.settings["clip.modality"] == "rgb rgb, flow flow"
    assert found.settings["fusion.form"] == "mean"
    assert found.settings["fuse.flow"] == f"{tmp_path}/own.yaml#Flow"
    assert found.origins["fuse.flow"] == f"{tmp_path}/own.yaml:9"
    assert found.origins["clip.frames"] == f"{tmp_path}/own.yaml:4"
    assert "fusion.form" not in found.origins
    assert found.labels == {"row": "Both"}


def test_cells_of_its_own(tmp_path: Path) -> None:
    """A row may stand in another column than the rest; its key quotes what its streams agree on."""
    published = (
        "published: {table: closer_look/table6, row: {pretraining: '{network.name}'}, cells: {video@1: ucf101}}\n"
    )
    rows = FUSED.replace("}}\n", "}, published: {method: x}, cells: {video@1: hmdb51}}\n", 2)
    experiment = load(tmp_path, MINIMAL + published + rows)
    assert row(experiment, "RGB").cells == {"video@1": "ucf101"}
    both = row(experiment, "Both")
    assert both.cells == {"video@1": "hmdb51"}
    assert both.published == {"method": "x", "pretraining": "R3D"}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('fuse: {rgb: "#RGB"}', "rows.Wrong.fuse: name two streams or more"),
        ("fuse: [RGB, Flow]", "fuse: must be a mapping"),
        ('fuse: {rgb: "#RGB", flow: "#Flo"}', "fuse.flow: own.yaml has no row 'Flo'; did you mean Flow?"),
        ('fuse: {rgb: "#RGB", flow: Flow}', "fuse.flow: 'Flow' names no row; write experiment#row"),
        ('fuse: {rgb: "#RGB", flow: "demoo#R3D"}', "fuse.flow: there is no shipped experiment 'demoo'"),
        ('fuse: {rgb: "#RGB", flow: "#RGB"}', "fuse: rgb and flow are the same evaluation"),
        ('fuse: {rgb: "#RGB", flow: "#Both"}', "fuse.flow: own.yaml#Both itself fuses other rows"),
        ('fuse: {rgb: "#RGB", flow: "#On train"}', "rgb is measured on the test videos of synthetic-motion v1"),
        ('fuse: {a: "#RGB", b: "#Flow"}, fusion: {weights: {a: 1}}', "fusion.weights: give one weight to each of a, b"),
        ('fuse: {a: "#RGB", b: "#Flow"}, fusion: {weights: {a: 1, b: 0}}', "must be more than 0, not 0"),
        ('fuse: {a: "#RGB", b: "#Flow"}, fusion: {form: max}', '"max" is not legal; legal: mean, l2norm_sum'),
        (
            'fuse: {a: "#RGB", b: "#Flow"}, fusion: {average: mean}',
            "fusion.average: unknown field; legal: form, weights",
        ),
        (
            'fuse: {a: "#RGB", b: "#Flow"}, clip: {frames: 4}',
            "clip: a row that fuses others has no settings of its own",
        ),
        ("fusion: {form: l2norm_sum}", "fusion: there is nothing to fuse"),
        ('init: {run: "#Both"}', "init.run: own.yaml#Both itself fuses other rows; name one of those"),
        ('weights: {run: "#Both"}', "weights.run: own.yaml#Both itself fuses other rows; name one of those"),
    ],
)
def test_what_is_wrong_is_one_mistake_at_its_line(tmp_path: Path, line: str, message: str) -> None:
    """Each is told before anything runs, where it stands."""
    rows = f"{FUSED}  On train: {{evaluate: {{subset: train}}}}\n  Wrong: {{{line}}}\n"
    (found,) = mistakes(tmp_path, MINIMAL + rows)
    assert found.startswith("own.yaml:11: ")
    assert message in found


def test_seeds_that_a_stream_lacks(tmp_path: Path) -> None:
    """A row of another file with other seeds can't be joined."""
    write(tmp_path, f"{MINIMAL}seeds: [0, 1]\n", "other.yaml")
    rows = 'rows:\n  RGB: {}\n  Both: {fuse: {a: "#RGB", b: "other.yaml#other"}}\n'
    (found,) = mistakes(tmp_path, f"{MINIMAL}{rows}seeds: [0, 7]\n".replace("width: 8", "width: 4"))
    assert "fuse: other.yaml#other has the seeds 0, 1; this row is at seed 7" in found


def test_a_mistake_in_a_stream_is_told_once(tmp_path: Path) -> None:
    """The fused row says nothing about it."""
    (found,) = mistakes(tmp_path, MINIMAL + FUSED.replace("farneback", "farnebeck"))
    assert "did you mean farneback?" in found


def test_a_scale_has_nothing_to_change_in_it(tmp_path: Path) -> None:
    """Changes that reach nothing but fused rows are a mistake."""
    change = "scales: {cpu: {rows: {Both: {recipe: {epochs: 2}}}}}\n"
    assert mistakes(tmp_path, MINIMAL + FUSED + change) == [
        "own.yaml:10: Both fuses other rows and has no settings to change"
    ]


def test_all_mistakes_at_once(tmp_path: Path) -> None:
    """All mistakes of a row are reported together."""
    wrong = '  Wrong: {fuse: {a: "#A", b: "#B"}, fusion: {form: max}, clip: {frames: 4}}\n'
    assert len(mistakes(tmp_path, MINIMAL + FUSED + wrong)) == 4
