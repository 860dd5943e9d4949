"""The end of every evaluation: from the scores of all its views to the record that is written."""

import time
from collections.abc import Collection, Mapping
from typing import Any

import torch

from videobench.data.video_set import VideoSet
from videobench.evaluation.metrics import evaluate
from videobench.evaluation.score_store import ScoreStore
from videobench.evaluation.views import View
from videobench.records import write_class_names, write_record
from videobench.runner.events import Report
from videobench.runner.make_record import make_record
from videobench.runner.plan import EvaluationNode
from videobench.runner.workspace import Workspace
from videobench.spec.experiment import Scale
from videobench.video_outcome import VideoOutcome


def conclude(
    node: EvaluationNode,
    scale: Scale,
    videos: VideoSet,
    store: ScoreStore,
    wanted: Mapping[str, Collection[View]],
    workspace: Workspace,
    report: Report,
    *,
    card: Mapping[str, Any] | None,
    started: float,
    computed: int,
    device: torch.device,
    processes: int = 1,
) -> None:
    """Average the wanted views, compare with the labels, write the record, and report that the evaluation is finished.

    IncompleteError, and no record, where ``store`` lacks any. ``card`` is what stands beside the weights, if anything
    does; ``computed`` counts the views that were not stored when it ``started`` (by ``time.perf_counter``).
    """
    scores = store.logits(wanted)
    outcome = evaluate(
        scores,
        labels={video.id: video.labels for video in videos.videos},
        class_names=videos.classes,
        aggregation=node.evaluation.protocol.average,
        sources={video.id: video.source for video in videos.videos},
        class_groups=videos.class_groups,
        class_pairs=videos.class_pairs,
    )
    seconds = time.perf_counter() - started
    record = make_record(
        node, scale, videos, outcome, weights_sha256=store.key.weights_sha256, card=card, seconds=seconds,
        clips=computed, device=device, processes=processes,
    )  # fmt: skip
    write_class_names(workspace.records, videos.classes)
    write_record(workspace.records, record, [VideoOutcome.from_row(row) for row in outcome.to_rows()])
    report(
        node.event(
            "finished",
            seconds=seconds,
            computed=computed,
            stored=len(scores.logits) - computed,
            unreadable=len(store.unreadable),
            **{"video@1": 100 * record.metrics["video@1"].value},
        )
    )
