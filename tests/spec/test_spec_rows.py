"""Replicas, sources, published rows: what a row trains and measures."""

import hashlib
from pathlib import Path

import pytest
from experiment_files import BASE, MINIMAL, TITLE, load, mistakes, shipped, write

from videobench.spec.base import digest
from videobench.spec.expand import Row, load_experiment
from videobench.spec.experiment import PublishedCells
from videobench.spec.units import Training, WeightsFile

__all__ = ["shipped"]  # a fixture

pytestmark = pytest.mark.usefixtures("shipped")

FOLDS = TITLE + BASE.replace("{type: synthetic_motion}", "{type: class_folders, name: own, folds: 3}")


def trainings(row: Row) -> list[Training]:
    return [replica.training for replica in row.replicas if replica.training]


def sources(row: Row) -> list[Training]:
    return [training.init for training in trainings(row) if isinstance(training.init, Training)]


# seeds and splits


def test_every_row_runs_at_every_split_and_seed(tmp_path: Path) -> None:
    """Replicas are splits times seeds, seeds in the same order in each split; evaluation follows the split."""
    (row,) = load(tmp_path, f"{FOLDS}seeds: [3, 1]\nsplits: [2, 1]\n").rows
    assert [(replica.split, replica.seed) for replica in row.replicas] == [(2, 3), (2, 1), (1, 3), (1, 1)]
    assert [training.seed for training in trainings(row)] == [3, 1, 3, 1]
    assert [replica.evaluation.data.split for replica in row.replicas] == [2, 2, 1, 1]  # type: ignore[union-attr]
    assert len({replica.digest for replica in row.replicas}) == 4
    assert (row.settings["seed"], row.settings["data.split"]) == (3, 2)
    assert row.origins["seed"] == f"{tmp_path}/own.yaml:6"
    assert row.origins["data.split"] == row.origins["evaluate.data.split"] == f"{tmp_path}/own.yaml:7"


def test_set_picks_one_seed_and_split(tmp_path: Path) -> None:
    """--set seed and data.split replace the file's, so no replica is counted twice."""
    (row,) = load(tmp_path, f"{FOLDS}seeds: [3, 1]\nsplits: [2, 1]\n", "seed=7", "data.split=3").rows
    assert [(replica.seed, replica.training.data.split) for replica in row.replicas] == [(7, 3)]  # type: ignore[union-attr]


def test_a_file_gives_seeds_once(tmp_path: Path) -> None:
    """seed beside seeds, or data.split beside splits, is a contradiction; alone it is the only one."""
    text = f"{FOLDS}seeds: [1, 2]\nsplits: [1]\nrows: {{a: {{seed: 1, data.split: 1}}}}\n"
    assert mistakes(tmp_path, text) == [
        "own.yaml:8: seed: seeds in own.yaml:6 say this already; only --set may pick one of them",
        "own.yaml:8: data.split: splits in own.yaml:7 say this already; only --set may pick one of them",
    ]
    rows = load(tmp_path, f"{FOLDS}rows: {{a: {{seed: 5, data.split: 2}}, b: {{}}}}\n").rows
    assert [row.replicas[0].seed for row in rows] == [5, 0]


def test_splits_of_data_without_splits_are_a_mistake(tmp_path: Path) -> None:
    """Splits need a data set that has them; each wrong split is found before anything runs."""
    (found,) = mistakes(tmp_path, f"{MINIMAL}splits: [1, 2]\n")
    assert found.startswith("own.yaml:6: data.split: unknown field; legal: type, version,")
    assert mistakes(tmp_path, f"{FOLDS}splits: [1, 2, 3, 4]\n") == [
        "own.yaml:6: data.split: split 4 is not one of the 3 folds",
    ]


def test_another_scale_has_seeds_and_splits_of_its_own(tmp_path: Path) -> None:
    """A scale's seeds and splits replace the file's; an empty list of splits is none."""
    other_data = "base: {data: {type: synthetic_motion}}, splits: []"
    text = f"{FOLDS}splits: [1, 2]\nseeds: [8]\nscales: {{cpu: {{{other_data}}}, smoke: {{seeds: [4]}}}}\n"
    assert [(r.split, r.seed) for r in load(tmp_path, text, scale="cpu").rows[0].replicas] == [
        (None, 0), (None, 1), (None, 2),
    ]  # fmt: skip
    assert [(r.split, r.seed) for r in load(tmp_path, text, scale="smoke").rows[0].replicas] == [(1, 4), (2, 4)]


