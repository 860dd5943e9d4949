"""Running one Evaluation: views, stored scores, metrics, record."""

import functools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from videobench.data.failures import Failure, ledger_path, remember_failures, without
from videobench.data.video_set import VideoSet, fingerprint
from videobench.errors import IncompleteError, Interrupted
from videobench.evaluation.score_store import ScoreStore, open_store
from videobench.evaluation.sharing import share_out
from videobench.evaluation.views import View
from videobench.models.classifier import Classifier
from videobench.runner.conclude import conclude
from videobench.runner.environment import Machine
from videobench.runner.events import Report
from videobench.runner.inputs import Input, forget_inputs, open_input
from videobench.runner.measure import predict_views
from videobench.runner.networks import build_network
from videobench.runner.notes import refuse_seen_videos
from videobench.runner.plan import EvaluationNode
from videobench.runner.prepare import ready
from videobench.runner.stored import network_in_key, remember_videos, score_key, weights_origin
from videobench.runner.wanted import num_distinct, wanted_views
from videobench.runner.weights import StoredWeights, load_to_measure, read_weights
from videobench.runner.workspace import Workspace, explaining_full_disk
from videobench.spec.experiment import Scale
from videobench.spec.units import Evaluation, Training
from videobench.training.distributed import ALONE, Ranks


def run_evaluation(
    node: EvaluationNode,
    scale: Scale,
    workspace: Workspace,
    machine: Machine,
    report: Report,
    should_stop: Callable[[], bool],
    ranks: Ranks = ALONE,
) -> None:
    """Measure ``node``: compute the views whose scores are not stored yet, each rank its videos, and write its record.

    Raises IncompleteError, and writes no record, unless every video has exactly its views; Interrupted when
    ``should_stop`` says so, with the scores so far stored. A video that can't be read is left out with all its views
    where the data set says so.
    """
    device = machine.torch_device()
    run = _Run(node, workspace, device, report, should_stop, ranks, time.perf_counter())
    opened = run.open()
    num_missing = num_distinct(opened.missing)
    report(
        node.event(
            "started",
            num_views=num_missing,
            stored=num_distinct(opened.wanted) - num_missing,
            unreadable=len(opened.store.unreadable),
            processes=ranks.size,
        )
    )
    computed, unreadable = run.compute(opened)
    while unreadable:
        opened = run.open_without(unreadable, opened)
        more, unreadable = run.compute(opened)
        computed += more
    ranks.first(lambda: run.conclude(opened, scale, computed))


@dataclass(frozen=True)
class _Opened:
    """What an evaluation works with, and the views that lacked scores when it was opened."""

    data: Input
    model: Classifier
    card: Mapping[str, Any] | None
    store: ScoreStore
    wanted: Mapping[str, Sequence[View]]
    missing: Mapping[str, Sequence[View]]


