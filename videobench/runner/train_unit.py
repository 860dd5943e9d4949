"""Running one Training from its spec to weights on disk."""

import dataclasses
import hashlib
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from videobench.data.failures import Failure, UnusableVideosError, ledger_path, remember_failures
from videobench.data.loader import ClipBatch, training_batches
from videobench.data.transforms import to_network_input
from videobench.data.video_set import VideoSet, fingerprint
from videobench.errors import Interrupted
from videobench.models.classifier import Classifier
from videobench.models.weights.carry import CarryReport
from videobench.models.weights.native import save_weights
from videobench.runner.best_weights import BestWeights
from videobench.runner.build import build_learning_rate, build_optimiser
from videobench.runner.environment import Machine
from videobench.runner.events import Report
from videobench.runner.inputs import Input, forget_inputs, open_input
from videobench.runner.networks import build_network
from videobench.runner.plan import TrainingNode
from videobench.runner.prepare import ready
from videobench.runner.watch import Watch, look, open_watches
from videobench.runner.weights import load_to_start, read_weights
from videobench.runner.workspace import TrainingFolder, Workspace
from videobench.spec.base import digest, identity
from videobench.spec.clip import Clip
from videobench.spec.recipe import PlateauSchedule
from videobench.spec.units import SelectBest, Training
from videobench.training.batch_norm import set_momentum
from videobench.training.checkpoint import CheckpointFile
from videobench.training.loop import TrainingResult, Validated, train
from videobench.training.progress import Progress


def run_training(
    node: TrainingNode,
    workspace: Workspace,
    machine: Machine,
    report: Report,
    should_stop: Callable[[], bool],
) -> None:
    """Train ``node`` from where it stands to the end and store its weights.

    Raises Interrupted after saving when ``should_stop`` says so. A failure is remembered in the training's folder
    and raised. Where the data set says that broken videos are skipped, one that turns out to be broken has the training
    begin again without it: its clips are those of a training that never had it.
    """
    folder = workspace.training(node.digest)
    with folder.locked():
        if folder.is_done():
            return
        folder.failure.unlink(missing_ok=True)
        try:
            while broken := _run(node, folder, workspace, machine, report, should_stop):
                _begin_without(broken, node.training, folder, workspace, report)
        except Interrupted:
            raise
        except Exception as error:
            folder.remember_failure(error)
            raise


def _run(
    node: TrainingNode,
    folder: TrainingFolder,
    workspace: Workspace,
    machine: Machine,
    report: Report,
    should_stop: Callable[[], bool],
) -> Sequence[Failure]:
    """Train to the end; or return videos that can't be read, which the data set wants left out."""
    training, recipe = node.training, node.training.recipe
    data = open_input(training.data, training.subset, training.clip, workspace)
    folder.begin(data_fingerprint=fingerprint(data.videos))
    device = machine.torch_device()
    model, start, start_card, carried = _initial_network(training, data.videos, workspace)
    if recipe.batch_norm_momentum is not None:
        set_momentum(model, recipe.batch_norm_momentum)
    model.to(device)
    if folder.is_begun():
        start = "from its last checkpoint"
    best = BestWeights(folder.best, resume=folder.is_begun())
    watches = open_watches(training, workspace)
    folder.append_log(
        {
            "time": time.time(),
            "event": "started",
            "start": start,
            "threads": torch.get_num_threads(),
            "skipped_videos": _skipped(data.videos),
        }
    )
    report(node.event("started", num_steps=recipe.num_steps, start=start))

    def on_progress(progress: Progress) -> None:
        values = dataclasses.asdict(progress)
        folder.append_log({"time": time.time(), **values})
        report(node.event("progress", **values))

    try:
        result = train(
            model,
            optimiser=build_optimiser(recipe, model),
            learning_rate=build_learning_rate(recipe).at,
            num_steps=recipe.num_steps,
            micro_batches_per_step=recipe.batch // recipe.micro_batch,
            batches=lambda first: _batches(training, data, machine, first),
            to_input=lambda batch: _to_input(batch, training.clip, device),
            device=device,
            precision="fp32",
            seed=training.seed,
            checkpoint=CheckpointFile(path=folder.checkpoint, identity=node.digest),
            save_every_seconds=machine.save_every_seconds,
            report=on_progress,
            report_every_seconds=machine.report_every_seconds,
            running_statistics=recipe.running_statistics,
            validate=(lambda step: _measure(model, watches, step, best, device)) if watches else None,
            validate_every_steps=math.gcd(*(watch.every_steps for watch in watches)),
            should_stop=should_stop,
        )
    except UnusableVideosError as error:
        if training.data.on_error != "skip":
            raise
        return error.failures
    weights, card = model.state_dict(), _card(training, result, data.videos, start_card)
    if carried is not None:
        card["carried"] = carried.as_dict()
    if isinstance(training.select, SelectBest):
        weights, step, value = best.read()
        card["selected"] = {**training.select.model_dump(mode="json"), "step": step, "value": value}
    save_weights(folder.path, weights, card=card)
    folder.checkpoint.unlink(missing_ok=True)
    folder.best.unlink(missing_ok=True)
    report(node.event("finished", seconds=result.seconds, selected=card.get("selected")))
    return ()