# weights and init


def test_a_row_of_a_weights_file_trains_nothing(tmp_path: Path) -> None:
    """A row with weights evaluates the file once a split, whatever the seeds, identified by its content."""
    (tmp_path / "w.pth").write_bytes(b"weights")
    sha256 = hashlib.sha256(b"weights").hexdigest()
    (row,) = load(tmp_path, f"{MINIMAL}seeds: [1, 2]\nrows: {{a: {{weights: {{file: w.pth}}}}}}\n").rows
    (replica,) = row.replicas
    assert replica.training is None
    assert replica.evaluation.weights == WeightsFile(file=f"{tmp_path}/w.pth", sha256=sha256)
    (stated,) = load(tmp_path, f"{MINIMAL}rows: {{a: {{weights: {{file: later.pth, sha256: {sha256}}}}}}}\n").rows
    assert stated.replicas[0].digest == replica.digest
    (tmp_path / "w.pth").write_bytes(b"other weights")
    assert (
        load(tmp_path, f"{MINIMAL}rows: {{a: {{weights: {{file: w.pth}}}}}}\n").rows[0].replicas[0].digest
        != replica.digest
    )


def test_weights_and_init_exclude_each_other(tmp_path: Path) -> None:
    """What is only evaluated starts from nothing."""
    sha256 = 64 * "a"
    text = (
        f"{MINIMAL}rows:\n  a:\n    weights: {{file: w, sha256: {sha256}}}\n    init: {{file: w, sha256: {sha256}}}\n"
    )
    (found,) = mistakes(tmp_path, text)
    assert found.endswith("weights are evaluated as they are, so nothing is trained that could start from init")


def test_a_file_to_start_from_is_identified_by_its_content(tmp_path: Path) -> None:
    """Trainings that start from different files differ, from the same content under two names not."""
    for name, content in (("a.pth", b"a"), ("b.pth", b"b"), ("c.pth", b"a")):
        (tmp_path / name).write_bytes(content)
    rows = load(tmp_path, MINIMAL + "matrix: {init.file: [a.pth, b.pth, c.pth]}\n").rows
    first, second, third = (digest(training) for row in rows for training in trainings(row))
    assert first == third != second


def test_paths_of_set_are_from_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """data.root, init.file and init.run of --set start from where the command runs."""
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "w.pth").write_bytes(b"w")
    write(tmp_path, MINIMAL, "work/other.yaml")
    text = FOLDS.replace("folds: 3", "folds: 3, root: here")
    assert load(tmp_path, text).rows[0].settings["data.root"] == f"{tmp_path}/here"
    assert load(tmp_path, text).rows[0].settings["evaluate.data.root"] == f"{tmp_path}/here"
    monkeypatch.chdir(tmp_path / "work")
    (row,) = load(tmp_path, text, "data.root=there", "init.file=w.pth").rows
    assert row.settings["data.root"] == "there"
    assert row.settings["evaluate.data.root"] == "there"
    assert trainings(row)[0].init == WeightsFile(file="w.pth", sha256=hashlib.sha256(b"w").hexdigest())
    (row,) = load(tmp_path, text, "init.run=other.yaml#other").rows
    assert sources(row)[0].clip.frames == 8


# init.run

TWO_STEPS = f"""{MINIMAL}seeds: [1, 2]
rows:
  start: {{}}
  next: {{clip.frames: 16, init: {{run: "#start"}}}}
  last: {{clip.frames: 32, init: {{run: "#next"}}}}
"""


def test_a_row_starts_from_a_row_of_its_file_at_the_same_seed(tmp_path: Path) -> None:
    """``#row`` is that row's training at the same seed, and part of the digest."""
    start, then, last = load(tmp_path, TWO_STEPS).rows
    assert sources(then) == trainings(start)
    assert sources(last) == trainings(then)
    changed = load(tmp_path, TWO_STEPS.replace("start: {}", "start: {recipe.flip: 0.1}")).rows
    assert digest(trainings(changed[2])[0]) != digest(trainings(last)[0])
    assert digest(trainings(changed[1])[0].model_copy(update={"init": None})) == digest(
        trainings(then)[0].model_copy(update={"init": None})
    )


