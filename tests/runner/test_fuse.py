"""Fusing stored scores: what the record says, which runs fit together, and that nothing is computed again."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_experiment import records_by_digest, run, write_experiment

from videobench.errors import ConfigError, DataError, VideobenchError
from videobench.evaluation.metrics import aggregate
from videobench.records import Record, read_record, read_videos
from videobench.run_reference import Run, find_run
from videobench.runner.fuse import FusedRuns, fuse_runs
from videobench.runner.stored import stored_run
from videobench.runner.workspace import Workspace
from videobench.spec.fusion import Form

ROWS = """\
seeds: [0, 1]
rows:
  R3D, plain: {}
  MC3, by logits: {network: {name: MC3}, evaluate: {protocol: {clips: 10, average: logit_mean}}}
"""
NAMES = {"one": "R3D, plain", "two": "MC3, by logits"}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which both rows are done with two seeds; the experiment lies in it, its videos are gone."""
    home = tmp_path_factory.mktemp("trained")
    run(write_experiment(home, ROWS), home)
    run(home / "small.yaml", home, "evaluate.subset=train", "seed=0", only=["MC3, by logits"])
    shutil.rmtree(home / "videos")
    return home


@pytest.fixture
def home(trained: Path, tmp_path: Path) -> Path:
    """A copy of that home of one's own."""
    shutil.copytree(trained, tmp_path / "home")
    return tmp_path / "home"


def runs_of(home: Path, names: Mapping[str, str] = NAMES) -> dict[str, Run]:
    folder = Workspace(home).records
    return {name: find_run(f"{home / 'small.yaml'}#{row}", scale=None, folder=folder) for name, row in names.items()}


def fuse(
    home: Path, runs: Mapping[str, Run], *, form: Form = "mean", weights: Sequence[float] | None = None
) -> FusedRuns:
    return fuse_runs(runs, form=form, weights=weights, workspace=Workspace(home))


def test_each_seed_becomes_a_record(home: Path) -> None:
    """The record has the accuracy of the mean of both softmax scores, and says what it is made of."""
    runs = runs_of(home)
    fused = fuse(home, runs)
    assert [record.seed for record in fused.records] == [0, 1]
    for record, *pair in zip(fused.records, *(each.records for each in runs.values()), strict=True):
        one, two = (stored_run(each, Workspace(home)) for each in pair)
        logits = np.exp(aggregate(two.scores, "logit_mean").scores)
        scores = aggregate(one.scores, "softmax_mean").scores + logits / logits.sum(axis=1, keepdims=True)
        best = dict(zip(one.scores.videos, scores.argmax(axis=1), strict=True))
        hits = [best[video.id] in video.labels for video in one.videos.videos]
        assert record.metrics["video@1"].value == pytest.approx(np.mean(hits))
        assert record.metrics["video@1"].method == "wilson"
        assert "clip@1" not in record.metrics
        assert record.evaluation["fusion"] == {
            "streams": {"one": pair[0].digest, "two": pair[1].digest},
            "weights": {"one": 0.5, "two": 0.5},
            "form": "mean",
        }
        assert record.network.parameters == sum(each.network.parameters for each in pair)
        assert record.cost.training_seconds == sum(each.cost.training_seconds or 0 for each in pair)
        assert record.weights_sha256 == "+".join(each.weights_sha256 for each in pair)
        videos = read_videos(Workspace(home).records, record.digest)
        assert [video.num_views for video in videos] == [20] * 6
        assert [video.clip_hits for video in videos] == [None] * 6
        assert read_record(Workspace(home).records, record.digest) == record
    notes = {note for record in fused.records for note in record.notes}
    assert notes == {
        f"fused from one = {runs['one'].name} (weight 0.5), two = {runs['two'].name} (weight 0.5):"
        " weighted mean of softmax scores"
    }


def test_the_curve_ends_at_the_streams_alone(home: Path) -> None:
    """At weight 1 and 0 it has their own accuracies, at the weight that counts the records'; it is the seeds' mean."""
    runs = runs_of(home)
    fused = fuse(home, runs)
    assert fused.curve is not None

    def mean(records: Sequence[Record]) -> float:
        return float(np.mean([record.metrics["video@1"].value for record in records]))

    expected = [mean(runs["two"].records), mean(fused.records), mean(runs["one"].records)]
    assert [fused.curve[place] for place in (0, 10, 20)] == pytest.approx(expected)


