"""The graph of an experiment: which trainings, evaluations and fusions it needs, and which are done."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from videobench.errors import ConfigError
from videobench.records import has_record
from videobench.runner.events import Event, EventKind
from videobench.runner.same_videos import refuse_other_videos
from videobench.runner.workspace import Workspace
from videobench.spec.base import digest
from videobench.spec.expand import Experiment, FusedReplica, Replica, Row, row_matches
from videobench.spec.fusion import Fusion
from videobench.spec.problems import nearest
from videobench.spec.units import Evaluation, Training

State = Literal["done", "begun", "failed", "missing"]


@dataclass(frozen=True)
class TrainingNode:
    """A training and the rows that use it."""

    training: Training
    digest: str
    rows: tuple[str, ...]
    state: State
    source: str | None
    """Digest of the training whose weights it starts from."""

    @property
    def label(self) -> str:
        return ", ".join(self.rows)

    @property
    def needs(self) -> tuple[str, ...]:
        return (self.source,) if self.source else ()

    def event(self, kind: EventKind, **values: Any) -> Event:
        return Event(kind, "training", self.digest, self.label, values)


@dataclass(frozen=True)
class EvaluationNode:
    """An evaluation, the rows that it fills or that fuse it, and the training it waits for."""

    evaluation: Evaluation
    digest: str
    rows: tuple[str, ...]
    state: State
    training: str | None
    """Digest of the training whose weights it measures; None for weights from a file."""

    @property
    def label(self) -> str:
        return ", ".join(self.rows)

    @property
    def needs(self) -> tuple[str, ...]:
        return (self.training,) if self.training else ()

    def event(self, kind: EventKind, **values: Any) -> Event:
        return Event(kind, "evaluation", self.digest, self.label, values)


@dataclass(frozen=True)
class FusionNode:
    """A fusion, the row it fills and what the rows it joins are called: stream -> ``experiment#row``."""

    fusion: Fusion
    digest: str
    rows: tuple[str, ...]
    state: State
    names: Mapping[str, str]

    @property
    def label(self) -> str:
        return ", ".join(self.rows)

    @property
    def needs(self) -> tuple[str, ...]:
        return tuple(self.fusion.streams.values())

    def event(self, kind: EventKind, **values: Any) -> Event:
        return Event(kind, "fusion", self.digest, self.label, values)


Node = TrainingNode | EvaluationNode | FusionNode


@dataclass(frozen=True)
class Plan:
    """Trainings in an order that respects who starts from whom, then evaluations, then what is fused from them."""

    experiment: Experiment
    rows: tuple[Row, ...]
    """The chosen rows."""
    trainings: tuple[TrainingNode, ...]
    evaluations: tuple[EvaluationNode, ...]
    fusions: tuple[FusionNode, ...] = ()

    @property
    def is_done(self) -> bool:
        return not self.to_do()

    def missing_fusions(self) -> list[FusionNode]:
        return [node for node in self.fusions if node.state != "done"]

    def missing_evaluations(self) -> list[EvaluationNode]:
        """Return those that a chosen row or a missing fusion waits for."""
        wanted = {replica.digest for row in self.rows for replica in row.replicas}
        wanted.update(digest for node in self.missing_fusions() for digest in node.needs)
        return [node for node in self.evaluations if node.state != "done" and node.digest in wanted]

    def needed_trainings(self) -> list[TrainingNode]:
        """Return the unfinished trainings that some missing evaluation waits for, sources first."""
        wanted = {node.training for node in self.missing_evaluations()}
        needed: list[TrainingNode] = []
        for node in reversed(self.trainings):
            if node.digest in wanted and node.state != "done":
                needed.append(node)
                wanted.add(node.source)
        return needed[::-1]

    def to_do(self) -> list[Node]:
        """Return all that is missing, in an order that respects who needs whom."""
        return [*self.needed_trainings(), *self.missing_evaluations(), *self.missing_fusions()]