def test_set_reaches_the_source_in_the_same_file(tmp_path: Path) -> None:
    """--set changes all rows of the experiment, those that others start from included."""
    start, then, _ = load(tmp_path, TWO_STEPS, "recipe.epochs=20").rows
    assert sources(then) == trainings(start)
    assert trainings(start)[0].recipe.epochs == 20


def test_a_row_starts_from_another_file_at_the_same_scale_seed_and_split(tmp_path: Path) -> None:
    """``file#row`` is that file's row at this scale, seed and split, without --set; paths are from the own folder."""
    text = f"{FOLDS}splits: [1, 2]\nseeds: [0, 1, 2]\nscales: {{cpu: {{}}}}\nmatrix: {{clip.stride: [1, 2]}}\n"
    write(tmp_path, text, "up/other.yaml")
    own = f"{FOLDS}splits: [2, 3]\nscales: {{cpu: {{}}}}\nrows: {{a: {{init.run: up/other.yaml#2}}}}\n"
    (found,) = mistakes(tmp_path, own, scale="cpu")
    assert found.startswith("own.yaml:8: init.run: ")
    assert found.endswith("up/other.yaml#2 has the seeds 0, 1, 2 and splits 1, 2; this row is at seed 0 and split 3")
    own = own.replace("[2, 3]", "[2]")
    (row,) = load(tmp_path, own, "recipe.epochs=20", scale="cpu").rows
    other = load_experiment(f"{tmp_path}/up/other.yaml", scale="cpu").rows[1]
    assert sources(row) == [replica.training for replica in other.replicas if replica.split == 2]
    assert sources(row)[0].recipe.epochs == 10


def test_a_source_with_one_seed_serves_all(tmp_path: Path) -> None:
    """A source that its own file trains once, without splits, is shared by every seed and split."""
    write(tmp_path, f"{MINIMAL}seeds: [9]\n", "other.yaml")
    (row,) = load(tmp_path, f"{FOLDS}seeds: [1, 2]\nsplits: [1, 2]\nrows: {{a: {{init.run: other.yaml#other}}}}\n").rows
    assert [source.seed for source in sources(row)] == [9, 9, 9, 9]
    write(tmp_path, f"{MINIMAL}seeds: [1, 9]\n", "other.yaml")
    (found,) = mistakes(tmp_path, f"{MINIMAL}seeds: [1, 2]\nrows: {{a: {{init.run: other.yaml#other}}}}\n")
    assert found.endswith("other.yaml#other has the seeds 1, 9; this row is at seed 2")


def test_a_source_that_evaluates_a_file_gives_the_file(tmp_path: Path) -> None:
    """Starting from a row of published weights is starting from their file."""
    sha256 = 64 * "a"
    text = f"{MINIMAL}rows: {{a: {{weights: {{file: w, sha256: {sha256}}}}}, b: {{init.run: '#a'}}}}\n"
    assert trainings(load(tmp_path, text).rows[1])[0].init == WeightsFile(file=f"{tmp_path}/w", sha256=sha256)


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("'#nxt'", "own.yaml has no row 'nxt'; did you mean next? legal: start, next, last"),
        ("'#last'", "own.yaml#last -> own.yaml#next -> own.yaml#start -> own.yaml#last goes round in a circle"),
        ("none.yaml#a", "none.yaml: there is no such experiment file"),
        (
            "closer_look/table9#a",
            "there is no shipped experiment 'closer_look/table9'; a file of your own ends in .yaml",
        ),
        ("other.yaml#x", "other.yaml has no row 'x'; legal: other"),
        ("empty.yaml#x", "empty.yaml: the file is empty"),
    ],
)
def test_a_source_that_leads_nowhere_is_one_mistake(tmp_path: Path, reference: str, message: str) -> None:
    """A missing file or row, and a circle, is reported once, at the init.run that leads there."""
    write(tmp_path, MINIMAL, "other.yaml")
    write(tmp_path, "", "empty.yaml")
    text = TWO_STEPS.replace("start: {}", f"start:\n    init.run: {reference}")
    (found,) = mistakes(tmp_path, text)
    place, _, said = found.partition(": init.run: ")
    # The rows are tried in order, and a circle closes where it comes back to the first.
    assert place == ("own.yaml:10" if "circle" in message else "own.yaml:9")
    if "circle" in message:
        assert said == "own.yaml#start -> own.yaml#last -> own.yaml#next -> own.yaml#start goes round in a circle"
    else:
        assert said.startswith(message)


