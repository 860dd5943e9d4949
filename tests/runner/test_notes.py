"""What the history of weights makes of a number: refused, or printed with a footnote."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from small_experiment import BASE, CLASSES, load, records_by_digest, run, write_experiment, write_videos

from videobench.errors import VideobenchError, WeightsError
from videobench.models.weights.native import load_weights, save_weights
from videobench.runner.notes import notes_of, refuse_seen_videos
from videobench.runner.plan import make_plan
from videobench.runner.workspace import Workspace
from videobench.spec.base import identity
from videobench.spec.clip import Clip
from videobench.spec.dataset import ClassFolders
from videobench.spec.network import VideoResNet
from videobench.spec.protocol import Protocol
from videobench.spec.recipe import PlateauSchedule, Recipe, StepSchedule
from videobench.spec.units import Evaluation, SelectBest, Training, WeightsFile

FIRST = ClassFolders(type="class_folders", name="own", folds=3)
SECOND = FIRST.model_copy(update={"split": 2})
KINETICS = ClassFolders(type="class_folders", name="kinetics400")
NETWORK, CLIP = VideoResNet(name="R3D"), Clip(frames=8)
ON_TEST = Recipe(schedule=PlateauSchedule(type="plateau", subset="test"))
BEST_ON_TEST = SelectBest(type="best", subset="test", metric="clip@1")


def trained(data: ClassFolders, **changes: Any) -> Training:
    return Training(data=data, clip=CLIP, network=NETWORK, **{"recipe": Recipe(), **changes})


def evaluation(weights: Training | WeightsFile, data: ClassFolders = FIRST, **changes: Any) -> Evaluation:
    return Evaluation(weights=weights, network=NETWORK, data=data, clip=CLIP, **changes)


def card(training: Training | None, **further: Any) -> dict[str, Any]:
    """Return a card as it is on disk."""
    written = {"training": identity(training) if training else {}, "class_names": ["a", "b"], **further}
    return dict(json.loads(json.dumps(written)))


FILE = WeightsFile(file="weights.safetensors", sha256=64 * "a")
SEEN = (
    "the network was trained on the train videos of own, split 2 of 3; the test videos of split 1 of 3 may be among"
    " them"
)


@pytest.mark.parametrize(
    ("training", "measured", "notes"),
    [
        (trained(FIRST), {}, []),
        (trained(FIRST), {"protocol": Protocol(clips=10)}, []),
        (trained(KINETICS), {}, []),
        (trained(FIRST), {"subset": "train"}, ["measured on its own training videos"]),
        (trained(FIRST, init=trained(FIRST, subset="test")), {}, ["measured on its own training videos"]),
        (trained(SECOND), {}, [f"{SEEN}; forced"]),
        (trained(FIRST, init=trained(SECOND)), {}, [f"{SEEN}; forced"]),
        (
            trained(FIRST, select=BEST_ON_TEST), {},
            ["the epoch was chosen by clip@1 on the test videos themselves: optimistic"],
        ),
        (
            trained(FIRST, select=SelectBest(type="best", subset="train", protocol=Protocol(clips=10))), {},
            ["the epoch was chosen by video@1 on the train videos of own"],
        ),
        (
            trained(KINETICS, select=SelectBest(type="best", subset="validation")), {},
            ["the epoch was chosen by video@1 on the validation videos of kinetics400"],
        ),
        (
            trained(FIRST, init=trained(FIRST, select=BEST_ON_TEST)), {},
            ["the epoch of the network it started from was chosen by clip@1 on the test videos themselves: optimistic"],
        ),
        (trained(FIRST, init=trained(KINETICS, select=BEST_ON_TEST)), {}, []),
        (
            trained(FIRST, recipe=ON_TEST), {},
            ["the learning rate followed the loss on the test videos themselves: optimistic"],
        ),
        (
            trained(FIRST, recipe=Recipe(schedule=PlateauSchedule(type="plateau", subset="train"))), {},
            ["the learning rate followed the loss on the train videos of own"],
        ),
        (
            trained(KINETICS, recipe=Recipe(schedule=PlateauSchedule(type="plateau", subset="validation"))), {},
            ["the learning rate followed the loss on the validation videos of kinetics400"],
        ),
        (
            trained(FIRST, init=trained(FIRST, recipe=ON_TEST)), {},
            ["the learning rate of the network it started from followed the loss on the test videos themselves:"
             " optimistic"],
        ),
        (trained(FIRST, init=trained(KINETICS, recipe=ON_TEST)), {}, []),
        (
            trained(FIRST, recipe=Recipe(batch_norm_momentum=0.9)), {},
            ["BatchNorm's running statistics are mostly those of one micro-batch (momentum 0.9)"],
        ),
        (trained(FIRST, recipe=Recipe(batch_norm_momentum=0.1, running_statistics="all")), {}, []),
        (trained(FIRST, init=trained(FIRST, recipe=Recipe(batch_norm_momentum=0.9))), {}, []),
        (trained(FIRST, recipe=Recipe(schedule=StepSchedule(every_epochs=5.0))), {}, []),
    ],
)  # fmt: skip
def test_the_history_of_weights_in_notes(training: Training, measured: Mapping[str, Any], notes: list[str]) -> None:
    """The same is said of a training as of a file with its card; a file without one says nothing."""
    assert notes_of(evaluation(training, **measured), None, ["a", "b"]) == tuple(notes)
    assert notes_of(evaluation(training, **measured), card(training), ["a", "b"]) == tuple(notes)
    assert notes_of(evaluation(FILE, **measured), card(training), ["a", "b"]) == tuple(notes)
    assert notes_of(evaluation(FILE, **measured), None, ["a", "b"]) == ()


def test_the_order_of_classes_in_notes() -> None:
    """Only an order that had to be mapped is worth a word."""
    assert notes_of(evaluation(FILE), card(None), ["b", "a"]) == (
        "the weights have the classes in another order: matched by name",
    )


def test_what_a_file_was_trained_on_reaches_through_further_trainings() -> None:
    """A card keeps what the file it started from said, and what that one started from."""
    far = {"training": identity(trained(SECOND)), "started_from": None}
    near = {"training": identity(trained(KINETICS)), "started_from": far}
    for history in (far, near):
        weights = card(trained(FIRST, init=FILE), started_from=history)
        with pytest.raises(WeightsError) as caught:
            refuse_seen_videos(evaluation(FILE), weights)
        assert caught.value.what == SEEN
        assert caught.value.where == "weights.safetensors"
        assert "evaluate.allow_seen_videos: true" in str(caught.value)
        refuse_seen_videos(evaluation(FILE, allow_seen_videos=True), weights)
        refuse_seen_videos(evaluation(FILE, SECOND.model_copy(update={"name": "other"})), weights)


def test_a_card_of_another_version_is_an_error() -> None:
    """A training that can't be understood is not taken for a harmless one."""
    weights = {"class_names": ["a"], "training": {"data": {"type": "holograms", "name": "own"}}}
    with pytest.raises(WeightsError, match="a training that this version of videobench doesn't know"):
        refuse_seen_videos(evaluation(FILE), weights)


