"""Networks train on flow and are measured on it: found beside the data set, checked, and recorded as flow."""

import shutil
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest
from small_experiment import BASE, load, records_by_digest, run, write_experiment

from videobench.data.video_set import fingerprint, originals
from videobench.errors import ConfigError, DataError
from videobench.runner.build import build_dataset
from videobench.runner.data_sets import Checked, DataSets
from videobench.runner.flow import build_input, find_input, flow_folder
from videobench.runner.flow_extraction import compute_flow, flow_jobs
from videobench.runner.from_scores import execute_from_scores
from videobench.runner.plan import make_plan
from videobench.runner.stored import stored_run
from videobench.runner.workspace import Workspace
from videobench.spec.clip import Clip
from videobench.spec.dataset import ClassFolders, SyntheticMotion

SYNTHETIC = "{type: synthetic_motion, train_videos_per_class: 1, test_videos_per_class: 1}"
TWO_STREAMS = "rows:\n  rgb: {}\n  flow: {clip: {modality: flow, flow_algorithm: farneback}}\n"


def compute(path: Path, home: Path, **changed: Any) -> list[Checked]:
    """Compute the flow of the experiment's videos."""
    workspace = Workspace(home)
    plan = make_plan(load(path), workspace)
    how = {"algorithm": None, "bound": 20.0, "size": None, "out": None, **changed}
    jobs = flow_jobs([*plan.trainings, *plan.evaluations], workspace, **how)
    data_sets = DataSets(workspace, 1, lambda _: None, bool)
    return [compute_flow(job, data_sets) for job in jobs]


@pytest.fixture
def small(tmp_path: Path) -> Path:
    return write_experiment(tmp_path, TWO_STREAMS)


def inputs(path: Path, home: Path, **changed: Any) -> Any:
    """Return the test set of the row of flow."""
    evaluation = load(path).rows[1].replicas[0].evaluation
    data = evaluation.data.model_copy(update=changed)
    return build_input(data, "test", evaluation.clip, Workspace(home))


def test_two_streams_from_videos_to_records(small: Path, tmp_path: Path) -> None:
    """Both rows are trained and measured; the flow's clips are cut from one field less than there are frames."""
    results = compute(small, tmp_path)
    assert [result.label for result in results] == ["small, train, farneback", "small, test, farneback"]
    assert [(result.facts["done"], result.facts["fields"]) for result in results] == [(6, 78), (6, 78)]
    assert run(small, tmp_path).outcome.failures == []
    records = {str(record.evaluation["clip"]["modality"]): record for record in records_by_digest(tmp_path).values()}
    rgb, flow = records["rgb"], records["flow"]
    assert flow.training is not None
    assert flow.training["clip"]["modality"] == "flow"
    assert flow.network.parameters < rgb.network.parameters  # a stem of two channels
    assert rgb.data.original_fingerprint is None
    assert flow.data.fingerprint != rgb.data.fingerprint
    assert flow.data.videos_fingerprint == rgb.data.videos_fingerprint
    stored = stored_run(flow, Workspace(tmp_path))
    assert {video.info.num_frames for video in stored.videos.videos if video.info} == {13}
    assert stored.videos.modality == "flow"
    assert fingerprint(originals(stored.videos)) == rgb.data.fingerprint


def test_stored_scores_of_flow_are_enough(small: Path, tmp_path: Path) -> None:
    """Without videos or flow, its record comes from its own scores and is what it was."""
    compute(small, tmp_path)
    run(small, tmp_path)
    before = records_by_digest(tmp_path)
    shutil.rmtree(tmp_path / "videos")
    shutil.rmtree(tmp_path / "videos-flow")
    shutil.rmtree(Workspace(tmp_path).records)
    workspace = Workspace(tmp_path)
    outcome = execute_from_scores(make_plan(load(small), workspace), workspace, keep_going=False, report=lambda _: None)
    assert not outcome.failures
    after = records_by_digest(tmp_path)
    assert {digest: (each.metrics, each.data) for digest, each in after.items()} == {
        digest: (each.metrics, each.data) for digest, each in before.items()
    }


