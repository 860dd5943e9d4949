"""Runs beside each other: what differs, how surely, and which videos flip."""

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_up import hits, write_made_up

from videobench.errors import ConfigError, DataError
from videobench.evaluation.statistics import holm
from videobench.records import class_names_sha256, write_class_names
from videobench.run_reference import Run
from videobench.spec.expand import load_experiment
from videobench.tables.compare import compare_runs, write_flips

CLIP = {"frames": 8}


def run(folder: Path, *digests: str, **changes: Any) -> Run:
    records = [write_made_up(folder, digest, seed=seed, **changes) for seed, digest in enumerate(digests)]
    return Run(f"the {digests[0]}", tuple(records))


def test_differences_are_the_later_minus_the_first(tmp_path: Path) -> None:
    """On all videos and by class group, in every metric of the records, with the tests that fit."""
    groups = ["motion"] * 40 + ["order"] * 60
    first = run(tmp_path, "aa", video_hits=hits(60, 100), groups=groups)
    second = run(tmp_path, "bb", video_hits=hits(75, 100), groups=groups)
    (found,) = compare_runs([first, second], tmp_path)
    assert (found.first, found.second, found.num_videos, found.seeds) == ("the aa", "the bb", 100, (0,))
    values = {(one.metric, one.group): one for one in found.metrics}
    assert list(values) == [("clip@1", None), ("video@1", None), ("video@1", "motion"), ("video@1", "order")]
    assert values["video@1", None].difference.value == pytest.approx(0.15)
    assert values["video@1", "motion"].difference.value == 0
    assert values["video@1", "order"].difference.value == pytest.approx(0.25)
    assert values["video@1", "order"].first.value == pytest.approx(20 / 60)
    assert [one.difference.test for one in found.metrics] == ["bootstrap", "mcnemar", "mcnemar", "mcnemar"]
    assert [one.p_holm for one in found.metrics] == holm([one.difference.p for one in found.metrics])


def test_p_values_are_adjusted_over_all_runs_together(tmp_path: Path) -> None:
    """Two runs against a third: twice as many comparisons."""
    runs = [run(tmp_path, name, video_hits=hits(right, 100)) for name, right in (("aa", 60), ("bb", 75), ("cc", 70))]
    found = compare_runs(runs, tmp_path, metrics=["video@1"])
    plain = [comparison.metrics[0].difference.p for comparison in found]
    assert [len(comparison.metrics) for comparison in found] == [1, 1]
    assert [comparison.metrics[0].p_holm for comparison in found] == holm(plain) != plain


def test_seeds_are_tested_together(tmp_path: Path) -> None:
    """Three seeds each: a t test, and an interval that covers seeds too."""
    random = np.random.default_rng(0)
    first = [write_made_up(tmp_path, f"a{s}", video_hits=random.random(80) < 0.5, seed=s) for s in range(3)]
    second = [write_made_up(tmp_path, f"b{s}", video_hits=random.random(80) < 0.8, seed=s) for s in range(3)]
    (found,) = compare_runs([Run("A", tuple(first)), Run("B", tuple(second))], tmp_path, metrics=["video@1"])
    assert found.seeds == (0, 1, 2)
    difference = found.metrics[0].difference
    assert (difference.test, difference.interval.covers) == ("t", "videos and seeds")
    assert {flip.seed for flip in found.flips} == {0, 1, 2}


def test_videos_that_flip_are_named_with_what_each_run_said(tmp_path: Path) -> None:
    """In the order of their names; class names where they are kept, numbers where not."""
    names = ["c", "a", "b", "d"]
    labels = [0, 1, 2, 3]
    first = run(tmp_path, "aa", video_hits=[True, False, True, False], videos=names, labels=labels)
    second = run(tmp_path, "bb", video_hits=[True, True, False, False], videos=names, labels=labels)
    (found,) = compare_runs([first, second], tmp_path)
    assert [(flip.video, flip.label, flip.first, flip.second, flip.right) for flip in found.flips] == [
        ("a", "class 1", "class 2", "class 1", "second"),
        ("b", "class 2", "class 2", "class 3", "first"),
    ]
    write_flips([found], tmp_path / "flips.csv")
    rows = list(csv.DictReader((tmp_path / "flips.csv").read_text().splitlines()))
    assert [(row["first_run"], row["video"], row["right"]) for row in rows] == [
        ("the aa", "a", "second"),
        ("the aa", "b", "first"),
    ]


