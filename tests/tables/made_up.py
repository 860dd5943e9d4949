"""Made-up records and requests for the tests of tables."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from videobench.evaluation.statistics import mean, wilson
from videobench.records import (
    Cost,
    Environment,
    EvaluatedData,
    Metric,
    NetworkSize,
    Record,
    write_record,
)
from videobench.tables.join import TableRequest, TableRow
from videobench.video_outcome import VideoOutcome

NETS = ("R2D", "f-R2D", "R3D", "MC2", "MC3", "MC4", "MC5", "rMC2", "rMC3", "rMC4", "rMC5", "R(2+1)D")

PAPER_SETTINGS: dict[str, object] = {
    "data.name": "kinetics400",
    "subset": "validation",
    "clip.frames": 8,
    "clip.stride": 1,
    "clip.resize": [128, 171],
    "clip.crop": 112,
    "protocol.clips": 10,
    "protocol.grid": "authors",
    "protocol.crops": ["centre"],
    "protocol.flip": False,
    "protocol.average": "softmax_mean",
}


def write_made_up(
    folder: Path,
    digest: str,
    *,
    video_hits: Sequence[bool] | np.ndarray[Any, np.dtype[np.bool_]],
    clip_hits: float | None = None,
    groups: Sequence[str] | None = None,
    videos: Sequence[str] | None = None,
    sources: Sequence[str] | None = None,
    labels: Sequence[int] | None = None,
    num_distinct_views: int = 10,
    fingerprint: str = "f1",
    data_name: str = "synthetic-motion v1",
    num_expected: int | None = None,
    scale: Any = "cpu",
    seed: int | None = 0,
    **changes: Any,
) -> Record:
    """Write a record whose videos were right or wrong as given; its numbers follow from them.

    A wrong video is taken for the next one of seven classes.
    """
    hits = [bool(hit) for hit in video_hits]
    names = list(videos or (f"video{number:04d}" for number in range(len(hits))))
    of_group = list(groups or [""] * len(hits))
    classes = list(labels or (number % 7 for number in range(len(hits))))
    outcomes = [
        VideoOutcome(
            video=name,
            source=source,
            labels=(label,),
            predicted=tuple((label + (not hit) + rank) % 7 for rank in range(5)),
            group=group,
            clip_hits=clip_hits if clip_hits is not None else 0.8 * hit,
            video_hit=hit,
            video_hit_5=True,
            pair_hit=None,
            num_views=10,
            num_distinct_views=num_distinct_views,
        )
        for name, source, hit, group, label in zip(names, sources or names, hits, of_group, classes, strict=True)
    ]

    def metric(values: Sequence[float]) -> Metric:
        found = mean(np.array(values, float))
        interval = found.interval
        return Metric(
            value=found.value,
            low=interval.low,
            high=interval.high,
            covers=interval.covers,
            method=interval.method,
            n=len(values),
        )

    clip_values = [outcome.clip_hits or 0.0 for outcome in outcomes]
    record = Record(
        digest=digest,
        training_digest=None,
        scale=scale,
        seed=seed,
        training=None,
        evaluation={"subset": "test", "data": {"version": 1}},
        data=EvaluatedData(
            name=data_name,
            fingerprint=fingerprint,
            num_expected=num_expected or len(hits),
            num_evaluated=len(hits),
            skipped=(),
            classes_sha256="c1a55",
        ),
        metrics={"clip@1": metric(clip_values), "video@1": metric(hits)},
        groups={
            group: {"video@1": metric([hit for hit, of in zip(hits, of_group, strict=True) if of == group])}
            for group in dict.fromkeys(filter(None, of_group))
        },
        network=NetworkSize(parameters=530_000, conv_fc_weights=520_000, macs=20_000_000),
        cost=Cost(training_seconds=5400.0, evaluation_seconds=60.0, clips=1000, device="cpu", threads=1),
        weights_sha256="beef",
        environment=Environment(
            git_sha="0123456789abcdef",
            dirty=False,
            python="3.11",
            torch="2.13.0",
            av="17.0.0",
            ffmpeg="8.0",
            platform="Linux",
        ),
        created="2026-01-02T03:04:05Z",
    )
    record = dataclasses.replace(record, **changes)
    write_record(folder, record, outcomes)
    return record


def write_paper_record(folder: Path, digest: str, *, percent: float, n: int = 19_906) -> Record:
    """Write a record at paper scale with one given accuracy; its videos aren't needed."""
    low, high = wilson_percent(percent, n)
    number = Metric(value=percent / 100, low=low, high=high, covers="videos", method="wilson", n=n)
    record = write_made_up(
        folder, digest, video_hits=[True], scale="paper", data_name="kinetics400", fingerprint="k400"
    )
    record = dataclasses.replace(
        record,
        metrics={"clip@1": number, "video@1": number},
        data=dataclasses.replace(record.data, num_expected=n, num_evaluated=n),
        network=NetworkSize(parameters=33_371_472, conv_fc_weights=33_361_472, macs=20_348_000_000),
    )
    write_record(folder, record, [])
    return record


def wilson_percent(percent: float, n: int) -> tuple[float, float]:
    """Wilson's interval of a percentage, as fractions."""
    interval = wilson(percent / 100 * n, n)
    return interval.low, interval.high


def table2_row(net: str, *digests: str, frames: int = 8, **changes: Any) -> TableRow:
    """A row of P1's Table 2."""
    row = TableRow(
        name=f"{net} {frames}",
        labels={"net": net, "frames": str(frames)},
        published_row={"net": net},
        digests=digests,
        cells={"video@1": f"video1_{frames}f"},
        settings={**PAPER_SETTINGS, "clip.frames": frames},
        command=f"videobench train closer_look/table2 --only {net}",
    )
    return dataclasses.replace(row, **changes)


def table2_request(*rows: TableRow, scale: Any = "paper", **changes: Any) -> TableRequest:
    """A request for P1's Table 2."""
    request = TableRequest(
        title="Twelve networks",
        experiment="closer_look/table2",
        scale=scale,
        paper="closer_look",
        table="table2",
        rows=rows,
        data_note="Kinetics-400" if scale == "paper" else "synthetic-motion version 1",
    )
    return dataclasses.replace(request, **changes)


def hits(num_right: int, num_videos: int, *, shift: int = 0) -> list[bool]:
    """``num_right`` right videos of ``num_videos``, the first ones after rotating by ``shift``."""
    return [(number - shift) % num_videos < num_right for number in range(num_videos)]


def write_twelve(folder: Path, accuracies: Mapping[str, float], *, num_seeds: int = 3) -> list[TableRow]:
    """Write seeds of some of the twelve networks on 260 videos in three groups, and return their rows."""
    names = ["appearance"] * 60 + ["motion"] * 120 + ["order"] * 80
    rows = []
    for index, (net, accuracy) in enumerate(accuracies.items()):
        digests = []
        for seed in range(num_seeds):
            draws = np.random.default_rng([index, seed]).random(len(names))
            digest = f"{index:02x}{seed:02x}"
            write_made_up(folder, digest, video_hits=draws < accuracy, groups=names, seed=seed)
            digests.append(digest)
        cells = {"clip@1": "clip1_8f", "video@1": "video1_8f"}
        rows.append(table2_row(net, *digests, cells=cells))
    return rows