def _begin_without(
    broken: Sequence[Failure], training: Training, folder: TrainingFolder, workspace: Workspace, report: Report
) -> None:
    """Remember what can't be read, and forget what was trained with it."""
    remember_failures(broken, ledger_path(workspace.index, training.data.name))
    forget_inputs()
    folder.checkpoint.unlink(missing_ok=True)
    folder.best.unlink(missing_ok=True)
    for subset in dict.fromkeys((training.subset, *(watch.subset for watch in training.watches))):
        videos = open_input(training.data, subset, training.clip, workspace).videos
        report(ready(training.data, subset, videos, workspace))


def _initial_network(
    training: Training, videos: VideoSet, workspace: Workspace
) -> tuple[Classifier, str, Mapping[str, Any] | None, CarryReport | None]:
    """Build the network with its starting weights, drawn from the training's seed or loaded.

    Also returned are a line that says which, and of weights that were loaded the card and what became of each tensor.
    """
    torch.manual_seed(_seed(training.seed, "initial weights"))
    model = build_network(training.network, training.head, clip=training.clip, num_classes=len(videos.classes))
    if training.init is None:
        return model, "from scratch", None, None
    weights = read_weights(training.init, workspace)
    carried = load_to_start(model, weights, videos.classes)
    replaced = f", classifier replaced by a new one for {len(videos.classes)} classes" if carried.replaced else ""
    return model, f"from {weights.path}: {carried.summary}{replaced}", weights.card, carried


def _card(
    training: Training, result: TrainingResult, videos: VideoSet, start: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return what stands beside the weights; ``start`` is the card of those that this training started from.

    ``training`` there names all trainings of this experiment behind the weights, ``started_from`` those of a file.
    ``total_training_seconds`` adds the former up, as P1's Table 3 does.
    """
    seconds_before, started_from = 0.0, None
    if start is not None and isinstance(training.init, Training):
        seconds_before, started_from = float(start["total_training_seconds"]), start.get("started_from")
    elif start is not None:
        started_from = {name: start.get(name) for name in ("training", "started_from")}
    return {
        "class_names": list(videos.classes),
        "preprocessing": training.clip.preprocessing,
        "network": training.network.model_dump(mode="json"),
        "head": training.head.model_dump(mode="json"),
        "frames": training.clip.frames,
        "training": identity(training),
        "training_digest": digest(training),
        "started_from": started_from,
        "data_fingerprint": fingerprint(videos),
        "skipped_videos": _skipped(videos),
        "copies": videos.copies,
        "training_seconds": result.seconds,
        "total_training_seconds": result.seconds + seconds_before,
        "training_clips": result.clips,
        "training_threads": torch.get_num_threads(),
    }


def _measure(
    model: Classifier, watches: Sequence[Watch], step: int, best: BestWeights, device: torch.device
) -> Validated:
    """Measure what is due after ``step`` and offer the weights to ``best``."""
    shown: dict[str, float] = {}
    loss = None
    for watch, measured in look(watches, step, model, device):
        if isinstance(watch.purpose, SelectBest):
            best.offer(model, step=step, value=measured.accuracies[watch.purpose.metric])
        elif isinstance(watch.purpose, PlateauSchedule):
            loss = measured.loss
        shown |= watch.described(measured)
    return Validated(shown=shown, loss=loss)


def _skipped(videos: VideoSet) -> dict[str, str]:
    """Return which videos it does without, and why."""
    return {skipped.video: skipped.reason for skipped in videos.skipped}


def _batches(training: Training, data: Input, machine: Machine, first_micro_batch: int) -> Iterator[ClipBatch]:
    recipe, clip = training.recipe, training.clip
    num_batches = recipe.num_steps * (recipe.batch // recipe.micro_batch)
    return training_batches(
        data.videos,
        frames=clip.frames,
        stride=clip.stride,
        resize=clip.resize,
        crop=(clip.crop, clip.crop),
        crop_policy=recipe.crop,
        filter=clip.filter,
        flip_probability=recipe.flip,
        short_video=clip.short_video,
        batch_size=recipe.micro_batch,
        seed=training.seed,
        first_clip=first_micro_batch * recipe.micro_batch,
        num_batches=num_batches - first_micro_batch,
        # Frames that lie decoded on disk cost next to nothing; whatever is decoded clip by clip keeps all cores busy.
        num_workers=0 if data.cache else machine.threads,
        cache=data.cache,
        pin_memory=machine.torch_device().type == "cuda",
    )


def _to_input(batch: ClipBatch, clip: Clip, device: torch.device) -> tuple[Tensor, Tensor]:
    crop = (clip.crop, clip.crop)
    inputs = to_network_input(
        batch.clips,
        batch.offsets,
        batch.flips,
        crop=crop,
        sizes=batch.sizes,
        mean=clip.mean,
        std=clip.std,
        flip_negates_x=clip.flip_negates_x,
        device=device,
    )  # [B, C, T, H, W]
    return inputs, batch.labels.to(device, non_blocking=True)


def _seed(seed: int, purpose: str) -> int:
    """Return a seed of its own for each purpose, so that no two share a random stream."""
    return int.from_bytes(hashlib.blake2b(f"{seed} {purpose}".encode(), digest_size=8).digest(), "big") >> 1
