"""A plan's cost and what is missing for it, found out before anything runs."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pydantic import ValidationError

from videobench.errors import ConfigError, VideobenchError
from videobench.published.released import released_weights
from videobench.records import NetworkSize, all_records
from videobench.runner.build import dataset_root
from videobench.runner.flow import find_input
from videobench.runner.networks import network_size
from videobench.runner.plan import EvaluationNode, Plan, State, TrainingNode
from videobench.runner.same_videos import measured_on_other_videos
from videobench.runner.weights import missing_file
from videobench.runner.workspace import Workspace
from videobench.spec.dataset import Dataset, SyntheticMotion
from videobench.spec.expand import FusedReplica
from videobench.spec.recipe import Recipe
from videobench.spec.units import Evaluation, Training, WeightsFile

SYNTHETIC_CLASSES = 13
USUAL_CLASSES = 400


@dataclass(frozen=True)
class TrainingCost:
    """One training: its size, its budget, and its time where runs like it have been measured."""

    digest: str
    rows: tuple[str, ...]
    state: State
    parameters: int
    macs: int
    """Multiply-accumulates of one clip, forward."""
    clips: int
    seconds: float | None
    """From finished runs of the same network on clips of the same size; None when there are none."""


@dataclass(frozen=True)
class EvaluationCost:
    """One evaluation and how many views of a video it looks at; None where that depends on the video's length."""

    digest: str
    rows: tuple[str, ...]
    state: State
    views: int | None
    training: str | None


@dataclass(frozen=True)
class FusionCost:
    """One fusion and the evaluations that it joins: stream -> digest."""

    digest: str
    rows: tuple[str, ...]
    state: State
    streams: dict[str, str]


@dataclass(frozen=True)
class RowCost:
    """A row over all its seeds and splits; one that fuses others has the size and the trainings of all of them."""

    name: str
    same_training_as: str | None
    """An earlier row whose trainings this one measures in another way."""
    trainings: int
    trained: int
    begun: int
    failed: int
    parameters: int | None
    macs: int | None
    clips: int
    """Of all its trainings."""
    seconds: float | None
    """Of all its trainings; None when one is unmeasured or there are none."""
    evaluations: int
    evaluated: int
    views: int | None
    """Of a video; None where that depends on its length."""
    fuses: Mapping[str, str]
    """Stream -> the row that it joins, as ``experiment#row``."""


@dataclass(frozen=True)
class Survey:
    """What ``videobench plan`` shows."""

    rows: tuple[RowCost, ...]
    trainings: tuple[TrainingCost, ...]
    evaluations: tuple[EvaluationCost, ...]
    fusions: tuple[FusionCost, ...]
    missing: tuple[str, ...]
    """Data and weights that are not here, each with the way to get it."""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def seconds_left(self) -> float | None:
        """Time for the unfinished trainings, one after the other; None while one of them is unmeasured."""
        left = [item.seconds for item in self.trainings if item.state != "done"]
        known = [seconds for seconds in left if seconds is not None]
        return sum(known) if len(known) == len(left) else None


def survey(plan: Plan, workspace: Workspace) -> Survey:
    """Count parameters and multiply-accumulates, look up measured times, and look for data and weights."""
    rates = _measured_seconds_per_clip(workspace)
    sizes: dict[tuple[Any, ...], NetworkSize] = {}
    trainings = tuple(_training_cost(node, rates, sizes) for node in plan.trainings)
    evaluations = tuple(_evaluation_cost(node) for node in plan.evaluations)
    fusions = tuple(FusionCost(node.digest, node.rows, node.state, node.fusion.streams) for node in plan.fusions)
    return Survey(
        rows=_row_costs(plan, trainings, evaluations),
        trainings=trainings,
        evaluations=evaluations,
        fusions=fusions,
        missing=tuple(_missing(plan, workspace)),
    )


def _training_cost(
    node: TrainingNode, rates: Mapping[tuple[Any, ...], float], sizes: dict[tuple[Any, ...], NetworkSize]
) -> TrainingCost:
    training = node.training
    classes = _num_classes(training.data)
    key = (training.network, training.head, training.clip.frames, training.clip.crop, training.clip.channels, classes)
    if key not in sizes:
        try:
            sizes[key] = network_size(
                training.network, training.head, num_classes=classes, built_for=training.clip, clip=training.clip
            )
        except ConfigError as error:
            raise ConfigError(error.what, where=node.label, hint=error.hint) from error
    clips = training.recipe.num_steps * training.recipe.batch
    rate = rates.get(_like(training.model_dump(mode="json")))
    return TrainingCost(
        digest=node.digest,
        rows=node.rows,
        state=node.state,
        parameters=sizes[key].parameters,
        macs=sizes[key].macs,
        clips=clips,
        seconds=None if rate is None else rate * clips,
    )


