"""What an evaluation leaves behind: its videos beside their scores, and how a record finds both again."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from small_experiment import load, records_by_digest, run, write_experiment

from videobench.data.video_set import Skipped, Video, VideoInfo, VideoSet, fingerprint
from videobench.errors import DataError, IncompleteError
from videobench.evaluation.metrics import aggregate
from videobench.evaluation.score_store import stores_under
from videobench.records import Record, read_videos
from videobench.runner.plan import make_plan
from videobench.runner.stored import (
    labels_of_sets,
    network_in_key,
    recall_latest,
    recall_videos,
    remember_videos,
    score_key,
    stored_run,
    weights_origin,
)
from videobench.runner.workspace import Workspace
from videobench.spec.clip import Clip
from videobench.spec.dataset import ClassFolders
from videobench.spec.head import AverageHead
from videobench.spec.network import VideoResNet
from videobench.spec.units import WeightsFile

DATA = ClassFolders(type="class_folders", name="small", folds=5, split=2)
VIDEOS = VideoSet(
    name="small",
    classes=("run", "walk"),
    videos=(
        Video("run/ä.mp4", Path("run/ä.mp4"), (0,), "g01", VideoInfo(14, 16, 12, 25.0, 999)),
        Video("walk/1.mp4", Path("walk/1.mp4"), (1, 0), None, VideoInfo(20, 16, 12, 29.97, 1234)),
    ),
    class_groups={"run": "motion"},
    class_pairs={"run": "pair", "walk": "pair"},
    skipped=(Skipped("walk/2.mp4", "no frame can be decoded"),),
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which the small experiment is done with ten clips a video; its videos are gone."""
    home = tmp_path_factory.mktemp("trained")
    run(write_experiment(home), home)
    shutil.rmtree(home / "videos")
    return home


@pytest.fixture
def home(trained: Path, tmp_path: Path) -> Path:
    """A copy of that home of one's own."""
    shutil.copytree(trained, tmp_path / "home")
    return tmp_path / "home"


def only_record(home: Path) -> Record:
    (record,) = records_by_digest(home).values()
    return record


def test_videos_come_back_as_they_were_measured(tmp_path: Path) -> None:
    """By their fingerprint and by their data set: ids, labels, sources, sizes, groups, pairs and what was skipped."""
    workspace = Workspace(tmp_path)
    remember_videos(VIDEOS, DATA, "test", workspace)
    assert recall_videos(fingerprint(VIDEOS), workspace) == VIDEOS
    assert list(recall_latest(DATA, "test", workspace)) == [VIDEOS]
    assert list(recall_latest(DATA, "train", workspace)) == []
    assert list(recall_latest(replace_split(1), "test", workspace)) == []
    assert labels_of_sets(workspace) == {fingerprint(VIDEOS)[:16]: f"small test, {DATA.partition}"}


def replace_split(split: int) -> ClassFolders:
    return DATA.model_copy(update={"split": split})


def test_the_version_met_last_comes_first(tmp_path: Path) -> None:
    """Also when it had been measured before the others; what was skipped is that of the last time."""
    workspace = Workspace(tmp_path)
    fewer = replace(VIDEOS, videos=VIDEOS.videos[:1])
    whole = replace(VIDEOS, skipped=())
    for videos in (VIDEOS, fewer, whole):
        remember_videos(videos, DATA, "test", workspace)
    assert list(recall_latest(DATA, "test", workspace)) == [whole, fewer]


def test_the_same_videos_under_two_names_are_both_remembered(tmp_path: Path) -> None:
    """Two experiments may describe the same files differently; each finds them by its own words."""
    workspace = Workspace(tmp_path)
    other = DATA.model_copy(update={"classes": 2})
    for data in (DATA, other):
        remember_videos(VIDEOS, data, "test", workspace)
    assert list(recall_latest(DATA, "test", workspace)) == list(recall_latest(other, "test", workspace)) == [VIDEOS]
    assert recall_videos(fingerprint(VIDEOS), workspace) == VIDEOS


def test_unknown_videos_are_a_data_error(tmp_path: Path) -> None:
    """It names the folder to bring along."""
    with pytest.raises(DataError, match=r"fingerprint 0123.* is not here\nbring the folder runs/scores/sets along"):
        recall_videos("0123" * 16, Workspace(tmp_path))


def test_a_record_finds_its_scores(home: Path) -> None:
    """All its views with their scores, from which its outcome follows, without the videos."""
    record = only_record(home)
    found = stored_run(record, Workspace(home))
    assert {video: len(views) for video, views in found.wanted.items()} == dict.fromkeys(found.scores.videos, 10)
    best = aggregate(found.scores, found.protocol.average).scores.argmax(axis=1)
    outcomes = {outcome.video: outcome for outcome in read_videos(Workspace(home).records, record.digest)}
    assert [outcomes[video].predicted[0] for video in found.scores.videos] == best.tolist()


def test_what_is_missing_of_a_record_is_an_error(home: Path) -> None:
    """No list of videos and no store are data errors; missing views are an incomplete evaluation."""
    record, workspace = only_record(home), Workspace(home)
    more = {**record.evaluation, "protocol": {**record.evaluation["protocol"], "clips": 20}}
    with pytest.raises(IncompleteError, match="18 views in all"):
        stored_run(replace(record, evaluation=more), workspace)
    with pytest.raises(DataError, match="no store of scores here"):
        stored_run(replace(record, weights_sha256="0" * 64), workspace)
    shutil.rmtree(workspace.scores / "sets")
    with pytest.raises(DataError, match="is not here"):
        stored_run(record, workspace)


def test_the_key_has_everything_that_decides_the_scores(home: Path) -> None:
    """Clips of other lengths share a store; other sizes of the frames don't, nor a file's weights in other networks."""
    clip = Clip(frames=8, resize=(16, 16), crop=16)
    key = score_key("w", "d", clip, "")
    assert key == score_key("w", "d", clip.model_copy(update={"frames": 16, "stride": 2}), "")
    assert key != score_key("w", "d", clip.model_copy(update={"resize": (20, 20)}), "")
    (store,) = stores_under(Workspace(home).scores)
    record = only_record(home)
    assert store.key == score_key(record.weights_sha256, record.data.fingerprint, clip, "")


def test_what_a_key_says_of_the_network() -> None:
    """Nothing where the weights' card names it; else what tells it from others that the weights fit as well."""
    network, head = VideoResNet(name="R3D"), AverageHead()
    card = {"network": network.model_dump(mode="json"), "head": head.model_dump(mode="json"), "frames": 8}
    assert network_in_key(card, network, head) == ""
    theirs = network.model_copy(update={"flavour": "torchvision"})
    texts = {network_in_key(None, network, head), network_in_key(card, theirs, head), ""}
    assert len(texts) == 3


def test_the_origin_of_weights() -> None:
    """A training is named by its digest and told in words; a file by its name, wherever it lies."""
    assert weights_origin(WeightsFile(file="/far/away/r3d.pth"), None).label == "r3d.pth"
    assert weights_origin(WeightsFile(file="/far/away/r3d.pth"), None).training is None


def test_the_origin_of_a_training(trained: Path) -> None:
    """Its digest, and the network, clip and seed in words; the card is passed on."""
    (node,) = make_plan(load(trained / "small.yaml"), Workspace(trained)).trainings
    origin = weights_origin(node.training, {"sha256": "s"})
    assert (origin.training, origin.card) == (node.digest, {"sha256": "s"})
    assert origin.label == "R3D-18, 2 frames, seed 0"