def test_other_flow_under_a_finished_training_is_told(small: Path, tmp_path: Path) -> None:
    """Flow computed anew at another bound is other data than the network was trained on."""
    compute(small, tmp_path)
    run(small, tmp_path)
    shutil.rmtree(tmp_path / "videos-flow")
    compute(small, tmp_path, bound=8.0)
    with pytest.raises(DataError, match="changed after this training was run"):
        run(small, tmp_path, "evaluate.protocol=clip")


def test_where_flow_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder for each algorithm in the one that is named or, without a name, in the one beside the data set."""
    monkeypatch.setenv("VIDEOBENCH_DATA", str(tmp_path))
    (tmp_path / "own").mkdir()
    workspace = Workspace(tmp_path)
    own = ClassFolders(type="class_folders", name="own")
    assert flow_folder(own, "tvl1", workspace) == tmp_path / "own-flow" / "tvl1"
    assert flow_folder(own.model_copy(update={"flow": "/x"}), "farneback", workspace) == Path("/x/farneback")
    made = flow_folder(SyntheticMotion(type="synthetic_motion"), "tvl1", workspace)
    assert made == tmp_path / "synthetic-motion-flow" / "tvl1"


def test_missing_flow_is_told_before_anything_runs(small: Path, tmp_path: Path) -> None:
    """No flow at all, and flow of some videos only, each with the command that computes it."""
    with pytest.raises(DataError, match=r"there is no farneback flow of small\n.*videobench data flow"):
        run(small, tmp_path)
    compute(small, tmp_path)
    (tmp_path / "videos-flow" / "farneback" / "test" / "red" / "1.mp4.mkv").unlink()
    with pytest.raises(DataError, match=r"1 of 6 videos of small have no farneback flow: test/red/1\.mp4\n"):
        run(small, tmp_path)
    left = inputs(small, tmp_path, on_error="skip")
    assert (len(left.videos), [skipped.video for skipped in left.skipped]) == (5, ["test/red/1.mp4"])


def test_the_embedded_flow_is_made_on_first_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On frames of their own size whatever the clip's is; what is there is not made again, what got lost is."""
    data = SyntheticMotion(type="synthetic_motion", test_videos_per_class=1)
    clip = Clip(frames=4, modality="flow", flow_algorithm="farneback", resize=(20, 24), crop=16)
    workspace = Workspace(tmp_path)
    find_input(data, "test", clip, workspace)
    assert not (tmp_path / "runs" / "data").exists()
    made = build_input(data, "test", clip, workspace)
    assert {(video.info.num_frames, video.info.height) for video in made.videos if video.info} == {(63, 28)}
    assert fingerprint(originals(made)) == fingerprint(build_dataset(data, "test", workspace))
    lost = made.videos[3].path
    before = {video.path: video.path.stat().st_mtime_ns for video in made.videos}
    lost.unlink()
    again = build_input(data, "test", clip, workspace)
    assert fingerprint(again) == fingerprint(made)
    changed = [path for path, time in before.items() if path.stat().st_mtime_ns != time]
    assert changed == [lost]

    lost.unlink()
    monkeypatch.setattr("videobench.runner.flow.extract_flow", lambda *_, **__: pytest.fail("is the user's to make"))
    own = data.model_copy(update={"flow": str(flow_folder(data, "farneback", workspace).parent)})
    with pytest.raises(DataError, match="1 of 13 videos of synthetic-motion v1 have no farneback flow"):
        build_input(own, "test", clip, workspace)


def test_the_embedded_flow_needs_opencv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """That it is missing shows at once, not after the videos are made."""
    monkeypatch.setitem(sys.modules, "cv2", None)
    clip = Clip(frames=4, modality="flow")
    with pytest.raises(ConfigError, match="OpenCV, which is not installed"):
        find_input(SyntheticMotion(type="synthetic_motion"), "test", clip, Workspace(tmp_path))