# through experiments


FOLDED = BASE.replace("name: small", "name: small, folds: 2")


@pytest.fixture(scope="module")
def folded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a network trained on fold 1 of some videos."""
    home = tmp_path_factory.mktemp("folded")
    write_videos(home)
    (home / "train").rename(home / "videos")
    run(write_experiment(home, base=FOLDED), home)
    return home


def first_weights(home: Path) -> Path:
    plan = make_plan(load(home / "small.yaml"), Workspace(home))
    return Workspace(home).training(plan.trainings[0].digest).weights


def error_of(path: Path, home: Path, *settings: str) -> VideobenchError:
    (failure,) = run(path, home, *settings).outcome.failures
    return failure.error


def test_a_file_from_another_fold_is_refused(folded: Path, tmp_path: Path) -> None:
    """It may be measured on its own fold; on the other only if forced, and then the record says so."""
    file = f"weights.file={first_weights(folded)}"
    path = folded / "small.yaml"
    assert not run(path, tmp_path, file).outcome.failures
    error = error_of(path, tmp_path, file, "data.split=2")
    assert isinstance(error, WeightsError)
    assert error.what.startswith("the network was trained on the train videos of small, split 1 of 2; the test videos")
    run(path, tmp_path, file, "data.split=2", "evaluate.allow_seen_videos=true")
    assert sorted(record.notes for record in records_by_digest(tmp_path).values()) == [(), (f"{error.what}; forced",)]


def test_a_network_that_started_from_such_a_file_is_refused(folded: Path, tmp_path: Path) -> None:
    """The card of the fine-tuned network remembers the file's training, also when it is passed on as a file."""
    path = folded / "small.yaml"
    settings = (f"init.file={first_weights(folded)}", "data.split=2")
    error = error_of(path, tmp_path, *settings)
    assert "trained on the train videos of small, split 1 of 2" in error.what
    plan = make_plan(load(path, *settings), Workspace(tmp_path))
    fine_tuned = Workspace(tmp_path).training(plan.trainings[0].digest).weights
    again = error_of(path, tmp_path / "again", f"weights.file={fine_tuned}", "data.split=2")
    assert again.what == error.what
    assert again.where == str(fine_tuned)


def test_weights_with_their_classes_in_another_order(tmp_path: Path) -> None:
    """They measure the same as in the data set's own order, and the record says that they were mapped."""
    path = write_experiment(tmp_path)
    run(path, tmp_path)
    plan = make_plan(load(path), Workspace(tmp_path))
    tensors, original = load_weights(Workspace(tmp_path).training(plan.trainings[0].digest).weights)
    assert original["class_names"] == sorted(CLASSES)
    order = [2, 0, 1]
    moved = {name: tensor[order] if name.startswith("head.") else tensor for name, tensor in tensors.items()}
    names = [original["class_names"][number] for number in order]
    file = save_weights(tmp_path / "moved", moved, card={**original, "class_names": names})
    run(path, tmp_path, f"weights.file={file}")
    own, mapped = sorted(records_by_digest(tmp_path).values(), key=lambda record: len(record.notes))
    assert mapped.notes == ("the weights have the classes in another order: matched by name",)
    assert mapped.metrics == own.metrics
    finetuned = run(path, tmp_path, f"init.file={file}")
    (started,) = finetuned.started("training")
    assert "classifier replaced" not in started.values["start"]
