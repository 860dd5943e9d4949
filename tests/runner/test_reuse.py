"""What one protocol computed no other computes again, and reusing it changes no number."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from small_experiment import load, records_by_digest, run, write_experiment, write_videos

from videobench.evaluation.score_store import stores_under
from videobench.models.classifier import Classifier
from videobench.records import Record
from videobench.runner import measure as measure_module
from videobench.runner.plan import make_plan
from videobench.runner.workspace import Workspace

PROTOCOLS = ("video_100", "video_10", "clip", "video_20")
NUM_FRAMES, CLIP_FRAMES, NUM_VIDEOS = 150, 2, 6


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with trained weights and nothing measured; the videos are long enough for 100 different clips."""
    home = tmp_path_factory.mktemp("trained")
    write_videos(home / "videos", num_frames=NUM_FRAMES)
    run(write_experiment(home), home, "evaluate.protocol=clip")
    shutil.rmtree(home / "results")
    shutil.rmtree(home / "runs" / "scores")
    return home


@pytest.fixture
def num_forwards(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Tells how many views went through a network since it was last asked."""
    forward, counted = Classifier.forward, [0]

    def counting(model: Classifier, clips: torch.Tensor) -> torch.Tensor:
        counted[0] += 0 if clips.is_meta else len(clips)  # on the meta device its size is found out
        return forward(model, clips)

    def ask() -> int:
        found, counted[0] = counted[0], 0
        return found

    # The network is folded, and what a batch may hold is found out, with an empty clip, which is no view.
    monkeypatch.setattr(measure_module, "folded", lambda model, _: model)
    monkeypatch.setattr(measure_module, "peak_activation_bytes", lambda *_: 2**20)
    monkeypatch.setattr(Classifier, "forward", counting)
    return ask


def measure(trained: Path, home: Path, protocol: str) -> Record:
    """Evaluate by a protocol under ``home``, with the trained weights."""
    if not home.is_dir():
        shutil.copytree(trained / "runs" / "trainings", home / "runs" / "trainings")
    done = run(trained / "small.yaml", home, f"evaluate.protocol={protocol}")
    assert not done.outcome.failures
    (node,) = done.plan.evaluations
    return records_by_digest(home)[node.digest]


def stored(home: Path) -> pd.DataFrame:
    """Everything in the only store, by view."""
    (store,) = stores_under(Workspace(home).scores)
    return store.frame().set_index(["video", "start", "frames", "stride", "crop", "flip"])["logits"]


def starts(num_clips: int) -> set[int]:
    """The authors' grid: clip i of N starts at floor(i (T - L) / (N - 1))."""
    last = NUM_FRAMES - CLIP_FRAMES
    return {i * last // (num_clips - 1) for i in range(num_clips)} if num_clips > 1 else {0}


def test_only_missing_starts_are_computed(trained: Path, tmp_path: Path, num_forwards: Callable[[], int]) -> None:
    """After 100 clips a video, 10 and 1 cost no forward pass and 20 cost their missing starts; all as measured alone.

    Alone means in a home without scores: every logit agrees within 1e-5, and every metric is the same.
    """
    missing = len(starts(20) - starts(100))
    assert 0 < missing <= 18
    expected = {"video_100": 100 * NUM_VIDEOS, "video_10": 0, "clip": 0, "video_20": missing * NUM_VIDEOS}
    records = {}
    for protocol in PROTOCOLS:
        records[protocol] = measure(trained, tmp_path / "shared", protocol)
        assert num_forwards() == records[protocol].cost.clips == expected[protocol], protocol
    shared = stored(tmp_path / "shared")
    assert len(shared) == (100 + missing) * NUM_VIDEOS
    for protocol in PROTOCOLS:
        direct = measure(trained, tmp_path / protocol, protocol)
        alone = stored(tmp_path / protocol)
        assert num_forwards() == len(alone)
        both = shared.loc[alone.index]
        np.testing.assert_allclose(np.stack(both.to_list()), np.stack(alone.to_list()), atol=1e-5, rtol=0)
        assert direct.metrics == records[protocol].metrics


def test_the_run_says_what_it_computes_and_what_was_stored(trained: Path, tmp_path: Path) -> None:
    """Numbers of views at the start and at the end of an evaluation."""
    measure(trained, tmp_path / "home", "video_10")
    done = run(trained / "small.yaml", tmp_path / "home", "evaluate.protocol=video_20")
    values = {event.kind: event.values for event in done.events if event.unit == "evaluation"}
    missing, both = len(starts(20) - starts(10)) * NUM_VIDEOS, len(starts(20) & starts(10)) * NUM_VIDEOS
    assert (values["started"]["num_views"], values["started"]["stored"]) == (missing, both)
    assert (values["finished"]["computed"], values["finished"]["stored"]) == (missing, both)


def test_a_damaged_shard_is_told_and_its_views_computed_again(
    trained: Path, tmp_path: Path, num_forwards: Callable[[], int]
) -> None:
    """Cut short, it is left out of the store; the run counts it at the start and at the end."""
    before = measure(trained, tmp_path / "home", "video_10")
    shutil.rmtree(tmp_path / "home" / "results")
    (store,) = stores_under(Workspace(tmp_path / "home").scores)
    (shard,) = store.folder.glob("shard-*")
    shard.write_bytes(shard.read_bytes()[:-50])
    num_forwards()
    done = run(trained / "small.yaml", tmp_path / "home", "evaluate.protocol=video_10")
    assert num_forwards() == 10 * NUM_VIDEOS
    values = [event.values for event in done.events if event.unit == "evaluation" and event.kind != "progress"]
    assert [value["unreadable"] for value in values] == [1, 1]
    assert records_by_digest(tmp_path / "home")[before.digest].metrics == before.metrics


def test_a_store_names_the_training_of_its_weights(trained: Path, tmp_path: Path) -> None:
    """The training's digest, a label for people, and the card that lies beside the weights."""
    measure(trained, tmp_path / "home", "clip")
    (store,) = stores_under(Workspace(tmp_path / "home").scores)
    plan = make_plan(load(trained / "small.yaml"), Workspace(trained))
    assert store.origin is not None
    assert store.origin.training == plan.trainings[0].digest
    assert "R3D" in store.origin.label
    assert store.origin.card is not None
    assert store.origin.card["sha256"] == store.key.weights_sha256
