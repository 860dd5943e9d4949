"""Running one Training from its spec to weights on disk."""

import dataclasses
import hashlib
import time
from collections.abc import Callable, Iterator, Mapping

import torch
from torch import Tensor

from videobench.data.loader import ClipBatch, training_batches
from videobench.data.transforms import to_network_input
from videobench.data.video_set import VideoSet, fingerprint
from videobench.errors import Interrupted
from videobench.models.classifier import Classifier
from videobench.models.weights.native import save_weights
from videobench.runner.build import build_learning_rate, build_network, build_optimiser
from videobench.runner.environment import Machine
from videobench.runner.events import Report
from videobench.runner.inputs import Input, open_input
from videobench.runner.plan import TrainingNode
from videobench.runner.watch import measure_clips
from videobench.runner.weights import load_to_start, read_weights
from videobench.runner.workspace import TrainingFolder, Workspace
from videobench.spec.base import identity
from videobench.spec.clip import Clip
from videobench.spec.units import Training
from videobench.training.checkpoint import CheckpointFile
from videobench.training.loop import train
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
    and raised.
    """
    folder = workspace.training(node.digest)
    with folder.locked():
        if folder.is_done():
            return
        folder.failure.unlink(missing_ok=True)
        try:
            _run(node, folder, workspace, machine, report, should_stop)
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
) -> None:
    training, recipe = node.training, node.training.recipe
    data = open_input(training.data, training.subset, training.clip, workspace)
    data_fingerprint = fingerprint(data.videos)
    folder.begin(data_fingerprint=data_fingerprint)
    device = machine.torch_device()
    model, start = _initial_network(training, data.videos, workspace)
    model.to(device)
    if folder.is_begun():
        start = "from its last checkpoint"
    folder.append_log({"time": time.time(), "event": "started", "start": start, "threads": torch.get_num_threads()})
    report(node.event("started", num_steps=recipe.num_steps, start=start))

    def on_progress(progress: Progress) -> None:
        values = dataclasses.asdict(progress)
        folder.append_log({"time": time.time(), **values})
        report(node.event("progress", **values))

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
        validate=_validation(training, model, workspace, device),
        validate_every_steps=max(1, recipe.steps(training.validation.every_epochs)),
        should_stop=should_stop,
    )
    card = {
        "class_names": list(data.videos.classes),
        "preprocessing": training.clip.preprocessing,
        "network": training.network.model_dump(mode="json"),
        "frames": training.clip.frames,
        "training": identity(training),
        "training_digest": node.digest,
        "data_fingerprint": data_fingerprint,
        "training_seconds": result.seconds,
        "total_training_seconds": result.seconds + _seconds_before(training, workspace),
        "training_clips": result.clips,
        "training_threads": torch.get_num_threads(),
    }
    save_weights(folder.path, model, card=card)
    folder.checkpoint.unlink(missing_ok=True)
    report(node.event("finished", seconds=result.seconds))


def _initial_network(training: Training, videos: VideoSet, workspace: Workspace) -> tuple[Classifier, str]:
    """Build the network with its starting weights, drawn from the training's seed or loaded; say which in a line."""
    torch.manual_seed(_seed(training.seed, "initial weights"))
    model = build_network(training.network, num_classes=len(videos.classes), frames=training.clip.frames)
    if training.init is None:
        return model, "from scratch"
    weights = read_weights(training.init, workspace)
    carried = load_to_start(model, weights, videos.classes)
    replaced = f", classifier replaced by a new one for {len(videos.classes)} classes" if carried.replaced else ""
    return model, f"from {weights.path}{replaced}"


def _seconds_before(training: Training, workspace: Workspace) -> float:
    """Return what went into the weights it started from, as P1's Table 3 counts; 0 from scratch or from a file."""
    if not isinstance(training.init, Training):
        return 0.0
    card = read_weights(training.init, workspace).card
    return 0.0 if card is None else float(card["total_training_seconds"])


def _batches(training: Training, data: Input, machine: Machine, first_micro_batch: int) -> Iterator[ClipBatch]:
    recipe, clip = training.recipe, training.clip
    num_batches = recipe.num_steps * (recipe.batch // recipe.micro_batch)
    return training_batches(
        data.videos,
        frames=clip.frames,
        stride=clip.stride,
        resize=clip.resize,
        crop=(clip.crop, clip.crop),
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
        batch.clips, batch.offsets, batch.flips, crop=crop, mean=clip.mean, std=clip.std, device=device
    )  # [B, C, T, H, W]
    return inputs, batch.labels.to(device, non_blocking=True)


def _validation(
    training: Training, model: Classifier, workspace: Workspace, device: torch.device
) -> Callable[[], Mapping[str, float]] | None:
    """Return a measurement of clip@1 (percent) on one clip of some videos, or None when switched off."""
    watched = training.validation
    if watched.videos == 0:
        return None
    data = open_input(training.data, watched.subset, training.clip, workspace)
    return lambda: {"clip@1": 100 * measure_clips(model, data, num_videos=watched.videos, device=device)}


def _seed(seed: int, purpose: str) -> int:
    """Return a seed of its own for each purpose, so that no two share a random stream."""
    return int.from_bytes(hashlib.blake2b(f"{seed} {purpose}".encode(), digest_size=8).digest(), "big") >> 1
