"""Which videos weights have seen, and the evaluations that are refused for it."""

from pathlib import Path

import pytest
from experiment_files import BASE, TITLE, load, mistakes, shipped

from videobench.spec.base import digest, identity
from videobench.spec.dataset import UCF101, ClassFolders, Dataset, Manifest, SplitLists, SyntheticMotion
from videobench.spec.history import Stage, stages
from videobench.spec.units import Training, WeightsFile

__all__ = ["shipped"]  # a fixture

pytestmark = pytest.mark.usefixtures("shipped")

FOLDS = TITLE + BASE.replace("{type: synthetic_motion}", "{type: class_folders, name: own, folds: 3}") + "rows:\n"
FORCE = "measure on the same split; evaluate.allow_seen_videos: true forces it, and the table says so"


def seen(trained: int, measured: int) -> str:
    return (
        f"the network was trained on the train videos of own, split {trained} of 3;"
        f" the test videos of split {measured} of 3 may be among them; {FORCE}"
    )


def test_another_split_than_trained_on_is_a_mistake(tmp_path: Path) -> None:
    """It is reported at the line of the evaluation's data; forced, it is another evaluation of the same training."""
    row = "  a:\n    evaluate:\n      data: {split: 2}\n"
    assert mistakes(tmp_path, f"{FOLDS}{row}") == [f"own.yaml:9: evaluate.data: {seen(1, 2)}"]
    forced, plain = load(tmp_path, f"{FOLDS}{row}      allow_seen_videos: true\n  b: {{}}\n").rows
    assert forced.replicas[0].evaluation.allow_seen_videos
    assert forced.replicas[0].training == plain.replicas[0].training
    assert forced.replicas[0].digest != plain.replicas[0].digest


@pytest.mark.parametrize("field", ["init", "weights"])
def test_what_a_row_starts_from_or_measures_counts(tmp_path: Path, field: str) -> None:
    """A network from another split is refused at the line that brings it in, however many rows lie between."""
    rows = (
        "  first: {}\n"
        "  second: {data.split: 2, evaluate.allow_seen_videos: true, init: {run: '#first'}}\n"
        f"  third: {{data.split: 3, evaluate.allow_seen_videos: true, {field}: {{run: '#second'}}}}\n"
        f"  fourth:\n    evaluate: {{protocol: clip}}\n    data.split: 2\n    {field}: {{run: '#second'}}\n"
        "  fifth: {init: {run: '#fourth'}}\n"
    )
    found = mistakes(tmp_path, f"{FOLDS}{rows}")
    assert found == [f"own.yaml:{line}: {place}: {seen(*splits)}" for line, place, splits in (
        (13, f"{field}.run", (1, 2)), (14, "init.run", (2, 1)),
    )]  # fmt: skip


def test_rows_of_several_splits_meet_their_own(tmp_path: Path) -> None:
    """Each split's network starts from and is measured with that split's; a single other one fails at the others."""
    rows = "  a: {}\n  b: {init: {run: '#a'}}\n  c: {weights: {run: '#b'}, evaluate.protocol: video_10}\n"
    assert [len(row.replicas) for row in load(tmp_path, f"{FOLDS}{rows}splits: [1, 2, 3]\n").rows] == [3, 3, 3]
    assert mistakes(tmp_path, f"{FOLDS}  a: {{evaluate.data.split: 1}}\nsplits: [1, 2, 3]\n") == [
        f"own.yaml:7: evaluate.data: {seen(split, 1)}" for split in (2, 3)
    ]


def test_other_data_may_have_any_split(tmp_path: Path) -> None:
    """A network trained on one data set and measured on another has seen none of its videos."""
    rows = "  a: {data.split: 1, evaluate.data: {type: split_lists, name: other, split: 2}}\n"
    assert load(tmp_path, f"{FOLDS}{rows}").rows
    pre = "  a: {data: {type: split_lists, name: other, split: 2}}\n  b: {init: {run: '#a'}}\n"
    assert load(tmp_path, f"{FOLDS}{pre}").rows


FOLDERS = ClassFolders(type="class_folders", name="own")
LISTS = SplitLists(type="split_lists", name="own")


@pytest.mark.parametrize(
    ("data", "same_split"),
    [
        (FOLDERS.model_copy(update={"folds": 3}), False),
        (FOLDERS.model_copy(update={"root": "elsewhere", "classes": 9}), True),
        (LISTS, False),
    ],
)
def test_the_same_name_is_the_same_data(data: Dataset, same_split: bool) -> None:
    """However it is divided, data of one name holds the same videos; where it lies makes no difference."""
    stage = Stage(data=FOLDERS)
    assert stage.is_on_other_split(data) is not same_split
    assert stage.is_on(data, "train") is same_split
    assert not stage.is_on(data, "test")


def test_what_divides_a_data_set() -> None:
    """Folds, their number and groups, and lists make other splits; sizes and sources for intervals don't."""
    folds = FOLDERS.model_copy(update={"folds": 3})
    others: list[Dataset] = [
        folds.model_copy(update={"split": 2}), folds.model_copy(update={"folds": 4}),
        folds.model_copy(update={"groups": "groups.csv"}),
    ]  # fmt: skip
    assert all(Stage(data=folds).is_on_other_split(other) for other in others)
    assert Stage(data=LISTS).is_on_other_split(LISTS.model_copy(update={"lists": "other"}))
    assert Stage(data=LISTS).is_on(LISTS.model_copy(update={"groups": "groups.csv"}), "train")
    official = SplitLists(type="split_lists", name="ucf101", split=2)
    assert Stage(data=official).is_on(UCF101(type="ucf101", split=2), "train")
    assert Stage(data=official).is_on_other_split(UCF101(type="ucf101"))
    listed = Manifest(type="manifest", name="own", train="a.csv")
    assert Stage(data=listed).is_on(listed.model_copy(update={"test": "b.csv"}), "train")
    assert Stage(data=listed).is_on_other_split(listed.model_copy(update={"train": "b.csv"}))
    motion = SyntheticMotion(type="synthetic_motion")
    assert Stage(data=motion).is_on(motion.model_copy(update={"train_videos_per_class": 3}), "train")


def test_stages_are_read_from_a_training_and_from_its_identity(tmp_path: Path) -> None:
    """Both give every training behind the weights, the last first; a file ends what is known."""
    file = WeightsFile(file="x.pth", sha256=64 * "a")
    rows = "  a: {}\n  b: {data.split: 2, init: {run: '#a'}, select: {type: best, subset: test}, "
    b = load(tmp_path, f"{FOLDS}{rows}evaluate.allow_seen_videos: true}}\n").rows[1].replicas[0].training
    assert b is not None
    assert isinstance(b.init, Training)
    from_file = b.model_copy(update={"init": b.init.model_copy(update={"init": file})})
    for training in (b, from_file):
        found = list(stages(training))
        assert found == list(stages(identity(training)))
        assert [(stage.data.partition, stage.select.type) for stage in found] == [
            ("split 2 of 3", "best"), ("split 1 of 3", "last"),
        ]  # fmt: skip
    assert digest(b) != digest(from_file)
