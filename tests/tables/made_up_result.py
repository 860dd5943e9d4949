"""A table result made by hand: what rendering starts from, independent of records and of statistics."""

from videobench.tables.result import (
    Cell,
    Difference,
    Ours,
    PairCount,
    Provenance,
    PublishedNumber,
    Row,
    Statement,
    TableResult,
)


def _ours(value: float, half: float) -> Ours:
    return Ours(
        value=value,
        low=value - half,
        high=value + half,
        covers="videos and seeds",
        method="t over seeds and videos",
        num_videos=1300,
        num_seeds=3,
        sd=0.01,
    )


def _cell(metric: str, text: str, column: str, ours: Ours | None) -> Cell:
    return Cell(
        metric=metric,
        ours=ours,
        published=PublishedNumber(text=text, status="verified", column=column),
        difference=None,
        verdict="n/c" if ours else "pending",
        notes=(1,) if ours else (2,),
        command=None if ours else "videobench train closer_look/table2 --only MC3",
    )


def _row(net: str, clip: tuple[str, Ours | None], video: tuple[str, Ours | None], params: str) -> Row:
    done = video[1]
    return Row(
        name=net,
        labels={"net": net, "frames": "8"},
        cells=(_cell("clip@1", clip[0], "clip1_8f", clip[1]), _cell("video@1", video[0], "video1_8f", done)),
        groups={"motion": {"video@1": _ours(0.9, 0.02)}, "order": {"video@1": _ours(0.5, 0.1)}} if done else {},
        parameters=531_704 if done else None,
        published_parameters=params,
        macs=21_560_000 if done else None,
        cost={"training_seconds": 951.5 if done else None},
        num_evaluated=1299 if done else None,
        num_expected=1300 if done else None,
        digests=("0123456789abcdef", "1", "2") if done else ("fedcba9876543210",),
    )


HAND_MADE = TableResult(
    title="Twelve networks",
    experiment="closer_look/table2",
    scale="cpu",
    data_note="synthetic-motion version 1",
    paper="A Closer Look at Spatiotemporal Convolutions for Action Recognition (CVPR 2018)",
    table="Table 2",
    dataset="Kinetics-400 validation",
    margin_points=1.0,
    rows=(
        _row("R(2+1)D", ("52.8", _ours(0.701, 0.031)), ("64.8", _ours(0.82, 0.0149)), "33.3"),
        _row("R3D", ("49.4", _ours(0.6, 0.02)), ("61.8", _ours(0.75, 0.021)), "33.4"),
        _row("MC3", ("50.7", None), ("62.9", None), "11.7"),
    ),
    footnotes=(
        "synthetic-motion version 1 at cpu scale: other data and size than the paper's",
        "to fill it: videobench train closer_look/table2 --only MC3",
    ),
    statements=(
        Statement(
            claim="r2plus1d-best",
            text="R(2+1)D lies above every other network",
            column="video1_8f",
            metric="video@1",
            group=None,
            verdict="pending",
            agree=1,
            contradict=0,
            undecided=0,
            pending=1,
            weakest=Difference(value=0.07, low=0.031, high=0.109),
            between=("R(2+1)D", "R3D"),
        ),
        Statement(
            claim="r2plus1d-best",
            text="R(2+1)D lies above every other network",
            column="video1_8f",
            metric="video@1",
            group="order",
            verdict="pending",
            agree=0,
            contradict=0,
            undecided=0,
            pending=2,
            weakest=None,
            between=None,
        ),
    ),
    pairs=(
        PairCount(
            column="video1_8f",
            metric="video@1",
            group=None,
            agree=1,
            contradict=0,
            undecided=0,
            pending=2,
        ),
    ),
    provenance=Provenance(
        git_shas=("0123456789ab", "fedcba987654 with uncommitted changes"),
        versions=("torch 2.13.0, PyAV 17.0.0, FFmpeg 8.0",),
        devices=("cpu",),
        first_created="2026-01-02T03:04:05Z",
        last_created="2026-01-05T03:04:05Z",
        num_videos=(1299, 1300),
        num_seeds=(3,),
        covers=("videos and seeds",),
    ),
)
