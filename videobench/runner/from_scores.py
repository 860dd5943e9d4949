"""Evaluating from stored scores alone: what is needed of videos and weights stands beside the scores."""

import itertools
import time
from collections.abc import Mapping
from typing import Any

import torch

from videobench.data.video_set import VideoSet, fingerprint
from videobench.errors import DataError, IncompleteError, VideobenchError
from videobench.evaluation.score_store import ScoreStore, require_complete, stores_under
from videobench.models.weights.native import read_card
from videobench.runner.conclude import conclude
from videobench.runner.events import Report
from videobench.runner.fuse_unit import run_fusion
from videobench.runner.notes import refuse_seen_videos
from videobench.runner.plan import EvaluationNode, FusionNode, Plan, TrainingNode
from videobench.runner.schedule import Outcome, Schedule
from videobench.runner.stored import networks_in_keys, no_videos, recall_latest, score_key
from videobench.runner.wanted import num_distinct, wanted_views
from videobench.runner.workspace import Workspace
from videobench.spec.experiment import Scale
from videobench.spec.units import WeightsFile


def execute_from_scores(plan: Plan, workspace: Workspace, *, keep_going: bool, report: Report) -> Outcome:
    """Write the records of a plan's missing evaluations and fusions from what is stored here.

    No video is opened and no network run, so neither has to be on this machine. Without ``keep_going`` the first
    failure is the last unit.
    """
    workspace.check_writable()
    schedule = Schedule([*plan.missing_evaluations(), *plan.missing_fusions()], keep_going=keep_going)
    while node := schedule.next():
        assert not isinstance(node, TrainingNode)  # it was given none
        try:
            if isinstance(node, FusionNode):
                run_fusion(node, workspace, report)
            else:
                evaluate_from_scores(node, plan.experiment.scale, workspace, report)
        except VideobenchError as error:
            schedule.fail(node, error)
            report(node.event("failed", message=str(error)))
        else:
            schedule.finish(node)
    return schedule.close()


def evaluate_from_scores(node: EvaluationNode, scale: Scale, workspace: Workspace, report: Report) -> None:
    """Write the record of ``node``; IncompleteError, and no record, where scores of its views are missing.

    DataError where the list of its videos is missing, or where it can't be told which scores are of its weights.
    """
    started = time.perf_counter()
    card = _card(node, workspace)
    videos, store = _find_scores(node, card, workspace)
    if store.origin and store.origin.card:
        card = store.origin.card
    refuse_seen_videos(node.evaluation, card)
    wanted = wanted_views(videos, node.evaluation.clip, node.evaluation.protocol)
    require_complete(store, wanted)
    report(node.event("started", num_views=0, stored=num_distinct(wanted), unreadable=len(store.unreadable)))
    conclude(
        node, scale, videos, store, wanted, workspace, report, card=card, started=started, computed=0,
        device=torch.device("cpu"),
    )  # fmt: skip


def _card(node: EvaluationNode, workspace: Workspace) -> Mapping[str, Any] | None:
    """Return what stands beside the training's weights, if they are here."""
    path = workspace.training(node.training).card if node.training else None
    return read_card(path) if path and path.is_file() else None


def _find_scores(
    node: EvaluationNode, card: Mapping[str, Any] | None, workspace: Workspace
) -> tuple[VideoSet, ScoreStore]:
    """Return the scores of the node's weights and the videos they are of: of several versions, the one met last."""
    evaluation = node.evaluation
    subset = f"{evaluation.data.name}, {evaluation.subset}"
    versions = list(recall_latest(evaluation.data, evaluation.subset, workspace))
    if not versions:
        raise no_videos(f"the list of the videos of {subset},", workspace)
    stores = _stores_of_weights(node, card, workspace)
    networks = [""] if node.training else networks_in_keys(evaluation.network, evaluation.head)
    for videos, network in itertools.product(versions, networks):
        data_fingerprint = fingerprint(videos)
        found = [
            store
            for store in stores
            if store.key == score_key(store.key.weights_sha256, data_fingerprint, evaluation.clip, network)
        ]
        if len(found) > 1:
            raise DataError(
                f"there are scores of {len(found)} trainings with the digest {node.training}, and their weights differ",
                where=", ".join(str(store.folder) for store in found),
                hint=f"bring along runs/trainings/{node.training}/weights.json of the one that is meant",
            )
        if found:
            return videos, found[0]
    wanted = wanted_views(versions[0], evaluation.clip, evaluation.protocol)
    raise IncompleteError(
        f"none of the {num_distinct(wanted):,} views of {subset}, is stored for these weights and this preprocessing",
        where=str(workspace.scores),
        hint="`videobench scores ls` lists what is here; `videobench eval`, where videos and weights are, computes it",
    )


def _stores_of_weights(node: EvaluationNode, card: Mapping[str, Any] | None, workspace: Workspace) -> list[ScoreStore]:
    """Return the stores of the node's weights: by their sha256 where it is known, or by the training they name."""
    weights = node.evaluation.weights
    sha256 = weights.sha256 if isinstance(weights, WeightsFile) else card and card["sha256"]
    stores = stores_under(workspace.scores)
    if sha256:
        return [store for store in stores if store.key.weights_sha256 == sha256]
    return [store for store in stores if store.origin and store.origin.training == node.training]