def test_only_ratios_of_weights_count(home: Path) -> None:
    """3 : 2 is 0.6 : 0.4, another record than 1 : 1; so is the other form."""
    runs = runs_of(home)
    fused = fuse(home, runs, weights=[3, 2])
    assert fused.weights == {"one": 0.6, "two": 0.4}
    again = fuse(home, runs, weights=[0.6, 0.4])
    digests = [record.digest for record in fused.records]
    assert [record.digest for record in again.records] == digests
    digests += [record.digest for record in fuse(home, runs).records]
    digests += [record.digest for record in fuse(home, runs, form="l2norm_sum").records]
    assert len(set(digests)) == 6


def test_replicas_are_paired_by_seed(home: Path) -> None:
    """Runs that name the same seeds in another order are fused seed by seed all the same."""
    runs = runs_of(home)
    turned = {"one": runs["one"], "two": Run(runs["two"].name, runs["two"].records[::-1])}
    assert [record.digest for record in fuse(home, turned).records] == [
        record.digest for record in fuse(home, runs).records
    ]


def test_three_streams_have_no_curve(home: Path) -> None:
    """More than two streams are fused all the same."""
    one, two = runs_of(home).values()
    three = Run("three", (replace(one.records[0], digest=16 * "3"),))
    fused = fuse(home, {"one": first(one), "two": first(two), "three": three})
    assert fused.curve is None
    assert fused.weights["three"] == pytest.approx(1 / 3)


def first(run: Run) -> Run:
    return Run(run.name, run.records[:1])


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1], "1 weights for 2 streams: one, two"),
        ([1, 0], "0 is no weight"),
        ([1, -2], "-2 is no weight"),
        ([float("nan"), 1], "nan is no weight"),
        ([float("inf"), 1], "inf is no weight"),
    ],
)
def test_wrong_weights(trained: Path, weights: Sequence[float], message: str) -> None:
    """There is one positive number for each stream."""
    with pytest.raises(ConfigError, match=message):
        fuse(trained, runs_of(trained), weights=weights)


def test_runs_that_do_not_pair(trained: Path) -> None:
    """One stream, unequal numbers of seeds, one evaluation twice and two scales are refused."""
    one, two = runs_of(trained).values()
    with pytest.raises(ConfigError, match="one stream can't be fused"):
        fuse(trained, {"one": one})
    with pytest.raises(ConfigError, match="one has 2, two has 1"):
        fuse(trained, {"one": one, "two": first(two)})
    with pytest.raises(ConfigError, match="the same evaluation"):
        fuse(trained, {"one": one, "two": one})
    with pytest.raises(ConfigError, match="different scales: cpu, gpu"):
        fuse(trained, {"one": first(one), "two": Run("two", (replace(two.records[0], scale="gpu"),))})


def test_other_videos(home: Path) -> None:
    """Streams of other videos are refused, the videos named, and no record is written for any seed."""
    (on_train,) = [record for record in records_by_digest(home).values() if record.evaluation["subset"] == "train"]
    one = runs_of(home)["one"]
    other = Run("two", (runs_of(home)["two"].records[0], on_train))
    before = set(records_by_digest(home))
    with pytest.raises(DataError, match="12 videos stand in only one of the streams one and two: test/bright/0"):
        fuse(home, {"one": one, "two": other})
    assert set(records_by_digest(home)) == before


def test_a_fused_result_has_no_scores(home: Path) -> None:
    """It can't be fused again; the message names its streams. Where there are no scores, that is said."""
    runs = runs_of(home)
    fused = fuse(home, runs)
    with pytest.raises(DataError, match="a fused result has no scores of its own") as caught:
        fuse(home, {"one": runs["one"], "both": Run("both", fused.records)})
    assert f"one is {runs['one'].records[0].digest}" in str(caught.value)
    shutil.rmtree(home / "runs" / "scores")
    with pytest.raises(VideobenchError, match="not here"):
        fuse(home, runs)


def test_a_record_of_another_version(trained: Path) -> None:
    """A record whose settings this version doesn't know is named."""
    runs = runs_of(trained)
    record = runs["two"].records[0]
    protocol = {**record.evaluation["protocol"], "unheard_of": 1}
    strange = Run("two", (replace(record, evaluation={**record.evaluation, "protocol": protocol}),))
    with pytest.raises(DataError, match=f"{record.digest}: it was measured by another version"):
        fuse(trained, {"one": first(runs["one"]), "two": strange})
