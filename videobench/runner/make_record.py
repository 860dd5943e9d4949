"""From an evaluation's outcome to the record that is kept of it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import torch

from videobench.data.video_set import VideoSet, fingerprint, originals
from videobench.evaluation import statistics
from videobench.evaluation.metrics import Outcome, PerVideo, metrics
from videobench.records import Cost, EvaluatedData, Metric, Record, SkippedVideo, class_names_sha256
from videobench.runner.environment import device_name, environment
from videobench.runner.networks import network_size
from videobench.runner.notes import notes_of, notes_on_copies
from videobench.runner.plan import EvaluationNode
from videobench.spec.experiment import Scale
from videobench.spec.units import Evaluation, Training


def make_record(
    node: EvaluationNode,
    scale: Scale,
    videos: VideoSet,
    outcome: Outcome,
    *,
    weights_sha256: str,
    card: Mapping[str, Any] | None,
    seconds: float,
    clips: int,
    device: torch.device,
    processes: int,
) -> Record:
    """Return the record of ``node``: its numbers with intervals, what they were measured on, and what they cost.

    ``card`` is what stands beside the weights; of a file's it says nothing about their cost here.
    ``seconds`` and ``clips`` count what this evaluation computed; views that were stored already cost nothing.
    """
    evaluation = node.evaluation
    training = evaluation.weights if isinstance(evaluation.weights, Training) else None
    overall, groups = measured(outcome)
    built_for = training.clip if training else evaluation.clip
    cost_of_training = card if training and card else {}
    return Record(
        digest=node.digest,
        training_digest=node.training,
        scale=scale,
        seed=training.seed if training else None,
        training=_plain(training) if training else None,
        evaluation=_plain(evaluation),
        data=EvaluatedData(
            name=videos.name,
            fingerprint=fingerprint(videos),
            num_expected=len(videos.videos) + len(videos.skipped),
            num_evaluated=len(outcome.videos),
            skipped=tuple(SkippedVideo(video=skipped.video, reason=skipped.reason) for skipped in videos.skipped),
            classes_sha256=class_names_sha256(videos.classes),
            original_fingerprint=None if videos.modality == "rgb" else fingerprint(originals(videos)),
        ),
        metrics=overall,
        groups=groups,
        network=network_size(
            evaluation.network,
            evaluation.head,
            num_classes=len(videos.classes),
            built_for=built_for,
            clip=evaluation.clip,
        ),
        cost=Cost(
            training_seconds=cost_of_training.get("training_seconds"),
            total_training_seconds=cost_of_training.get("total_training_seconds"),
            evaluation_seconds=seconds,
            clips=clips,
            device=device_name(device),
            threads=torch.get_num_threads(),
            processes=processes,
        ),
        weights_sha256=weights_sha256,
        environment=environment(),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        notes=(*notes_of(evaluation, card, videos.classes), *notes_on_copies(videos.copies, card)),
    )


def measured(outcome: Outcome) -> tuple[dict[str, Metric], dict[str, dict[str, Metric]]]:
    """Return every metric with its interval, on all videos and by class group."""
    overall: dict[str, Metric] = {}
    groups: dict[str, dict[str, Metric]] = {}
    for name, per_video in metrics(outcome).items():
        metric, _, group = name.partition("/")
        target = groups.setdefault(group, {}) if group else overall
        target[metric] = _metric(per_video)
    return overall, groups


def _metric(values: PerVideo) -> Metric:
    clustered = len(set(values.sources)) < len(values.videos)
    found = statistics.mean(values.values, clusters=values.sources if clustered else None, strata=values.strata)
    interval = found.interval
    return Metric(
        value=found.value,
        low=interval.low,
        high=interval.high,
        covers=interval.covers,
        method=interval.method,
        n=found.num_videos,
    )


def _plain(spec: Training | Evaluation) -> dict[str, Any]:
    """Return the resolved fields as JSON has them; of an evaluation, its training stands in the record already."""
    exclude = {"weights"} if isinstance(spec, Evaluation) and isinstance(spec.weights, Training) else None
    plain: dict[str, Any] = spec.model_dump(mode="json", exclude=exclude)
    return plain
