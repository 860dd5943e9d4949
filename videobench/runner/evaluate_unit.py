"""Running one Evaluation: views, stored scores, metrics, record."""

import contextlib
import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from videobench.data.transforms import to_network_input
from videobench.data.video_set import VideoSet, fingerprint
from videobench.errors import Interrupted, WeightsError
from videobench.evaluation import statistics
from videobench.evaluation.metrics import Outcome, PerVideo, evaluate, metrics
from videobench.evaluation.predict import ScoreWriter, predict
from videobench.evaluation.reading import read_ahead, reading_requests
from videobench.evaluation.score_store import ScoreKey, ScoreStore, open_store, require_complete
from videobench.evaluation.scores_in_memory import ScoresInMemory
from videobench.evaluation.views import View, views_of
from videobench.models.classifier import Classifier
from videobench.models.weights.carry import load_into
from videobench.models.weights.files import file_sha256, read_tensors
from videobench.models.weights.native import load_weights
from videobench.records import Cost, EvaluatedData, Metric, Record, VideoOutcome, write_record
from videobench.runner.build import build_network, network_size
from videobench.runner.environment import Machine, device_name, environment
from videobench.runner.events import Event, Report
from videobench.runner.inputs import Input, open_input
from videobench.runner.plan import EvaluationNode
from videobench.runner.workspace import Workspace
from videobench.spec.base import digest
from videobench.spec.clip import Clip
from videobench.spec.experiment import Scale
from videobench.spec.protocol import Protocol
from videobench.spec.units import Evaluation, Training

BATCH_PIXELS = 2**24
"""A batch holds as many views as fit into this many input pixels: 10 clips of 32x224x224, 1,000 of 16x32x32."""
CLIPS_PER_READ = 16


@dataclass(frozen=True)
class _Weights:
    """Weights ready to be measured, and what their card says."""

    model: Classifier
    sha256: str
    training_seconds: float | None
    path: Path


def run_evaluation(
    node: EvaluationNode,
    scale: Scale,
    workspace: Workspace,
    machine: Machine,
    report: Report,
    should_stop: Callable[[], bool],
) -> None:
    """Measure ``node``: compute the views whose scores are not stored yet, then write its record.

    Raises IncompleteError, and writes no record, unless every video has exactly its views; Interrupted when
    ``should_stop`` says so, with the scores so far stored.
    """
    evaluation = node.evaluation
    label = ", ".join(node.rows)
    started = time.perf_counter()
    data = open_input(evaluation.data, evaluation.subset, evaluation.clip, workspace)
    device = machine.torch_device()
    weights = _load_weights(evaluation, data.videos, workspace)
    weights.model.to(device)
    store = _open_store(evaluation, weights.sha256, data.videos, workspace)
    wanted = wanted_views(data.videos, evaluation.clip, evaluation.protocol)
    missing = store.missing(wanted)
    num_missing = sum(map(len, missing.values()))
    num_views = sum(len(set(views)) for views in wanted.values())
    report(
        Event(
            "started", "evaluation", node.digest, label, {"num_views": num_missing, "stored": num_views - num_missing}
        )
    )

    def on_progress(done: int) -> None:
        report(Event("progress", "evaluation", node.digest, label, {"views": done, "num_views": num_missing}))
        if should_stop():
            raise Interrupted(
                f"stopped after {done} of {num_missing} views; their scores are saved",
                hint="Run the same command again to go on from there.",
            )

    _predict(weights.model, missing, data, store, device, on_progress)
    require_complete(store, wanted)
    outcome = _outcome(store, wanted, data.videos, evaluation.protocol)
    seconds = time.perf_counter() - started
    record = _record(node, scale, data.videos, weights, outcome, seconds=seconds, clips=num_missing, device=device)
    write_record(workspace.records, record, [VideoOutcome.from_row(row) for row in outcome.to_rows()])
    value = record.metrics["video@1"].value
    report(Event("finished", "evaluation", node.digest, label, {"seconds": seconds, "video@1": 100 * value}))


def wanted_views(videos: VideoSet, clip: Clip, protocol: Protocol) -> dict[str, list[View]]:
    """Return the views of every video, as often as the protocol counts them."""
    wanted: dict[str, list[View]] = {}
    for video in videos.videos:
        assert video.info is not None  # opened sets are indexed
        wanted[video.id] = views_of(
            video.info.num_frames,
            frames=clip.frames,
            stride=clip.stride,
            num_clips=protocol.clips,
            grid=protocol.grid,
            crops=protocol.crops,
            flip=protocol.flip,
        )
    return wanted