def _row_costs(
    plan: Plan, trainings: Sequence[TrainingCost], evaluations: Sequence[EvaluationCost]
) -> tuple[RowCost, ...]:
    training_of = {item.digest: item for item in trainings}
    evaluation_of = {item.digest: item for item in evaluations}
    results = {node.digest: node.state for node in plan.evaluations}
    results |= {node.digest: node.state for node in plan.fusions}
    first_with: dict[tuple[str, ...], str] = {}
    rows = []
    for row in plan.rows:
        chosen = [replica for replica in row.replicas if replica.digest in results]
        if not chosen:
            continue
        measured = [[evaluation_of[part.digest] for part in replica.measured] for replica in chosen]
        keys = tuple(dict.fromkeys(item.training for parts in measured for item in parts if item.training))
        trained = [training_of[key] for key in keys]
        first = first_with.setdefault(keys, row.name) if keys else row.name
        states = [item.state for item in trained]
        seconds = [item.seconds for item in trained if item.seconds is not None]
        sizes = [training_of[item.training] for item in measured[0] if item.training]
        views = [item.views for item in measured[0] if item.views is not None]
        is_known = len(sizes) == len(measured[0])
        rows.append(
            RowCost(
                name=row.name,
                same_training_as=None if first == row.name else first,
                trainings=len(trained),
                trained=states.count("done"),
                begun=states.count("begun"),
                failed=states.count("failed"),
                parameters=sum(size.parameters for size in sizes) if is_known else None,
                macs=sum(size.macs for size in sizes) if is_known else None,
                clips=sum(item.clips for item in trained),
                seconds=sum(seconds) if trained and len(seconds) == len(trained) else None,
                evaluations=len(chosen),
                evaluated=sum(results[replica.digest] == "done" for replica in chosen),
                views=sum(views) if len(views) == len(measured[0]) else None,
                fuses=chosen[0].names if isinstance(chosen[0], FusedReplica) else {},
            )
        )
    return tuple(rows)


def _evaluation_cost(node: EvaluationNode) -> EvaluationCost:
    return EvaluationCost(node.digest, node.rows, node.state, node.evaluation.protocol.num_views, node.training)


def _measured_seconds_per_clip(workspace: Workspace) -> dict[tuple[Any, ...], float]:
    """Return the mean training time of a clip for every kind of training that has a record."""
    found: dict[tuple[Any, ...], list[float]] = {}
    for record in all_records(workspace.records):
        seconds = record.cost.training_seconds
        if record.training is None or seconds is None:
            continue
        try:
            recipe = Recipe.model_validate_json(json.dumps(record.training["recipe"]))
        except (KeyError, ValidationError):
            continue  # a record of another version; its time says nothing about trainings of this one
        found.setdefault(_like(record.training), []).append(seconds / (recipe.num_steps * recipe.batch))
    return {key: sum(values) / len(values) for key, values in found.items()}


def _like(training: Mapping[str, Any]) -> tuple[Any, ...]:
    """What decides the time of a clip."""
    clip, head = training["clip"], training.get("head", {})  # none in records older than heads
    network = {name: value for name, value in training["network"].items() if value is not None and name != "dropout"}
    parts = tuple(sorted(network.items())), head.get("type", "average"), head.get("layers")
    return *parts, clip["frames"], clip["stride"], tuple(clip["resize"]), clip["crop"]


def _num_classes(data: Dataset) -> int:
    """Return the classes a data set declares; the count changes the size of the classifier only."""
    if isinstance(data, SyntheticMotion):
        return SYNTHETIC_CLASSES
    return getattr(data, "classes", None) or USUAL_CLASSES


def _missing(plan: Plan, workspace: Workspace) -> list[str]:
    found: dict[str, None] = {}
    files: dict[WeightsFile, None] = {}
    units: list[Training | Evaluation] = [node.training for node in plan.needed_trainings()]
    units += [node.evaluation for node in plan.missing_evaluations()]
    for unit in units:
        try:
            dataset_root(unit.data, workspace)
            if unit.clip.modality == "flow":
                find_input(unit.data, unit.subset, unit.clip, workspace)
        except VideobenchError as error:
            found[f"data: {error}"] = None
        start = unit.init if isinstance(unit, Training) else unit.weights
        if isinstance(start, WeightsFile) and missing_file(start, workspace):
            files[start] = None
    found |= {f"weights: {text}": None for text in _missing_weights(files, workspace)}
    found |= {f"data: {text}": None for text in measured_on_other_videos(plan.evaluations, workspace)}
    return list(found)


def _missing_weights(files: Iterable[WeightsFile], workspace: Workspace) -> Iterator[str]:
    """Say where to get files; those on one page in one line."""
    pages: dict[str, list[str]] = {}
    for source in files:
        released = released_weights(source.released) if source.released else None
        if released is None:
            yield str(source.file)
        elif released.url:
            yield f"{released.file}: videobench weights get {released.name}"
        else:
            pages.setdefault(released.page, []).append(released.file)
    for page, names in pages.items():
        yield f"download with a browser from {page} and put into {workspace.weights}: {', '.join(names)}"
