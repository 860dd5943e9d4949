"""A run class by class, and its confusion matrix as a picture."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_up import write_made_up

from videobench.errors import DataError
from videobench.evaluation.statistics import wilson
from videobench.records import class_names_sha256, write_class_names
from videobench.run_reference import Run
from videobench.tables.class_report import ClassReport, class_report
from videobench.tables.confusion import draw_confusion

LABELS = [0] * 4 + [1] * 4 + [3] * 2
RIGHT = [True] * 4 + [True, False, False, False] + [True, False]
PROTOCOL = {"protocol": {"clips": 10}}


def one_run(folder: Path, **changes: object) -> Run:
    record = write_made_up(folder, "aa", video_hits=RIGHT, labels=LABELS, evaluation=PROTOCOL, **changes)  # type: ignore[arg-type]
    return Run("the run", (record,))


def test_classes_are_listed_the_worst_first(tmp_path: Path) -> None:
    """Accuracy with Wilson's interval, and what a class is taken for; a class without videos isn't listed."""
    report = class_report(one_run(tmp_path), tmp_path)
    found = [(one.name, one.accuracy.value, one.confused_with, one.confused_share) for one in report.classes]
    assert found == [("class 1", 0.25, "class 2", 0.75), ("class 3", 0.5, "class 4", 0.5), ("class 0", 1, None, 0)]
    assert report.classes[0].accuracy.interval == wilson(1, 4)
    assert report.confusion.tolist() == [
        [4, 0, 0, 0, 0],
        [0, 1, 3, 0, 0],
        [0] * 5,
        [0, 0, 0, 1, 1],
        [0] * 5,
    ]
    assert report.about.startswith("synthetic-motion v1, cpu scale; 10 videos; 10 clips on the authors' grid")


def test_seeds_count_together(tmp_path: Path) -> None:
    """Three seeds of one run: their counts are summed, intervals cover seeds where seeds differ."""
    random = np.random.default_rng(0)
    records = [
        write_made_up(
            tmp_path, f"a{s}", video_hits=random.random(40) < 0.5, labels=[0, 1] * 20, evaluation=PROTOCOL, seed=s
        )
        for s in range(3)
    ]
    report = class_report(Run("seeds", tuple(records)), tmp_path)
    assert report.confusion.sum() == 120
    assert "40 videos at 3 seeds" in report.about
    assert {one.accuracy.interval.covers for one in report.classes} == {"videos and seeds"}


def test_videos_of_one_source_are_no_independent_trials(tmp_path: Path) -> None:
    """The interval of a class whose videos come from two sources is wider."""
    sources = ["s1", "s2"] * 5
    alone = class_report(one_run(tmp_path), tmp_path).classes[0].accuracy.interval
    shared = class_report(one_run(tmp_path, sources=sources), tmp_path).classes[0].accuracy.interval
    assert shared.method == "bootstrap"
    assert shared.high - shared.low > alone.high - alone.low


def test_class_names_are_those_of_the_data(tmp_path: Path) -> None:
    """Where the record's names are kept, reports speak in names; all the classes have a row in the matrix."""
    classes = ("sit", "stand", "walk", "run", "jump", "fall", "lie")
    write_class_names(tmp_path, classes)
    run = one_run(tmp_path)
    data = replace(run.records[0].data, classes_sha256=class_names_sha256(classes))
    report = class_report(one_run(tmp_path, data=data), tmp_path)
    assert [(one.name, one.confused_with) for one in report.classes] == [
        ("stand", "walk"),
        ("run", "jump"),
        ("sit", None),
    ]
    assert report.class_names == classes
    assert report.confusion.shape == (7, 7)


def test_splits_of_other_classes_are_refused(tmp_path: Path) -> None:
    """Class 3 of one list isn't class 3 of another."""
    first = one_run(tmp_path).records[0]
    second = replace(first, data=replace(first.data, classes_sha256="other"))
    with pytest.raises(DataError, match="don't have the same classes"):
        class_report(Run("both", (first, second)), tmp_path)


def test_a_fusion_says_what_was_fused(tmp_path: Path) -> None:
    """It has no protocol of its own."""
    fused = {"fusion": {"streams": {"rgb": "aa", "flow": "bb"}}}
    record = write_made_up(tmp_path, "ff", video_hits=RIGHT, labels=LABELS, evaluation=fused)
    assert class_report(Run("fused", (record,)), tmp_path).protocol == "fusion of rgb and flow"


@pytest.mark.parametrize("num_classes", [2, 21, 250])
@pytest.mark.parametrize("kind", ["png", "svg"])
def test_a_confusion_matrix_is_drawn(tmp_path: Path, num_classes: int, kind: str) -> None:
    """A picture for few classes and for many, whose title says what was evaluated; few classes have counts."""
    confusion = np.diag(np.full(num_classes, 17))
    confusion[0, 1] = 3
    report = ClassReport(
        run="my/table#R3D",
        data="my videos",
        protocol="one clip",
        scale="cpu",
        num_videos=int(confusion.sum()),
        num_seeds=1,
        classes=(),
        class_names=tuple(f"class number {number}" for number in range(num_classes)),
        confusion=confusion,
    )
    path = tmp_path / "deep" / f"matrix.{kind}"
    draw_confusion(report, path)
    content = path.read_bytes()
    if kind == "png":
        assert content.startswith(b"\x89PNG")
        return
    text = content.decode()
    assert "my/table#R3D" in text
    assert ("<!-- 17 -->" in text) == (num_classes <= 20)
    assert ("class number 1 " in text) == (num_classes <= 120)
