"""Digests: what identifies a training or an evaluation."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any, Literal, get_args

import pytest
from experiment_files import MINIMAL, load
from pydantic import Field, ValidationError

from videobench.spec import base
from videobench.spec.base import OutsideDigest, Spec, digest, identity
from videobench.spec.clip import Clip
from videobench.spec.dataset import ClassFolders, FileDataset, SplitLists, SyntheticMotion
from videobench.spec.head import AverageHead, BertHead, ConcatenationHead, LstmHead, NonLocalHead
from videobench.spec.network import I3D, ResNeXt, SlowFast, VideoResNet
from videobench.spec.protocol import Protocol
from videobench.spec.recipe import AdamW, OneCycleSchedule, PlateauSchedule, Recipe, Sgd, StepSchedule
from videobench.spec.units import Evaluation, SelectBest, SelectLast, Training, Validation, WeightsFile

TRAINING = Training(
    data=SyntheticMotion(type="synthetic_motion"), clip=Clip(frames=8), network=VideoResNet(name="R3D"), recipe=Recipe()
)
FILE = WeightsFile(file="a.pth", sha256=64 * "a")
EVALUATION = Evaluation(weights=TRAINING, network=TRAINING.network, data=TRAINING.data, clip=TRAINING.clip)
OTHER_EVALUATION = EVALUATION.model_copy(
    update={
        "protocol": Protocol(clips=10),
        "data": SplitLists(type="split_lists", name="ucf101", split=2),
        "weights": FILE,
    }
)
FINE_TUNED = TRAINING.model_copy(
    update={
        "init": TRAINING, "seed": 3, "recipe": Recipe(schedule=OneCycleSchedule(type="one_cycle"), flip=0.0),
        "data": ClassFolders(type="class_folders", name="hmdb51", folds=3, split=2, groups="groups.csv"),
    }
)  # fmt: skip

GOLDEN: dict[str, Spec] = {
    "e2b68f719628657f": TRAINING,
    "df9a949d7c73d5fa": EVALUATION,
    "65e0b0c280fd432c": OTHER_EVALUATION,
    "591f8b611e34913f": FINE_TUNED,
}  # fmt: skip


@pytest.mark.parametrize("golden", GOLDEN)
def test_digests_are_those_of_earlier_results(golden: str) -> None:
    """Pinned digests stay: nobody's results are orphaned, nor taken for those of other defaults."""
    assert digest(GOLDEN[golden]) == golden, (
        "This changes the digest of every earlier result. If the meaning or a default of a field changed on purpose, "
        "raise SCHEMA_VERSION in videobench/spec/base.py and pin the new digests here; a new field needs a default."
    )


FOLLOWING = TRAINING.model_copy(
    update={
        "recipe": Recipe(optimiser=AdamW(type="adamw"), schedule=PlateauSchedule(type="plateau", subset="test")),
    }
)
CHOSEN = TRAINING.model_copy(update={"select": SelectBest(type="best", subset="test")})

POOLED = [
    TRAINING.model_copy(update={"network": network, "head": head})
    for network, head in [
        (ResNeXt(type="resnext"), BertHead(type="bert")),
        (I3D(type="i3d"), LstmHead(type="lstm")),
        (SlowFast(type="slowfast"), NonLocalHead(type="non_local")),
        (SlowFast(type="slowfast"), ConcatenationHead(type="concatenation")),
    ]
]

UNITS: list[Spec] = [TRAINING, EVALUATION, OTHER_EVALUATION, FINE_TUNED, CHOSEN, FOLLOWING, *POOLED]

OTHER_VALUES: dict[tuple[str, str], Any] = {
    ("Training", "data"): SyntheticMotion(type="synthetic_motion", train_videos_per_class=7),
    ("Training", "clip"): Clip(frames=9),
    ("Training", "network"): VideoResNet(name="MC2"),
    ("Training", "head"): AverageHead(dropout=0.8),
    ("Evaluation", "head"): AverageHead(dropout=0.8),
    ("VideoResNet", "stem_pooling"): True,
    **{(network, "reduction"): "frmb" for network in ("ResNeXt", "I3D", "SlowFast")},
    ("Training", "recipe"): Recipe(epochs=46.0),
    ("Training", "init"): WeightsFile(file="x", sha256=64 * "b"),
    ("Training", "select"): SelectBest(type="best", subset="train"),
    ("Training", "validation"): Validation(every_epochs=3.0),
    ("Evaluation", "weights"): WeightsFile(file="x", sha256=64 * "b"),
    ("Evaluation", "network"): VideoResNet(name="MC2"),
    ("Evaluation", "data"): SyntheticMotion(type="synthetic_motion", test_videos_per_class=7),
    ("Evaluation", "clip"): Clip(frames=9),
    ("Evaluation", "protocol"): Protocol(clips=3),
    ("SelectBest", "protocol"): Protocol(clips=3),
    ("Validation", "protocol"): Protocol(clips=3),
    ("WeightsFile", "sha256"): 64 * "b",
    ("WeightsFile", "released"): "tv_r3d_18",
    ("WeightsFile", "adapt"): ("inflate",),
    ("Sgd", "dampening"): None,
    ("Recipe", "batch_norm_momentum"): 0.9,
    ("PlateauSchedule", "protocol"): Protocol(clips=3),
    ("Recipe", "optimiser"): Sgd(momentum=0.5),
    ("Recipe", "schedule"): StepSchedule(every_epochs=5.0),
    ("Clip", "resize"): (120, 200),
    ("Clip", "mean"): (0.1, 0.2, 0.3),
    ("Clip", "std"): (0.1, 0.2, 0.3),
    ("Clip", "modality"): None,
    ("Clip", "flow_algorithm"): None,
    ("Clip", "flip_flow"): None,
    ("Protocol", "clips"): 7,
    ("Protocol", "step"): None,
    ("Protocol", "crops"): ("left", "right"),
    ("ClassFolders", "folds"): 7,
    ("ClassFolders", "only_classes"): ("a", "b"),
    ("SplitLists", "only_classes"): ("a", "b"),
}


