"""Measuring a network while it is trained: by the same views and the same code as an evaluation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from videobench.data.failures import Failure, unusable
from videobench.data.video_set import VideoSet
from videobench.evaluation.loss import cross_entropy
from videobench.evaluation.metrics import evaluate, metrics
from videobench.evaluation.scores_in_memory import ScoresInMemory
from videobench.models.classifier import Classifier
from videobench.runner.inputs import Input, open_input
from videobench.runner.measure import predict_views
from videobench.runner.wanted import wanted_views
from videobench.runner.workspace import Workspace
from videobench.spec.dataset import Subset
from videobench.spec.protocol import Protocol
from videobench.spec.recipe import PlateauSchedule
from videobench.spec.units import SelectBest, Training, Validation

Purpose = SelectBest | PlateauSchedule | Validation


@dataclass(frozen=True)
class Measured:
    """clip@1 and video@1 (0..1) of the network as it is, and its mean cross-entropy on the views."""

    accuracies: Mapping[str, float]
    loss: float


@dataclass(frozen=True)
class Watch:
    """What is measured after every so many steps and after the last: a protocol on some videos."""

    purpose: Purpose
    every_steps: int
    num_steps: int
    data: Input
    videos: VideoSet

    def is_due(self, step: int) -> bool:
        """Whether it is measured when that many steps are done."""
        return step % self.every_steps == 0 or step == self.num_steps

    def measure(self, model: Classifier, device: torch.device) -> Measured:
        """Send all its views through the network; UnusableVideosError with the videos that can't be read."""
        protocol = self.purpose.protocol
        wanted = wanted_views(self.videos, self.data.clip, protocol)
        in_memory = ScoresInMemory()
        unreadable: dict[str, str] = {}
        predict_views(model, wanted, self.data, in_memory, device, None, unreadable=unreadable)
        if unreadable:
            raise unusable(self.videos, [Failure(self.data.by_id[video], why) for video, why in unreadable.items()])
        scores = in_memory.logits(wanted)
        labels = {video.id: video.labels for video in self.videos.videos}
        outcome = evaluate(
            scores, labels=labels, class_names=self.videos.classes, aggregation=protocol.average
        )  # fmt: skip
        accuracies = {name: metrics(outcome)[name].mean for name in ("clip@1", "video@1")}
        return Measured(accuracies, cross_entropy(scores, labels))

    def described(self, measured: Measured) -> dict[str, float]:
        """Return what there is to show by names such as ``test[10 views] video@1``: percents, and a followed loss."""
        views = self.purpose.protocol.num_views
        counted = {None: "all views", 1: "1 view"}.get(views, f"{views} views")
        shown = {name: 100 * value for name, value in measured.accuracies.items() if name == "clip@1" or views != 1}
        if isinstance(self.purpose, PlateauSchedule):
            shown["loss"] = measured.loss
        return {f"{self.purpose.subset}[{counted}] {name}": value for name, value in shown.items()}


def open_watches(training: Training, workspace: Workspace) -> list[Watch]:
    """Open what a training is to be watched on; ``validation`` takes its videos spread evenly over the subset."""
    return [_open(purpose, training, workspace) for purpose in training.watches]


def _open(purpose: Purpose, training: Training, workspace: Workspace) -> Watch:
    recipe = training.recipe
    data = open_input(training.data, purpose.subset, training.clip, workspace)
    videos = data.videos
    if isinstance(purpose, Validation):
        step = max(1, len(videos.videos) // purpose.videos)
        videos = VideoSet(videos.name, videos.classes, videos.videos[::step][: purpose.videos])
    return Watch(purpose, max(1, recipe.steps(purpose.every_epochs)), recipe.num_steps, data, videos)


def look(watches: Sequence[Watch], step: int, model: Classifier, device: torch.device) -> list[tuple[Watch, Measured]]:
    """Measure all that is due when that many steps are done, the same views once.

    What decides about the weights comes first and stands for a validation of its views: that one sees no further
    videos.
    """
    measured: dict[tuple[Subset, Protocol], Measured] = {}
    found: list[tuple[Watch, Measured]] = []
    for watch in watches:
        if watch.is_due(step):
            views = watch.purpose.subset, watch.purpose.protocol
            if views not in measured:
                measured[views] = watch.measure(model, device)
            found.append((watch, measured[views]))
    return found