def test_the_command_makes_the_same_embedded_flow(tmp_path: Path) -> None:
    """`data flow` computes it at the same size, so that both can be used together."""
    base = BASE.replace("{type: class_folders, name: small, root: videos}", SYNTHETIC)
    path = write_experiment(tmp_path, "rows: {flow: {clip: {modality: flow, flow_algorithm: farneback}}}\n", base=base)
    by_command = compute(path, tmp_path)
    assert [result.facts["done"] for result in by_command] == [13, 13]
    (replica,) = load(path).rows[0].replicas
    more = replica.evaluation.data.model_copy(update={"test_videos_per_class": 2})
    assert len(build_input(more, "test", replica.evaluation.clip, Workspace(tmp_path)).videos) == 26


def test_a_folder_that_is_named_is_read(small: Path, tmp_path: Path) -> None:
    """data.flow names the folder that --out filled."""
    compute(small, tmp_path, out=tmp_path / "elsewhere")
    assert not (tmp_path / "videos-flow").exists()
    assert len(inputs(small, tmp_path, flow=str(tmp_path / "elsewhere")).videos) == 6


def test_size_and_algorithm_are_the_clips(tmp_path: Path) -> None:
    """Unless they are given; clips of two sizes leave the choice to the user."""
    rest = "rows:\n  a: {clip: {modality: flow}}\n  b: {clip: {modality: flow, resize: [18, 20]}}\n"
    path = write_experiment(tmp_path, rest)
    with pytest.raises(ConfigError, match="are resized to"):
        compute(path, tmp_path)
    found = compute(path, tmp_path, size=20, algorithm="farneback")
    assert [Path(result.facts["folder"]).name for result in found] == ["farneback", "farneback"]


def test_without_rows_of_flow_all_videos_get_it(tmp_path: Path) -> None:
    """An experiment of colours says which videos it reads, and that is enough."""
    path = write_experiment(tmp_path, "rows: {rgb: {}}\n")
    assert [result.facts["done"] for result in compute(path, tmp_path, algorithm="farneback")] == [6, 6]


def test_broken_videos_are_findings(small: Path, tmp_path: Path) -> None:
    """The flow of the others is computed all the same."""
    (tmp_path / "videos" / "test" / "red" / "1.mp4").write_bytes(b"no video")
    _, result = compute(small, tmp_path)
    assert result.facts["done"] == 5
    assert [(finding.kind, finding.videos) for finding in result.findings] == [("unreadable", ("test/red/1.mp4",))]


def test_pairs_of_pictures_need_no_extraction(small: Path, tmp_path: Path) -> None:
    """Frames and pairs in one folder a video, as mmaction2 lays them out: N frames, N - 1 pairs."""
    shutil.rmtree(tmp_path / "videos")
    for subset in ("train", "test"):
        for name in ("dark", "bright", "red"):
            write_pictures(tmp_path / "videos" / subset / name / "0", num_frames=4)
    flow = inputs(small, tmp_path)
    assert {video.info.num_frames for video in flow.videos} == {3}
    data = load(small).rows[0].replicas[0].evaluation.data
    frames = build_dataset(data, "test", Workspace(tmp_path))
    assert {video.info.num_frames for video in frames.videos if video.info} == {4}
    assert fingerprint(originals(flow)) == fingerprint(frames)
    assert run(small, tmp_path).outcome.failures == []


def write_pictures(folder: Path, *, num_frames: int) -> None:
    """Write frames and pairs of flow, all of one grey."""
    folder.mkdir(parents=True)
    context = av.CodecContext.create("mjpeg", "w")
    assert isinstance(context, av.VideoCodecContext)
    context.width, context.height, context.pix_fmt, context.time_base = 16, 16, "yuvj420p", Fraction(1, 25)
    (packet,) = [*context.encode(av.VideoFrame(16, 16, "yuvj420p")), *context.encode(None)]
    for number in range(1, num_frames + 1):
        for kind in ("img", "flow_x", "flow_y"):
            if kind == "img" or number < num_frames:
                (folder / f"{kind}_{number:05d}.jpg").write_bytes(bytes(packet))