def fields_of(spec: Spec, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Spec, str]]:
    """Walk over every field of a value and of the values in it."""
    for name in type(spec).model_fields:
        yield (*path, name), spec, name
        value = getattr(spec, name)
        if isinstance(value, Spec):
            yield from fields_of(value, (*path, name))


def another(owner: Spec, name: str) -> Any:
    """Return another legal value of a field, None where it has only one."""
    value, field = getattr(owner, name), type(owner).model_fields[name]
    if (type(owner).__name__, name) in OTHER_VALUES:
        return OTHER_VALUES[type(owner).__name__, name]
    literal = getattr(field.annotation, "__args__", ()) if "Literal" in str(field.annotation) else ()
    if literal:
        return next((word for word in literal if word != value), None)
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1 if name not in ("batch", "micro_batch", "crop", "split") else max(1, value // 2)
    if isinstance(value, float):
        return value / 2 if value else 0.25
    return "other" if isinstance(value, str) or "str" in str(field.annotation) else 5


def changed(spec: Spec, path: tuple[str, ...], value: Any) -> Spec:
    """Return a validated copy with one field changed."""
    if len(path) > 1:
        value = changed(getattr(spec, path[0]), path[1:], value)
    return type(spec).model_validate({name: getattr(spec, name) for name in type(spec).model_fields} | {path[0]: value})


EVERY_FIELD = [(unit, *found) for unit in UNITS for found in fields_of(unit)]


@pytest.mark.parametrize(
    ("unit", "path", "owner", "name"),
    EVERY_FIELD,
    ids=[f"{type(unit).__name__}-{number}-{'.'.join(path)}" for number, (unit, path, *_) in enumerate(EVERY_FIELD)],
)
def test_every_field_that_can_change_numbers_changes_the_digest(
    unit: Spec, path: tuple[str, ...], owner: Spec, name: str
) -> None:
    """Another value of any field gives another digest, unless the field is marked as outside."""
    value = another(owner, name)
    if value is None:
        # They have a single legal value: `step` on most grids, `dampening` beside Nesterov momentum, the last three
        # while the clip shows colours.
        assert name in ("type", "version", "step", "dampening", "modality", "flow_algorithm", "flip_flow")
        return
    assert value != getattr(owner, name)
    other = changed(unit, path, value)
    outside = {"root", "flow", "file", "validation"}
    assert (digest(other) == digest(unit)) == bool(outside & set(path))


def test_only_places_and_watching_are_outside_the_digest() -> None:
    """Exactly these fields can't change numbers."""
    specs = [SyntheticMotion, *get_args(FileDataset), Clip, VideoResNet, Protocol, Sgd, StepSchedule,
             OneCycleSchedule, PlateauSchedule, AdamW, Recipe, WeightsFile, SelectLast, SelectBest, Training,
             Evaluation]  # fmt: skip
    outside = {
        f"{spec.__name__}.{name}"
        for spec in specs
        for name, field in spec.model_fields.items()
        if any(isinstance(mark, OutsideDigest) and not mark.values for mark in field.metadata)
    }
    places = {f"{spec.__name__}.{name}" for spec in get_args(FileDataset) for name in ("root", "flow")}
    assert outside == {"SyntheticMotion.flow", *places, "WeightsFile.file", "Training.validation"}


def test_reading_again_changes_no_number() -> None:
    """What ends in an error either way is the same result; leaving videos out isn't."""
    fail, retry, skip = (
        ClassFolders(type="class_folders", name="set", on_error=on_error) for on_error in ("fail", "retry", "skip")
    )
    assert digest(fail) == digest(retry) != digest(skip)


def test_another_rate_decides_the_numbers() -> None:
    """Frame 5 of a video seen at 10 frames a second is another one; flow has no such rate."""
    slow, own = Clip(frames=8, fps=10.0), Clip(frames=8)
    assert identity(slow) == {"frames": 8, "fps": 10.0}
    assert slow.preprocessing == f"{own.preprocessing} fps 10.0"
    with pytest.raises(ValidationError, match="isn't resampled"):
        Clip(frames=8, fps=10.0, modality="flow")


def test_clips_of_flow_have_their_own_defaults_and_digests() -> None:
    """Modality, whose flow it is and what mirroring does decide the numbers; the usual normalisation needs no word."""
    flow = Clip(frames=8, modality="flow")
    assert identity(flow) == {"frames": 8, "modality": "flow"}
    assert len(flow.mean) == len(flow.std) == 2
    others = [
        Clip(frames=8), Clip(frames=8, modality="flow", flow_algorithm="farneback"),
        Clip(frames=8, modality="flow", flip_flow="keep"), Clip(frames=8, modality="flow", mean=(0.5, 0.5)),
    ]  # fmt: skip
    assert len({digest(clip) for clip in (flow, *others)}) == 5
    assert len({clip.preprocessing for clip in (flow, *others)}) == 5
    assert flow.preprocessing.startswith("flow tvl1 flip negate resize")
    assert Clip.model_validate_json(flow.model_dump_json()) == flow


def test_a_new_field_with_a_default_keeps_digests() -> None:
    """A model that gains a field with a default has its old digest until the field is used."""

    class Inner(Spec):
        type: Literal["a"] = "a"
        size: int

    class Outer(Spec):
        inner: Inner
        name: str = "x"

    before = digest(Outer(inner=Inner(size=3)))

    def later() -> type[Spec]:
        class Inner(Spec):
            type: Literal["a"] = "a"
            size: int
            depth: int = 18
            weights: tuple[float, ...] = Field(default_factory=tuple)

        class Outer(Spec):
            extra: Inner | None = None
            inner: Inner
            name: str = "x"

        assert digest(Outer(inner=Inner(size=3, depth=34))) != before
        return Outer

    assert digest(later().model_validate({"inner": {"size": 3}})) == before
    assert digest(Outer(inner=Inner(size=3), name="y")) != before


def test_a_schema_version_is_part_of_the_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Raising the version tells new results from old ones."""
    before = digest(TRAINING)
    monkeypatch.setattr(base, "SCHEMA_VERSION", base.SCHEMA_VERSION + 1)
    assert digest(TRAINING) != before


def test_training_and_evaluation_of_the_same_fields_differ() -> None:
    """The kind of unit is part of the digest, and defaults are not in the identity."""
    assert identity(TRAINING) == {
        "data": {"type": "synthetic_motion"}, "clip": {"frames": 8}, "network": {"name": "R3D"}, "recipe": {},
    }  # fmt: skip
    assert len({digest(unit) for unit in UNITS}) == len(UNITS)


def test_values_are_frozen_and_strict() -> None:
    """A value can't be changed, converted or infinite."""
    with pytest.raises(ValidationError, match="frozen"):
        TRAINING.seed = 1  # type: ignore[misc]
    for wrong in ({"frames": "8"}, {"frames": 8.0}, {"frames": True}, {"frames": 8, "std": (1.0, float("inf"), 1.0)}):
        with pytest.raises(ValidationError):
            Clip.model_validate(wrong)


def test_the_digest_depends_on_settings_alone(tmp_path: Any) -> None:
    """Order of keys, names of file, row and scale, paths, validation and written defaults don't matter."""
    folders = "{type: class_folders, name: own, root: %s}"
    text = MINIMAL.replace("{type: synthetic_motion}", folders % "here")
    (row,) = load(tmp_path, text).rows
    other = """\
title: other
scale: cpu
base:
  network: {width: 8, name: R2D, type: video_resnet}
  validation: {every_epochs: 2, videos: 3}
  recipe: {epochs: 45.0, epoch_clips: 1_000_000, batch: 2048}
  clip.crop: 32
  clip: {resize: [32, 32], frames: 8}
  data: {root: /elsewhere, name: own, type: class_folders}
  evaluate: {clip: {crop: 32}, protocol: clip}
rows:
  named: {network.name: R3D}
"""
    (tmp_path / "deeper").mkdir()
    (same,) = load(tmp_path / "deeper", other).rows
    assert same.replicas[0].digest == row.replicas[0].digest
    assert digest(same.replicas[0].training) == digest(row.replicas[0].training)  # type: ignore[arg-type]
    (third,) = load(tmp_path / "deeper", other, "recipe.flip=0.4").rows
    assert third.replicas[0].digest != row.replicas[0].digest


def test_spec_loads_no_torch_and_quickly() -> None:
    """Importing the vocabulary loads neither torch nor pandas nor numpy, and takes 0.35 s of the processor at most."""
    program = (
        "import sys, time; before = time.process_time(); import videobench.spec.expand as e;"
        "took = time.process_time() - before; e.load_experiment('closer_look/table2');"
        "print(took, *{'torch', 'pandas', 'numpy'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    seconds, *heavy = run.stdout.split()
    assert heavy == []
    assert float(seconds) < 0.35