def test_a_circle_through_two_files_is_one_mistake(tmp_path: Path) -> None:
    """Files whose rows start from each other are refused, whatever paths they use."""
    write(tmp_path, f"{MINIMAL}rows: {{b: {{init.run: ../own.yaml#a}}}}\n", "up/other.yaml")
    (found,) = mistakes(tmp_path, f"{MINIMAL}rows: {{a: {{init.run: up/other.yaml#b}}}}\n")
    assert found.endswith("goes round in a circle")
    (found,) = mistakes(tmp_path, f"{MINIMAL}rows: {{a: {{init.run: '#a'}}}}\n")
    assert found.endswith("init.run: own.yaml#a -> own.yaml#a goes round in a circle")


def test_a_source_at_a_scale_it_does_not_offer_is_a_mistake(tmp_path: Path) -> None:
    """Both ends of a fine-tuning exist at the scale it is run at."""
    write(tmp_path, MINIMAL, "other.yaml")
    text = f"{MINIMAL}scales: {{cpu: {{}}}}\nrows: {{a: {{init.run: other.yaml#other}}}}\n"
    (found,) = mistakes(tmp_path, text, scale="cpu")
    assert found == "own.yaml:7: init.run: other.yaml: other.yaml has no scale 'cpu'; legal: paper"


def test_mistakes_of_a_source_are_reported_there_once(tmp_path: Path) -> None:
    """A faulty source row is reported in its own file only, however many rows start from it."""
    write(tmp_path, MINIMAL.replace("R3D", "R9D"), "other.yaml")
    text = f"{MINIMAL}rows: {{a: {{init.run: other.yaml#other}}, b: {{init.run: other.yaml#other}}}}\nseeds: [1, 2]\n"
    (found,) = mistakes(tmp_path, text)
    assert found.startswith('other.yaml:5: network.name: "R9D" is not legal; did you mean R3D?')


def test_null_clears_a_start_and_a_file_replaces_a_run(tmp_path: Path) -> None:
    """A row can start afresh although base starts from somewhere, and --set init.file beats init.run."""
    (tmp_path / "w.pth").write_bytes(b"w")
    write(tmp_path, MINIMAL, "other.yaml")
    text = MINIMAL.replace("base:", "base:\n  init: {run: other.yaml#other}") + "rows: {a: {init: null}, b: {}}\n"
    first, second = load(tmp_path, text).rows
    assert sources(first) == []
    assert len(sources(second)) == 1
    rows = load(tmp_path, text, f"init.file={tmp_path}/w.pth").rows
    assert {type(training.init) for row in rows for training in trainings(row)} == {WeightsFile}


def test_the_evaluation_starts_from_the_training_s_data_and_clip(tmp_path: Path) -> None:
    """evaluate.data and evaluate.clip take what they don't give from data and clip, unless the data set is another."""
    text = (
        FOLDS
        + """\
rows:
  same: {}
  longer: {evaluate: {clip: {frames: 32}}}
  elsewhere: {evaluate: {data: {type: split_lists, name: ucf101}}}
  other: {evaluate: {data: {name: second}}}
"""
    )
    same, longer, elsewhere, other = (row.replicas[0] for row in load(tmp_path, text).rows)
    assert (same.evaluation.data, same.evaluation.clip) == (same.training.data, same.training.clip)  # type: ignore[union-attr]
    assert longer.evaluation.clip.frames == 32
    assert longer.evaluation.clip.crop == 32
    assert digest(longer.training) == digest(same.training)  # type: ignore[arg-type]
    assert elsewhere.evaluation.data.model_dump(exclude_defaults=True) == {"type": "split_lists", "name": "ucf101"}
    assert other.evaluation.data.name == "second"
    assert other.evaluation.data.folds == 3  # type: ignore[union-attr]


# published


PUBLISHED = f"""{MINIMAL}published:
  table: closer_look/table2
  row: {{net: "{{network.name}}", depth: 18, dash: null, row: "{{row}}"}}
  cells: {{video@1: "video{{evaluate.protocol.clips}}_{{clip.frames}}f"}}
  show: [training_seconds]
rows:
  a/b: {{evaluate.protocol: video_10, recipe.epochs: 12.0}}
  own: {{published: {{net: R(2+1)D, depth: null, frames: 8}}}}
  none: {{published: null}}
"""


