"""Turns spec into objects: data sets, optimisers, schedules. Networks are in ``networks``."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Literal, assert_never

import torch

from videobench.data.datasets.class_folders import class_folders
from videobench.data.datasets.hmdb51 import hmdb51
from videobench.data.datasets.kinetics import kinetics
from videobench.data.datasets.label_lists import Labels
from videobench.data.datasets.manifest import manifest
from videobench.data.datasets.on_disk import require_files
from videobench.data.datasets.split_lists import split_lists
from videobench.data.datasets.sports1m import sports1m
from videobench.data.datasets.synthetic_motion import CLASSES, PAIRS, synthetic_motion
from videobench.data.datasets.ucf101 import ucf101
from videobench.data.index import index_videos
from videobench.data.prepare import described_copies
from videobench.data.video_set import VideoSet
from videobench.errors import DataError
from videobench.runner.workspace import DATA_VARIABLE, Workspace
from videobench.spec.dataset import (
    HMDB51,
    UCF101,
    ClassFolders,
    Dataset,
    FileDataset,
    Kinetics,
    Manifest,
    SplitLists,
    Sports1M,
    Subset,
    SyntheticMotion,
)
from videobench.spec.recipe import AdamW, OneCycleSchedule, PlateauSchedule, Recipe, Sgd, StepSchedule
from videobench.training.optimisation import Cosine, LearningRate, Plateau, StepDecay, WarmUp, adamw, sgd

Count = Callable[[int, int], None]
"""Told how many items of how many are done."""

VIDEOS_PER_PROCESS = 16

WARM_UP_START = 0.1
"""The rate climbs from a tenth of its peak; neither the paper nor its code gives a start."""


def build_dataset(
    spec: Dataset, subset: Subset, workspace: Workspace, *, num_workers: int = 1, progress: Count | None = None
) -> VideoSet:
    """Return the videos of one subset, every file found and probed.

    ``synthetic_motion`` is made where it is missing. Raises DataError for anything that is not there or broken; videos
    that can't be used are left out where the data set says so.
    """
    if isinstance(spec, SyntheticMotion):
        return _synthetic_motion(spec, subset, workspace, num_workers, progress)
    found = find_videos(spec, subset, workspace)
    return index_videos(
        found,
        cache=workspace.index,
        on_error=spec.on_error,
        num_workers=worthwhile_workers(len(found.videos), num_workers),
        progress=progress,
    )


def find_videos(spec: FileDataset, subset: Subset, workspace: Workspace) -> VideoSet:
    """Return the videos of one subset as folders and lists name them; no file is opened.

    DataError for a data set, a subset, a class or a file that is not there; files may lack where the data set says so.
    """
    found = list_videos(spec, subset, workspace)
    if spec.on_error != "skip":
        require_files(found)
    return found


def list_videos(spec: FileDataset, subset: Subset, workspace: Workspace) -> VideoSet:
    """Return the videos of one subset as ``find_videos`` does, those without a file among them."""
    if subset not in spec.subsets:
        raise DataError(f"has no subset {subset}; legal: {', '.join(spec.subsets)}", where=spec.name)
    root = dataset_root(spec, workspace)
    videos = dataclasses.replace(_listed(spec, subset, root), copies=described_copies(root))
    if spec.on_error == "retry":
        videos = dataclasses.replace(
            videos, videos=tuple(dataclasses.replace(video, retry=True) for video in videos.videos)
        )
    if spec.only_classes is None:
        return videos
    labels = Labels(videos.classes)
    wanted = {labels.number(name, "data.only_classes") for name in spec.only_classes}
    return dataclasses.replace(
        videos, videos=tuple(video for video in videos.videos if not wanted.isdisjoint(video.labels))
    )


def _listed(spec: FileDataset, subset: Subset, root: Path) -> VideoSet:
    split_subset: Literal["train", "test"] = "train" if subset == "train" else "test"
    match spec:
        case ClassFolders():
            return class_folders(
                root, name=spec.name, subset="val" if subset == "validation" else subset, num_classes=spec.classes,
                folds=spec.folds, fold=spec.split if spec.folds else None, groups=_beside(root, spec.groups),
            )  # fmt: skip
        case SplitLists():
            return split_lists(
                root, name=spec.name, lists=root / spec.lists, split=spec.split, subset=split_subset,
                groups=_beside(root, spec.groups),
            )  # fmt: skip
        case UCF101():
            return ucf101(root, split=spec.split, subset=split_subset, videos=_beside(root, spec.videos))
        case HMDB51():
            return hmdb51(root, split=spec.split, subset=split_subset, videos=_beside(root, spec.videos))
        case Kinetics():
            return kinetics(
                root, num_classes=spec.classes, subset=subset, videos=_beside(root, spec.videos),
                annotations=_beside(root, spec.annotations), class_names=_beside(root, spec.class_names),
            )  # fmt: skip
        case Sports1M():
            return sports1m(root, subset=split_subset, videos=_beside(root, spec.videos))
        case Manifest():
            return manifest(
                root / spec.videos, name=spec.name, lists={each: root / path for each, path in spec.lists.items()},
                subset=subset, class_names=_beside(root, spec.class_names),
            )  # fmt: skip
        case _:
            assert_never(spec)


def worthwhile_workers(num_videos: int, num_workers: int) -> int:
    """Return how many processes pay for their start, which takes as long as reading some dozen videos."""
    return min(num_workers, max(1, num_videos // VIDEOS_PER_PROCESS))


def build_optimiser(recipe: Recipe, model: torch.nn.Module) -> torch.optim.Optimizer:
    """Return the recipe's optimiser over all of ``model``."""
    match recipe.optimiser:
        case Sgd() as optimiser:
            return sgd(
                model, learning_rate=recipe.peak_learning_rate, momentum=optimiser.momentum,
                nesterov=optimiser.nesterov, dampening=optimiser.dampening, weight_decay=optimiser.weight_decay,
                decay_biases=optimiser.decay_biases,
            )  # fmt: skip
        case AdamW() as optimiser:
            return adamw(
                model, learning_rate=recipe.peak_learning_rate, weight_decay=optimiser.weight_decay,
                decay_biases=optimiser.decay_biases,
            )  # fmt: skip
        case _:
            assert_never(recipe.optimiser)


