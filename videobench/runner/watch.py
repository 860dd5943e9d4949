"""Measuring a network while it is trained: by the same views and the same code as an evaluation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from videobench.data.video_set import VideoSet
from videobench.evaluation.metrics import evaluate, metrics
from videobench.evaluation.scores_in_memory import ScoresInMemory
from videobench.models.classifier import Classifier
from videobench.runner.inputs import Input, open_input
from videobench.runner.measure import predict_views
from videobench.runner.wanted import wanted_views
from videobench.runner.workspace import Workspace
from videobench.spec.units import SelectBest, Training, Validation


@dataclass(frozen=True)
class Watch:
    """What is measured after every so many steps and after the last: a protocol on some videos."""

    purpose: SelectBest | Validation
    every_steps: int
    num_steps: int
    data: Input
    videos: VideoSet

    def is_due(self, step: int) -> bool:
        """Whether it is measured when that many steps are done."""
        return step % self.every_steps == 0 or step == self.num_steps

    def measure(self, model: Classifier, device: torch.device) -> dict[str, float]:
        """Return clip@1 and video@1 (0..1) of the network as it is."""
        protocol = self.purpose.protocol
        wanted = wanted_views(self.videos, self.data.clip, protocol)
        scores = ScoresInMemory()
        predict_views(model, wanted, self.data, scores, device, None)
        outcome = evaluate(
            scores.logits(wanted),
            labels={video.id: video.labels for video in self.videos.videos},
            class_names=self.videos.classes,
            aggregation=protocol.average,
        )
        return {name: metrics(outcome)[name].mean for name in ("clip@1", "video@1")}

    def described(self, accuracies: Mapping[str, float]) -> dict[str, float]:
        """Return what there is to show, in percent, by names such as ``test[10 views] video@1``."""
        views = self.purpose.protocol.num_views
        counted = {None: "all views", 1: "1 view"}.get(views, f"{views} views")
        shown = {name: 100 * value for name, value in accuracies.items() if name == "clip@1" or views != 1}
        return {f"{self.purpose.subset}[{counted}] {name}": value for name, value in shown.items()}


def open_watches(training: Training, workspace: Workspace) -> list[Watch]:
    """Open what a training is to be watched on; ``validation`` takes its videos spread evenly over the subset."""
    return [_open(purpose, training, workspace) for purpose in training.watches]


def _open(purpose: SelectBest | Validation, training: Training, workspace: Workspace) -> Watch:
    recipe = training.recipe
    data = open_input(training.data, purpose.subset, training.clip, workspace)
    videos = data.videos
    if isinstance(purpose, Validation):
        step = max(1, len(videos.videos) // purpose.videos)
        videos = VideoSet(videos.name, videos.classes, videos.videos[::step][: purpose.videos])
    return Watch(purpose, max(1, recipe.steps(purpose.every_epochs)), recipe.num_steps, data, videos)


def due(watches: Sequence[Watch], step: int) -> list[Watch]:
    """Return what is to be measured when that many steps are done.

    What chooses the weights stands for a validation of the same views: that one sees no further videos.
    """
    found: list[Watch] = []
    for watch in watches:
        views = watch.purpose.subset, watch.purpose.protocol
        if watch.is_due(step) and views not in [(other.purpose.subset, other.purpose.protocol) for other in found]:
            found.append(watch)
    return found