@dataclass(frozen=True)
class _Run:
    """One evaluation on the way; its steps are taken by all ranks together."""

    node: EvaluationNode
    workspace: Workspace
    device: torch.device
    report: Report
    should_stop: Callable[[], bool]
    ranks: Ranks
    started: float

    def open(self) -> _Opened:
        with self.ranks.in_step(), explaining_full_disk():
            evaluation = self.node.evaluation
            data = open_input(evaluation.data, evaluation.subset, evaluation.clip, self.workspace)
            remember_videos(data.videos, evaluation.data, evaluation.subset, self.workspace)
            weights = read_weights(evaluation.weights, self.workspace)
            refuse_seen_videos(evaluation, weights.card)
            model = _network(evaluation, weights, data.videos).to(self.device)
            store = _open_store(self.node, weights.sha256, weights.card, data.videos, self.workspace)
            wanted = wanted_views(data.videos, evaluation.clip, evaluation.protocol)
            return _Opened(data, model, weights.card, store, wanted, store.missing(wanted))

    def compute(self, opened: _Opened) -> tuple[int, dict[str, str]]:
        """Store the scores of the missing views; return how many there were, and which videos can't be read and why."""
        # One list counts: a rank that was slower to look may miss less, as other runs write to the store too.
        num_views = {video: len(views) for video, views in opened.missing.items()}
        shares = self.ranks.first(lambda: share_out(num_views, self.ranks.size))
        mine = {video: opened.missing[video] for video in shares[self.ranks.rank] if video in opened.missing}
        unreadable: dict[str, str] | None = {} if self.node.evaluation.data.on_error == "skip" else None
        with self.ranks.in_step(), explaining_full_disk():
            computed = predict_views(
                opened.model, mine, opened.data, opened.store, self.device,
                functools.partial(self._progress, num_distinct(mine)), unreadable=unreadable,
            )  # fmt: skip
        parts = self.ranks.gather((computed, unreadable or {}))
        return sum(part[0] for part in parts), {video: why for part in parts for video, why in part[1].items()}

    def open_without(self, unreadable: Mapping[str, str], opened: _Opened) -> _Opened:
        """Open the set without these videos, the scores of the others at hand."""
        self.ranks.first(lambda: self._leave_out(unreadable, opened))
        forget_inputs()
        return self.open()

    def _leave_out(self, unreadable: Mapping[str, str], opened: _Opened) -> None:
        """Remember what can't be read, and store the other scores as those of the smaller set too."""
        evaluation, videos = self.node.evaluation, opened.data.videos
        failures = [Failure(opened.data.by_id[video], why) for video, why in unreadable.items()]
        rest = without(videos, failures)
        wanted = {video.id: opened.wanted[video.id] for video in rest.videos}
        views = [(video, view) for video in wanted for view in sorted(set(wanted[video]))]
        store = _open_store(self.node, opened.store.key.weights_sha256, opened.card, rest, self.workspace)
        store.write(views, opened.store.logits(wanted).logits)
        remember_failures(failures, ledger_path(self.workspace.index, videos.name))
        self.report(ready(evaluation.data, evaluation.subset, rest, self.workspace))

    def conclude(self, opened: _Opened, scale: Scale, computed: int) -> None:
        """Write the record, if every video has its views."""
        try:
            conclude(
                self.node, scale, opened.data.videos, opened.store, opened.wanted, self.workspace, self.report,
                card=opened.card, started=self.started, computed=computed, device=self.device,
                processes=self.ranks.size,
            )  # fmt: skip
        except IncompleteError as error:
            if self.ranks.size == 1:
                raise
            hint = f"all {self.ranks.size} processes need one --home, on a disk that they share, and the same videos"
            raise IncompleteError(error.what, where=error.where, hint=hint) from error

    def _progress(self, num_views: int, done: int) -> None:
        seconds = time.perf_counter() - self.started
        self.report(
            self.node.event("progress", views=done, num_views=num_views, seconds=seconds, processes=self.ranks.size)
        )
        if done < num_views and (self.should_stop() or self.ranks.is_in_vain()):
            raise Interrupted(
                f"stopped after {done} of {num_views} views; their scores are saved",
                hint="Run the same command again to go on from there.",
            )


def _network(evaluation: Evaluation, weights: StoredWeights, videos: VideoSet) -> Classifier:
    trained = evaluation.weights
    built_for = trained.clip if isinstance(trained, Training) else evaluation.clip
    model = build_network(evaluation.network, evaluation.head, clip=built_for, num_classes=len(videos.classes))
    load_to_measure(model, weights, videos.classes, data=videos.name)
    return model


def _open_store(
    node: EvaluationNode, weights_sha256: str, card: Mapping[str, Any] | None, videos: VideoSet, workspace: Workspace
) -> ScoreStore:
    evaluation = node.evaluation
    network = "" if node.training else network_in_key(card, evaluation.network, evaluation.head)
    key = score_key(weights_sha256, fingerprint(videos), evaluation.clip, network)
    return open_store(workspace.scores, key, videos.classes, weights_origin(evaluation.weights, card))
