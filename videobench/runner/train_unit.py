"""Running one Training from its spec to weights on disk."""

import dataclasses
import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor

from videobench.data.loader import ClipBatch, training_batches
from videobench.data.transforms import to_network_input
from videobench.data.video_set import VideoSet, fingerprint
from videobench.errors import Interrupted, WeightsError
from videobench.models.classifier import Classifier
from videobench.models.weights.carry import load_into
from videobench.models.weights.files import file_sha256, read_tensors
from videobench.models.weights.native import load_weights, save_weights
from videobench.runner.build import build_learning_rate, build_network, build_optimiser
from videobench.runner.environment import Machine
from videobench.runner.evaluate_unit import measure_clips
from videobench.runner.events import Event, Report
from videobench.runner.inputs import Input, open_input
from videobench.runner.plan import TrainingNode
from videobench.runner.workspace import TrainingFolder, Workspace
from videobench.spec.base import digest, identity
from videobench.spec.clip import Clip
from videobench.spec.units import Training, WeightsFile
from videobench.training.checkpoint import CheckpointFile
from videobench.training.loop import train
from videobench.training.progress import Progress

SAVE_EVERY_SECONDS = 30.0
REPORT_EVERY_SECONDS = 1.0


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
    label = ", ".join(node.rows)
    data = open_input(training.data, training.subset, training.clip, workspace)
    device = machine.torch_device()
    model = _initial_network(training, data.videos, workspace).to(device)
    report(Event("started", "training", node.digest, label, {"num_steps": recipe.num_steps}))

    def on_progress(progress: Progress) -> None:
        values = dataclasses.asdict(progress)
        folder.append_log({"time": time.time(), **values})
        report(Event("progress", "training", node.digest, label, values))

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
        save_every_seconds=SAVE_EVERY_SECONDS,
        report=on_progress,
        report_every_seconds=REPORT_EVERY_SECONDS,
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
        "data_fingerprint": fingerprint(data.videos),
        "training_seconds": result.seconds,
        "training_clips": result.clips,
        "training_threads": torch.get_num_threads(),
    }
    save_weights(folder.path, model, card=card)
    folder.checkpoint.unlink(missing_ok=True)
    report(Event("finished", "training", node.digest, label, {"seconds": result.seconds}))


def _initial_network(training: Training, videos: VideoSet, workspace: Workspace) -> Classifier:
    """Build the network and give it its starting weights: drawn from the training's seed, or loaded."""
    torch.manual_seed(_seed(training.seed, "initial weights"))
    model = build_network(training.network, num_classes=len(videos.classes), frames=training.clip.frames)
    if isinstance(training.init, Training):
        source = workspace.training(digest(training.init))
        if not source.is_done():
            raise WeightsError("the training this one starts from is not finished", where=str(source.path))
        tensors, _ = load_weights(source.weights)
        _load_start(model, tensors, str(source.weights))
    elif isinstance(training.init, WeightsFile):
        path = Path(training.init.file)
        check_weights_file(path, training.init.sha256)
        _load_start(model, read_tensors(path), str(path))
    return model


def _load_start(model: Classifier, tensors: Mapping[str, Tensor], where: str) -> None:
    """Load weights to start from; a classifier that doesn't fit (other classes) keeps its fresh values."""
    try:
        load_into(model, tensors, where=where)
    except WeightsError:
        load_into(model, tensors, replace_head=True, where=where)


def check_weights_file(path: Path, expected: str | None) -> str:
    """Return the file's sha256; WeightsError when the file is missing or another one than stated."""
    if not path.is_file():
        raise WeightsError("there is no such weights file", where=str(path))
    found = file_sha256(path)
    if expected and found != expected:
        raise WeightsError(f"its sha256 is {found}, the experiment states {expected}", where=str(path))
    return found


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
        num_workers=machine.workers,
        cache=data.cache,
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
