"""Fusing evaluations of several streams: stored scores in, records out. No video is read and no network runs."""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from videobench.errors import ConfigError
from videobench.evaluation.fusion import Stream, accuracy_by_weight, align
from videobench.evaluation.metrics import Floats, Outcome, judge
from videobench.records import Cost, NetworkSize, Record, write_class_names, write_record
from videobench.run_reference import Run
from videobench.runner.environment import environment
from videobench.runner.make_record import measured
from videobench.runner.stored import StoredRun, stored_run
from videobench.runner.workspace import Workspace
from videobench.spec.base import digest
from videobench.spec.fusion import Form, Fusion, shares_of
from videobench.video_outcome import VideoOutcome

_IN_WORDS: Mapping[Form, str] = {
    "mean": "weighted mean of softmax scores",
    "l2norm_sum": "weighted sum of mean logits of length 1",
}


@dataclass(frozen=True, eq=False)
class Fused:
    """One fusion; ``curve`` is the accuracy at each of ``CURVE_WEIGHTS`` of the first of two streams."""

    record: Record
    outcome: Outcome
    curve: Floats | None

    def write(self, folder: Path) -> None:
        """Keep the record, its videos and its classes in ``folder``."""
        write_class_names(folder, self.outcome.class_names)
        write_record(folder, self.record, [VideoOutcome.from_row(row) for row in self.outcome.to_rows()])


def fuse(unit: Fusion, records: Mapping[str, Record], names: Mapping[str, str], workspace: Workspace) -> Fused:
    """Fuse the stored scores of the streams' ``records``, whose runs are called ``names``; nothing is written.

    DataError where scores aren't stored or the streams differ in videos, classes or labels.
    """
    started = time.perf_counter()
    stored = {name: stored_run(record, workspace) for name, record in records.items()}
    streams = {name: _stream(run) for name, run in stored.items()}
    first, videos = next(iter(streams.values())), next(iter(stored.values())).videos
    aligned = align(streams, unit.form)
    outcome = judge(
        aligned.fuse(unit.weights),
        labels=first.labels,
        class_names=first.class_names,
        sources={video.id: video.source for video in videos.videos},
        class_groups=videos.class_groups,
        class_pairs=videos.class_pairs,
    )
    listed = ", ".join(f"{name} = {names[name]} (weight {unit.weights[name]:.3g})" for name in records)
    note = f"fused from {listed}: {_IN_WORDS[unit.form]}"
    record = _record(unit, list(records.values()), outcome, note, seconds=time.perf_counter() - started)
    return Fused(record, outcome, accuracy_by_weight(aligned, first.labels) if len(streams) == 2 else None)


@dataclass(frozen=True)
class FusedRuns:
    """Runs fused replica by replica, each into a record, and what each stream gave to it, in the same order.

    ``weights`` are the streams' shares. ``curve`` is the mean of the replicas' curves; None for more than two streams.
    """

    records: tuple[Record, ...]
    streams: Mapping[str, tuple[Record, ...]]
    weights: Mapping[str, float]
    curve: tuple[float, ...] | None


def fuse_runs(
    runs: Mapping[str, Run], *, form: Form, weights: Sequence[float] | None, workspace: Workspace
) -> FusedRuns:
    """Fuse the stored scores of the runs, seed by seed and split by split, and write the records.

    The streams weigh the same unless ``weights`` are given; only their ratios count. Nothing is written unless every
    replica can be fused: ConfigError for runs that don't pair and for wrong weights, DataError as ``fuse``.
    """
    _check_weights(list(runs), weights)
    _check_pairs(runs)
    workspace.check_writable()
    shares = shares_of(runs, dict(zip(runs, weights, strict=True)) if weights else None)
    names = {name: run.name for name, run in runs.items()}
    in_order = {name: tuple(sorted(run.records, key=_split_and_seed)) for name, run in runs.items()}
    results = []
    for replica in zip(*in_order.values(), strict=True):
        records = dict(zip(runs, replica, strict=True))
        digests = {name: record.digest for name, record in records.items()}
        results.append(fuse(Fusion(streams=digests, weights=shares, form=form), records, names, workspace))
    for fused in results:
        fused.write(workspace.records)
    curves = [fused.curve for fused in results if fused.curve is not None]
    return FusedRuns(
        records=tuple(fused.record for fused in results),
        streams=in_order,
        weights=shares,
        curve=tuple(np.mean(curves, axis=0).tolist()) if curves else None,
    )


