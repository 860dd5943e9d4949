"""Running one Evaluation: views, stored scores, metrics, record."""

import time
from collections.abc import Callable, Mapping, Sequence

from videobench.data.video_set import VideoSet, fingerprint
from videobench.errors import Interrupted
from videobench.evaluation.metrics import Outcome, evaluate
from videobench.evaluation.score_store import ScoreKey, ScoreStore, open_store, require_complete
from videobench.evaluation.views import View
from videobench.models.classifier import Classifier
from videobench.records import VideoOutcome, write_class_names, write_record
from videobench.runner.build import build_network
from videobench.runner.environment import Machine
from videobench.runner.events import Report
from videobench.runner.inputs import open_input
from videobench.runner.make_record import make_record
from videobench.runner.measure import predict_views
from videobench.runner.plan import EvaluationNode
from videobench.runner.stored import remember_videos
from videobench.runner.wanted import wanted_views
from videobench.runner.weights import StoredWeights, load_to_measure, read_weights
from videobench.runner.workspace import Workspace
from videobench.spec.experiment import Scale
from videobench.spec.protocol import Protocol
from videobench.spec.units import Evaluation, Training


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
    started = time.perf_counter()
    data = open_input(evaluation.data, evaluation.subset, evaluation.clip, workspace)
    device = machine.torch_device()
    remember_videos(data.videos, evaluation.data, evaluation.subset, workspace)
    weights = read_weights(evaluation.weights, workspace)
    model = _network(evaluation, weights, data.videos).to(device)
    store = _open_store(evaluation, weights.sha256, data.videos, workspace)
    wanted = wanted_views(data.videos, evaluation.clip, evaluation.protocol)
    missing = store.missing(wanted)
    num_missing = sum(map(len, missing.values()))
    num_views = sum(len(set(views)) for views in wanted.values())
    report(node.event("started", num_views=num_missing, stored=num_views - num_missing))

    def on_progress(done: int) -> None:
        report(node.event("progress", views=done, num_views=num_missing, seconds=time.perf_counter() - started))
        if should_stop() and done < num_missing:
            raise Interrupted(
                f"stopped after {done} of {num_missing} views; their scores are saved",
                hint="Run the same command again to go on from there.",
            )

    predict_views(model, missing, data, store, device, on_progress)
    require_complete(store, wanted)
    outcome = _outcome(store, wanted, data.videos, evaluation.protocol)
    seconds = time.perf_counter() - started
    record = make_record(
        node, scale, data.videos, weights, outcome, seconds=seconds, clips=num_missing, device=device
    )  # fmt: skip
    write_class_names(workspace.records, data.videos.classes)
    write_record(workspace.records, record, [VideoOutcome.from_row(row) for row in outcome.to_rows()])
    accuracy = 100 * record.metrics["video@1"].value
    report(node.event("finished", seconds=seconds, **{"video@1": accuracy}))


def _network(evaluation: Evaluation, weights: StoredWeights, videos: VideoSet) -> Classifier:
    trained = evaluation.weights
    built_for = trained.clip.frames if isinstance(trained, Training) else evaluation.clip.frames
    model = build_network(evaluation.network, num_classes=len(videos.classes), frames=built_for)
    load_to_measure(model, weights, videos.classes, data=videos.name)
    return model


def _open_store(evaluation: Evaluation, weights_sha256: str, videos: VideoSet, workspace: Workspace) -> ScoreStore:
    key = ScoreKey(
        weights_sha256=weights_sha256,
        data_fingerprint=fingerprint(videos),
        modality="rgb",
        preprocessing=evaluation.clip.preprocessing,
    )
    return open_store(workspace.scores, key, videos.classes)


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