def build_learning_rate(recipe: Recipe) -> LearningRate:
    """Return the learning rate of every step: a linear warm-up, then the recipe's schedule."""
    warm_up_steps = recipe.steps(recipe.warmup_epochs)
    warm_up = WarmUp(num_steps=warm_up_steps, start=WARM_UP_START) if warm_up_steps else None
    match recipe.schedule:
        case StepSchedule() as schedule:
            steps = max(1, recipe.steps(schedule.every_epochs))
            decay: StepDecay | Cosine | Plateau = StepDecay(num_steps=steps, factor_per_drop=schedule.factor)
        case OneCycleSchedule():
            decay = Cosine(num_steps=max(1, recipe.num_steps - warm_up_steps))
        case PlateauSchedule() as schedule:
            decay = Plateau(
                patience=schedule.patience, factor_per_drop=schedule.factor, threshold=schedule.threshold
            )  # fmt: skip
        case _:
            assert_never(recipe.schedule)
    return LearningRate(peak=recipe.peak_learning_rate, warm_up=warm_up, decay=decay)


def _synthetic_motion(
    spec: SyntheticMotion, subset: Subset, workspace: Workspace, num_workers: int, progress: Count | None
) -> VideoSet:
    if subset == "validation":
        raise DataError("synthetic-motion has the subsets train and test", where="evaluate.subset")
    per_class = {"train": spec.train_videos_per_class, "test": spec.test_videos_per_class}
    videos = synthetic_motion(
        workspace.dataset_folder("synthetic-motion"), subset=subset, version=spec.version,
        videos_per_class=per_class[subset], progress=progress,
        num_workers=worthwhile_workers(per_class[subset] * len(CLASSES), num_workers),
    )  # fmt: skip
    pairs = {name: pair for pair, members in PAIRS.items() for name in members}
    return dataclasses.replace(videos, class_pairs=pairs)


def dataset_root(spec: Dataset, workspace: Workspace) -> Path:
    """Return the folder of a data set; DataError, with the way to name it, when it is not there."""
    if isinstance(spec, SyntheticMotion):
        return workspace.dataset_folder("synthetic-motion")
    root = Path(spec.root) if spec.root else workspace.dataset_folder(spec.name)
    if not root.is_dir():
        raise DataError(
            f"the data set {spec.name} is not here",
            where=str(root),
            hint=f"give its folder with --set data.root=FOLDER, or put it under ${DATA_VARIABLE}/{spec.name}",
        )
    return root


def _beside(root: Path, path: str | None) -> Path | None:
    return root / path if path else None