def measure_clips(model: Classifier, data: Input, *, num_videos: int, device: torch.device) -> float:
    """Return clip@1 (0..1) by the ``clip`` protocol on ``num_videos`` videos spread evenly over the set."""
    step = max(1, len(data.videos.videos) // num_videos)
    chosen = VideoSet(data.videos.name, data.videos.classes, data.videos.videos[::step][:num_videos])
    wanted = wanted_views(chosen, data.clip, Protocol())
    scores = ScoresInMemory()
    _predict(model, wanted, data, scores, device, None)
    outcome = evaluate(
        scores.gathered(),
        labels={video.id: video.labels for video in chosen.videos},
        class_names=chosen.classes,
        aggregation="softmax_mean",
    )
    return metrics(outcome)["clip@1"].mean


def _predict(
    model: Classifier,
    wanted: Mapping[str, Sequence[View]],
    data: Input,
    store: ScoreWriter,
    device: torch.device,
    progress: Callable[[int], None] | None,
) -> None:
    """Send the wanted views through the network, reading videos ahead of it."""
    clip = data.clip
    # TF32 would make a score depend on its batch; float32 agrees within 1e-5 whatever the batching.
    torch.backends.cudnn.allow_tf32 = False
    requests = reading_requests(wanted, clips_per_read=CLIPS_PER_READ)
    with contextlib.closing(read_ahead(requests, data.read)) as readings:
        predict(
            model,
            readings,
            to_input=_to_input(clip, device),
            store=store,
            crop_size=(clip.crop, clip.crop),
            batch_views=_batch_views(clip),
            device=device,
            progress=progress,
        )


def _load_weights(evaluation: Evaluation, videos: VideoSet, workspace: Workspace) -> _Weights:
    """Build the network, load its weights and make sure that they were trained for these classes."""
    weights = evaluation.weights
    if isinstance(weights, Training):
        path = workspace.training(digest(weights)).weights
        if not path.is_file():
            raise WeightsError("this training is not finished", where=str(path), hint="videobench train does it")
        tensors, card = load_weights(path)
        built_for, seconds = weights.clip.frames, float(card["training_seconds"])
        _require_same_classes(card["class_names"], videos, path)
        sha256 = str(card["sha256"])
    else:
        path = Path(weights.file)
        tensors, built_for, seconds = read_tensors(path), evaluation.clip.frames, None
        sha256 = file_sha256(path)
        if weights.sha256 and sha256 != weights.sha256:
            raise WeightsError(f"its sha256 is {sha256}, the experiment states {weights.sha256}", where=str(path))
    model = build_network(evaluation.network, num_classes=len(videos.classes), frames=built_for)
    load_into(model, tensors, where=str(path))
    return _Weights(model, sha256, seconds, path)


def _require_same_classes(names: Sequence[str], videos: VideoSet, path: Path) -> None:
    if list(names) != list(videos.classes):
        differing = [
            f"{ours} / {theirs}" for ours, theirs in zip(names, videos.classes, strict=False) if ours != theirs
        ]
        raise WeightsError(
            f"the network was trained for {len(names)} classes, {videos.name} has {len(videos.classes)};"
            f" they differ in {', '.join(differing[:5]) or 'their number'}",
            where=str(path),
        )


def _open_store(evaluation: Evaluation, weights_sha256: str, videos: VideoSet, workspace: Workspace) -> ScoreStore:
    key = ScoreKey(
        weights_sha256=weights_sha256,
        data_fingerprint=fingerprint(videos),
        modality="rgb",
        preprocessing=evaluation.clip.preprocessing,
    )
    return open_store(workspace.scores, key, videos.classes)


def _to_input(clip: Clip, device: torch.device) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    def to_input(clips: Tensor, offsets: Tensor, flips: Tensor) -> Tensor:
        crop = (clip.crop, clip.crop)
        return to_network_input(clips, offsets, flips, crop=crop, mean=clip.mean, std=clip.std, device=device)

    return to_input


def _batch_views(clip: Clip) -> int:
    return max(1, min(64, BATCH_PIXELS // (clip.frames * clip.crop**2)))


def _outcome(store: ScoreStore, wanted: Mapping[str, Sequence[View]], videos: VideoSet, protocol: Protocol) -> Outcome:
    return evaluate(
        store.logits(wanted),
        labels={video.id: video.labels for video in videos.videos},
        class_names=videos.classes,
        aggregation=protocol.average,
        sources={video.id: video.source for video in videos.videos},
        class_groups=videos.class_groups,
        class_pairs=videos.class_pairs,
    )


def _record(
    node: EvaluationNode,
    scale: Scale,
    videos: VideoSet,
    weights: _Weights,
    outcome: Outcome,
    *,
    seconds: float,
    clips: int,
    device: torch.device,
) -> Record:
    evaluation = node.evaluation
    training = evaluation.weights if isinstance(evaluation.weights, Training) else None
    overall: dict[str, Metric] = {}
    groups: dict[str, dict[str, Metric]] = {}
    for name, per_video in metrics(outcome).items():
        metric, _, group = name.partition("/")
        target = groups.setdefault(group, {}) if group else overall
        target[metric] = _metric(per_video)
    built_for = training.clip.frames if training else evaluation.clip.frames
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
            num_expected=len(videos.videos),
            num_evaluated=len(outcome.videos),
            classes_sha256=_sha256_of(videos.classes),
        ),
        metrics=overall,
        groups=groups,
        network=network_size(
            evaluation.network, num_classes=len(videos.classes), built_for=built_for, clip=evaluation.clip
        ),
        cost=Cost(
            training_seconds=weights.training_seconds,
            evaluation_seconds=seconds,
            clips=clips,
            device=device_name(device),
            threads=torch.get_num_threads(),
        ),
        weights_sha256=weights.sha256,
        environment=environment(),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )


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


def _sha256_of(names: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(names).encode()).hexdigest()


def _plain(spec: Training | Evaluation) -> dict[str, Any]:
    """Return the resolved fields as JSON has them; of an evaluation, its training stands in the record already."""
    exclude = {"weights"} if isinstance(spec, Evaluation) and isinstance(spec.weights, Training) else None
    plain: dict[str, Any] = spec.model_dump(mode="json", exclude=exclude)
    return plain