def _split_and_seed(record: Record) -> tuple[int, int]:
    return record.evaluation["data"].get("split") or 0, -1 if record.seed is None else record.seed


def _stream(run: StoredRun) -> Stream:
    labels = {video.id: video.labels for video in run.videos.videos}
    return Stream(run.scores, run.protocol.average, labels, run.videos.classes)


def _check_weights(names: Sequence[str], weights: Sequence[float] | None) -> None:
    if weights is None:
        return
    if len(weights) != len(names):
        raise ConfigError(f"{len(weights)} weights for {len(names)} streams: {', '.join(names)}", where="--weights")
    if wrong := [weight for weight in weights if not 0 < weight < math.inf]:
        raise ConfigError(f"{wrong[0]:g} is no weight", where="--weights", hint="weights are above 0")


def _check_pairs(runs: Mapping[str, Run]) -> None:
    """Refuse what has no sense or no partner before anything is read."""
    if len(runs) < 2:
        raise ConfigError("one stream can't be fused", where="--fuse", hint="write rgb=RUN,flow=RUN")
    records = [record for run in runs.values() for record in run.records]
    if len({len(run.records) for run in runs.values()}) > 1:
        counts = ", ".join(f"{name} has {len(run.records)}" for name, run in runs.items())
        raise ConfigError(
            f"the streams have different numbers of evaluations: {counts}",
            where="--fuse",
            hint="seeds and splits are fused one by one; a single evaluation is named by the digest of its record",
        )
    if len({record.digest for record in records}) < len(records):
        raise ConfigError("the same evaluation stands for two streams", where="--fuse")
    if len(scales := sorted({record.scale for record in records})) > 1:
        raise ConfigError(f"the streams are of different scales: {', '.join(scales)}", where="--fuse")


def _record(unit: Fusion, replica: Sequence[Record], outcome: Outcome, note: str, *, seconds: float) -> Record:
    """Return the record of a fusion: it has the size and the training cost of its streams together."""
    first = replica[0]
    overall, groups = measured(outcome)
    seeds = {record.seed for record in replica}
    return Record(
        digest=digest(unit),
        training_digest=None,
        scale=first.scale,
        seed=first.seed if len(seeds) == 1 else None,
        training=None,
        evaluation={
            "fusion": unit.model_dump(mode="json"),
            "data": first.evaluation["data"],
            "subset": first.evaluation["subset"],
        },
        data=first.data,
        metrics=overall,
        groups=groups,
        network=NetworkSize(
            parameters=sum(record.network.parameters for record in replica),
            conv_fc_weights=sum(record.network.conv_fc_weights for record in replica),
            macs=sum(record.network.macs for record in replica),
        ),
        cost=Cost(
            training_seconds=_total([record.cost.training_seconds for record in replica]),
            total_training_seconds=_total([record.cost.total_training_seconds for record in replica]),
            evaluation_seconds=seconds,
            clips=0,
            device=", ".join(dict.fromkeys(record.cost.device for record in replica)),
            threads=max(record.cost.threads for record in replica),
        ),
        weights_sha256="+".join(record.weights_sha256 for record in replica),
        environment=environment(),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        notes=(note, *dict.fromkeys(note for record in replica for note in record.notes)),
    )


def _total(seconds: Sequence[float | None]) -> float | None:
    known = [value for value in seconds if value is not None]
    return math.fsum(known) if len(known) == len(seconds) else None