def make_plan(experiment: Experiment, workspace: Workspace, *, only: Sequence[str] = (), failed: bool = False) -> Plan:
    """Lay out ``experiment``: each distinct training, evaluation and fusion once, with its state.

    ``only`` keeps rows whose name matches one of these patterns, and what they fuse; ``failed`` keeps rows of which a
    training failed last time. ConfigError where rows would measure different videos of one data set.
    """
    rows = select_rows(experiment, only)
    trainings: dict[str, tuple[Training, dict[str, None]]] = {}
    evaluations: dict[str, tuple[Evaluation, dict[str, None]]] = {}
    fusions: dict[str, tuple[FusedReplica, dict[str, None]]] = {}
    for row in sorted(rows, key=lambda row: row.is_fused):  # so that what is fused goes by the name of its own row
        for replica in row.replicas:
            label = replica_label(row, replica)
            if failed and not _has_failed(replica, workspace):
                continue
            parts = {label: replica} if isinstance(replica, Replica) else _unnamed_streams(replica, label, evaluations)
            for name, part in parts.items():
                if part.training:
                    _add_training(part.training, name, trainings)
                evaluations.setdefault(part.digest, (part.evaluation, {}))[1][name] = None
            if isinstance(replica, FusedReplica):
                fusions.setdefault(replica.digest, (replica, {}))[1][label] = None
    measured = tuple(_evaluation_node(key, *value, workspace) for key, value in evaluations.items())
    refuse_other_videos(measured)
    return Plan(
        experiment,
        tuple(rows),
        trainings=tuple(_training_node(key, *value, workspace) for key, value in trainings.items()),
        evaluations=measured,
        fusions=tuple(_fusion_node(key, *value, workspace) for key, value in fusions.items()),
    )


def select_rows(experiment: Experiment, only: Sequence[str]) -> list[Row]:
    """Return the rows whose name matches a pattern of ``only``, or all; a pattern without a match is an error."""
    if not only:
        return list(experiment.rows)
    names = [row.name for row in experiment.rows]
    for pattern in only:
        if not any(row_matches(name, pattern) for name in names):
            raise ConfigError(f"--only {pattern}: no row of {experiment.name} matches", hint=nearest(pattern, names))
    return [row for row in experiment.rows if any(row_matches(row.name, pattern) for pattern in only)]


def replica_label(row: Row, replica: Replica | FusedReplica) -> str:
    """Return the row's name, with seed and split where a row has several."""
    if len(row.replicas) == 1:
        return row.name
    split = "" if replica.split is None else f" split {replica.split}"
    seeds = {other.seed for other in row.replicas}
    return f"{row.name}{split}" + (f" seed {replica.seed}" if len(seeds) > 1 else "")


def _unnamed_streams(replica: FusedReplica, label: str, named: Container[str]) -> dict[str, Replica]:
    """Return the streams that are no row of the plan, each with a name of its own."""
    return {f"{label} ({stream})": part for stream, part in replica.streams.items() if part.digest not in named}


def _add_training(training: Training, label: str, trainings: dict[str, tuple[Training, dict[str, None]]]) -> None:
    if isinstance(training.init, Training):
        _add_training(training.init, label, trainings)
    trainings.setdefault(digest(training), (training, {}))[1][label] = None


def _training_node(key: str, training: Training, rows: dict[str, None], workspace: Workspace) -> TrainingNode:
    source = digest(training.init) if isinstance(training.init, Training) else None
    return TrainingNode(training, key, tuple(rows), training_state(workspace, key), source)


def _evaluation_node(key: str, evaluation: Evaluation, rows: dict[str, None], workspace: Workspace) -> EvaluationNode:
    weights = evaluation.weights
    training = digest(weights) if isinstance(weights, Training) else None
    return EvaluationNode(evaluation, key, tuple(rows), _record_state(workspace, key), training)


def _fusion_node(key: str, replica: FusedReplica, rows: dict[str, None], workspace: Workspace) -> FusionNode:
    return FusionNode(replica.fusion, key, tuple(rows), _record_state(workspace, key), replica.names)


def _record_state(workspace: Workspace, key: str) -> State:
    return "done" if has_record(workspace.records, key) else "missing"


def training_state(workspace: Workspace, key: str) -> State:
    folder = workspace.training(key)
    if folder.is_done():
        return "done"
    if folder.has_failed():
        return "failed"
    return "begun" if folder.is_begun() else "missing"


def _has_failed(replica: Replica | FusedReplica, workspace: Workspace) -> bool:
    trainings = [part.training for part in replica.measured if part.training]
    return any(workspace.training(digest(training)).has_failed() for training in trainings)
