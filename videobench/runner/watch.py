"""Measuring a network while it is trained: the same views and the same metrics as an evaluation's."""

import torch

from videobench.data.video_set import VideoSet
from videobench.evaluation.metrics import evaluate, metrics
from videobench.evaluation.scores_in_memory import ScoresInMemory
from videobench.models.classifier import Classifier
from videobench.runner.inputs import Input
from videobench.runner.measure import predict_views
from videobench.runner.wanted import wanted_views
from videobench.spec.protocol import Protocol


def measure_clips(model: Classifier, data: Input, *, num_videos: int, device: torch.device) -> float:
    """Return clip@1 (0..1) by the ``clip`` protocol on ``num_videos`` videos spread evenly over the set."""
    step = max(1, len(data.videos.videos) // num_videos)
    chosen = VideoSet(data.videos.name, data.videos.classes, data.videos.videos[::step][:num_videos])
    scores = ScoresInMemory()
    predict_views(model, wanted_views(chosen, data.clip, Protocol()), data, scores, device, None)
    outcome = evaluate(
        scores.gathered(),
        labels={video.id: video.labels for video in chosen.videos},
        class_names=chosen.classes,
        aggregation="softmax_mean",
    )
    return metrics(outcome)["clip@1"].mean