def test_published_rows_and_columns_are_filled_from_settings(tmp_path: Path) -> None:
    """Braces quote the row's settings; a row's own key goes over it; null is a dash, or no published row at all."""
    experiment = load(tmp_path, PUBLISHED)
    quoted, own, none = experiment.rows
    assert (experiment.table, experiment.show) == ("closer_look/table2", ("training_seconds",))
    assert quoted.published == {"net": "R3D", "depth": "18", "dash": None, "row": "a/b"}
    assert quoted.cells == {"video@1": "video10_8f"}
    assert own.published == {"net": "R(2+1)D", "depth": None, "dash": None, "row": "own", "frames": "8"}
    assert none.published is None
    assert load(tmp_path, MINIMAL).rows[0].published is None
    assert load(tmp_path, MINIMAL).rows[0].cells == {}


def test_references_to_published_numbers_are_checked_on_request(tmp_path: Path) -> None:
    """The check sees the reference and the rows' own columns; what it says stands at their lines."""

    def check(published: PublishedCells) -> list[str]:
        return [f"no column {column}" for column in published.row if column in ("dash", "frames")]

    text = PUBLISHED.replace("dash: null, ", "")
    assert mistakes(tmp_path, text, check_published=check) == [
        "own.yaml:13: rows.own.published: no column frames",
    ]
    assert mistakes(tmp_path, PUBLISHED, check_published=check) == ["own.yaml:6: published: no column dash"]
    assert load(tmp_path, text.replace(", frames: 8", ""), check_published=check).rows


def test_rows_know_where_their_settings_stand(tmp_path: Path) -> None:
    """Origins name file and line of what was given, --set, and the preset of a protocol; defaults have none."""
    (row,) = load(tmp_path, f"{MINIMAL}matrix:\n  clip.frames:\n    - 16\nrows: {{a: {{evaluate.protocol: clip}}}}\n",
                  "recipe.flip=0.1").rows  # fmt: skip
    file = f"{tmp_path}/own.yaml"
    assert row.origins["clip.frames"] == row.origins["evaluate.clip.frames"] == f"{file}:8"
    assert row.origins["evaluate.protocol.clips"] == f"{file}:9 (clip)"
    assert row.origins["recipe.flip"] == "--set"
    assert "recipe.epochs" not in row.origins
    assert set(row.origins) <= set(row.settings)


def test_a_row_may_measure_another_rows_network(tmp_path: Path) -> None:
    """Weights of a run are that run's training, at every seed; only the evaluation is the row's own."""
    rows = "rows: {a: {}, b: {weights: {run: '#a'}, evaluate: {protocol: video_100}}}\n"
    first, second = load(tmp_path, f"{MINIMAL}seeds: [1, 2]\n{rows}").rows
    assert [replica.training for replica in second.replicas] == [replica.training for replica in first.replicas]
    assert [replica.seed for replica in second.replicas] == [1, 2]
    assert {replica.evaluation.protocol.clips for replica in second.replicas} == {100}
    assert not {replica.digest for replica in first.replicas} & {replica.digest for replica in second.replicas}


def test_a_measured_run_must_be_of_the_rows_network(tmp_path: Path) -> None:
    """Naming one network and measuring another one's weights is a mistake that is found before anything runs."""
    rows = "rows: {a: {}, b: {weights: {run: '#a'}, network: {width: 7}}}\n"
    (found,) = mistakes(tmp_path, f"{MINIMAL}{rows}")
    assert found == "own.yaml:6: network.width: 7, but the network of #a has 8"


def test_a_network_is_measured_on_what_it_was_trained_on(tmp_path: Path) -> None:
    """Weights for colours can't read flow, and the other way round: told at the line that asks for it."""
    rows = "rows: {a: {}, b: {weights: {run: '#a'}, evaluate: {clip: {modality: flow}}}}\n"
    (found,) = mistakes(tmp_path, f"{MINIMAL}{rows}")
    assert found == "own.yaml:6: clip.modality: flow, but the network was trained on rgb"
    both = "rows: {a: {clip: {modality: flow}, evaluate: {clip: {modality: rgb}}}}\n"
    (found,) = mistakes(tmp_path, f"{MINIMAL}{both}")
    assert found == "own.yaml:6: clip.modality: rgb, but the network was trained on flow"
