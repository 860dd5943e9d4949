"""The graph of an experiment: which trainings and evaluations it needs, and which are done."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from videobench.errors import ConfigError
from videobench.records import has_record
from videobench.runner.events import Event, EventKind
from videobench.runner.same_videos import refuse_other_videos
from videobench.runner.workspace import Workspace
from videobench.spec.base import digest
from videobench.spec.expand import Experiment, Replica, Row, row_matches
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
    def needs(self) -> str | None:
        return self.source

    def event(self, kind: EventKind, **values: Any) -> Event:
        return Event(kind, "training", self.digest, self.label, values)


@dataclass(frozen=True)
class EvaluationNode:
    """An evaluation, the row it fills and the training it waits for."""

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
    def needs(self) -> str | None:
        return self.training

    def event(self, kind: EventKind, **values: Any) -> Event:
        return Event(kind, "evaluation", self.digest, self.label, values)


Node = TrainingNode | EvaluationNode


@dataclass(frozen=True)
class Plan:
    """Trainings in an order that respects who starts from whom, then evaluations."""

    experiment: Experiment
    rows: tuple[Row, ...]
    """The chosen rows."""
    trainings: tuple[TrainingNode, ...]
    evaluations: tuple[EvaluationNode, ...]

    def missing_evaluations(self) -> list[EvaluationNode]:
        return [node for node in self.evaluations if node.state != "done"]

    @property
    def is_done(self) -> bool:
        return not self.missing_evaluations()

    def needed_trainings(self) -> list[TrainingNode]:
        """Return the unfinished trainings that some missing evaluation waits for, sources first."""
        wanted = {node.training for node in self.missing_evaluations()}
        needed: list[TrainingNode] = []
        for node in reversed(self.trainings):
            if node.digest in wanted and node.state != "done":
                needed.append(node)
                wanted.add(node.source)
        return needed[::-1]


def make_plan(experiment: Experiment, workspace: Workspace, *, only: Sequence[str] = (), failed: bool = False) -> Plan:
    """Lay out ``experiment``: each distinct training and evaluation once, with its state.

    ``only`` keeps rows whose name matches one of these patterns; ``failed`` keeps rows whose training failed last time.
    ConfigError where rows would measure different videos of one data set.
    """
    rows = select_rows(experiment, only)
    trainings: dict[str, tuple[Training, dict[str, None]]] = {}
    evaluations: dict[str, tuple[Evaluation, dict[str, None]]] = {}
    for row in rows:
        for replica in row.replicas:
            label = replica_label(row, replica)
            if failed and not _has_failed(replica, workspace):
                continue
            if replica.training:
                _add_training(replica.training, label, trainings)
            evaluations.setdefault(replica.digest, (replica.evaluation, {}))[1][label] = None
    measured = tuple(_evaluation_node(key, *value, workspace) for key, value in evaluations.items())
    refuse_other_videos(measured)
    trained = tuple(_training_node(key, *value, workspace) for key, value in trainings.items())
    return Plan(experiment, tuple(rows), trained, measured)


def select_rows(experiment: Experiment, only: Sequence[str]) -> list[Row]:
    """Return the rows whose name matches a pattern of ``only``, or all; a pattern without a match is an error."""
    if not only:
        return list(experiment.rows)
    names = [row.name for row in experiment.rows]
    for pattern in only:
        if not any(row_matches(name, pattern) for name in names):
            raise ConfigError(f"--only {pattern}: no row of {experiment.name} matches", hint=nearest(pattern, names))
    return [row for row in experiment.rows if any(row_matches(row.name, pattern) for pattern in only)]


def replica_label(row: Row, replica: Replica) -> str:
    """Return the row's name, with seed and split where a row has several."""
    if len(row.replicas) == 1:
        return row.name
    split = "" if replica.split is None else f" split {replica.split}"
    seeds = {other.seed for other in row.replicas}
    return f"{row.name}{split}" + (f" seed {replica.seed}" if len(seeds) > 1 else "")


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
    state: State = "done" if has_record(workspace.records, key) else "missing"
    return EvaluationNode(evaluation, key, tuple(rows), state, training)


def training_state(workspace: Workspace, key: str) -> State:
    folder = workspace.training(key)
    if folder.is_done():
        return "done"
    if folder.has_failed():
        return "failed"
    return "begun" if folder.is_begun() else "missing"


def _has_failed(replica: Replica, workspace: Workspace) -> bool:
    return replica.training is not None and workspace.training(digest(replica.training)).has_failed()