def test_videos_that_only_one_run_has_are_left_out_and_counted(tmp_path: Path) -> None:
    """What one run couldn't read is compared in neither."""
    first = run(tmp_path, "aa", video_hits=[True, True, False], videos=["a", "b", "c"])
    second = run(tmp_path, "bb", video_hits=[True, False], videos=["a", "c"], num_expected=3)
    (found,) = compare_runs([first, second], tmp_path, metrics=["video@1"])
    assert (found.num_videos, found.num_left_out) == (2, 1)
    assert found.metrics[0].difference.value == 0


def test_class_names_are_used_where_they_are_kept(tmp_path: Path) -> None:
    """The names stand beside the records, under what identifies them."""
    classes = tuple("ABCDEFG")
    write_class_names(tmp_path, classes)
    runs = []
    for digest, right in (("aa", [True, True]), ("bb", [True, False])):
        record = write_made_up(tmp_path, digest, video_hits=right)
        data = replace(record.data, classes_sha256=class_names_sha256(classes))
        runs.append(run(tmp_path, digest, video_hits=right, data=data))
    (found,) = compare_runs(runs, tmp_path)
    assert [(flip.label, flip.first, flip.second) for flip in found.flips] == [("B", "B", "C")]


def test_settings_that_differ_are_listed_once(tmp_path: Path) -> None:
    """What training and evaluation share stands once; seeds and splits are no difference; None where there is none."""
    first = run(
        tmp_path,
        "aa",
        video_hits=hits(5, 10),
        evaluation={"clip": {"frames": 8}, "protocol": {"clips": 1}, "data": {"split": 1}},
        training={"clip": {"frames": 8}, "seed": 0, "init": None},
    )
    second = run(
        tmp_path,
        "bb",
        video_hits=hits(5, 10),
        evaluation={"clip": {"frames": 16}, "protocol": {"clips": 10}, "data": {"split": 2}},
        training={"clip": {"frames": 16}, "seed": 7, "init": {"clip": {"frames": 8}}},
    )
    (found,) = compare_runs([first, second], tmp_path)
    assert {one.name: (one.first, one.second) for one in found.settings} == {
        "clip.frames": (8, 16),
        "protocol.clips": (1, 10),
        "training.init": (None, {"clip": {"frames": 8}}),
    }


def test_a_setting_that_an_older_record_lacks_has_its_default(tmp_path: Path) -> None:
    """A field that came later is no difference, and neither is how a training was watched."""
    whole = load_experiment("demo").rows[0].replicas[0]
    assert whole.training
    training, evaluation = (unit.model_dump(mode="json") for unit in (whole.training, whole.evaluation))
    del evaluation["weights"]
    old_evaluation, old_training = ({**unit, "clip": {**unit["clip"]}} for unit in (evaluation, training))
    for unit in (old_evaluation, old_training):
        del unit["clip"]["short_video"]
    old_training["validation"] = {"videos": 7}
    first = run(tmp_path, "aa", video_hits=hits(5, 10), evaluation=evaluation, training=training)
    second = run(tmp_path, "bb", video_hits=hits(5, 10), evaluation=old_evaluation, training=old_training)
    (found,) = compare_runs([first, second], tmp_path)
    assert found.settings == ()


def test_single_runs_of_other_seeds_say_so(tmp_path: Path) -> None:
    """Two seeds of one training differ in nothing but the seed."""
    records = [write_made_up(tmp_path, f"a{seed}", video_hits=hits(5, 10), seed=seed) for seed in (0, 3)]
    (found,) = compare_runs([Run(record.digest, (record,)) for record in records], tmp_path)
    assert [(one.name, one.first, one.second) for one in found.settings] == [("seed", (0,), (3,))]
    assert found.flips == ()


def test_what_cannot_be_compared_is_refused(tmp_path: Path) -> None:
    """One run alone, a metric that not all have, and other videos."""
    first = run(tmp_path, "aa", video_hits=hits(5, 10))
    with pytest.raises(ConfigError, match="one run can't be compared"):
        compare_runs([first], tmp_path)
    with pytest.raises(ConfigError, match=r"--metric: 'video@5' is no metric .*\nlegal: clip@1, video@1"):
        compare_runs([first, first], tmp_path, metrics=["video@5"])
    with pytest.raises(DataError, match="saw different videos"):
        compare_runs([first, run(tmp_path, "bb", video_hits=hits(5, 10), fingerprint="f2")], tmp_path)
