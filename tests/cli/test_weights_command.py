"""`videobench weights`: what people and programs learn about files of weights, and what they can do with them."""

import hashlib
import json
import pickle
from pathlib import Path

import pytest
import torch
from commands import call, write_experiment
from torch import Tensor

from videobench.models.classifier import Classifier
from videobench.models.video_resnet import video_resnet
from videobench.models.weights.caffe2 import blob_names
from videobench.models.weights.torchvision import torchvision_names
from videobench.published import released
from videobench.published.paper import load_paper
from videobench.runner import download
from videobench.spec.expand import load_experiment
from videobench.spec.row import Replica
from videobench.spec.units import WeightsFile


def network(name: str = "R3D", num_classes: int = 3) -> Classifier:
    torch.manual_seed(0)
    return video_resnet(name, num_classes=num_classes, frames=8, width=4)


def torchvision_file(path: Path, **settings: object) -> dict[str, Tensor]:
    state = network(**settings).state_dict()  # type: ignore[arg-type]
    names = torchvision_names(state)
    tensors = {names[name]: tensor for name, tensor in state.items()}
    torch.save({"model": tensors, "epoch": 3}, path)
    return tensors


def caffe2_file(path: Path) -> None:
    state = network().state_dict()
    names = blob_names(state, ["last_out_L3_w", "last_out_L3_b"])
    blobs = {f"gpu_0/{blob}": state[name].numpy() for name, blob in names.items()}
    path.write_bytes(pickle.dumps({"blobs": blobs}, 2))


def test_inspect_tells_the_network(tmp_path: Path) -> None:
    """Without being told anything: names, network, classes, channels, parameters."""
    caffe2_file(tmp_path / "a.pkl")
    shown = call("weights", "inspect", tmp_path / "a.pkl")
    assert shown.code == 0
    for text in ("R3D-18 of width 4, 3 classes, RGB", "Caffe2", "102 fit", "{type: video_resnet, name: R3D, depth: 18"):
        assert text in shown.out
    found = json.loads(call("weights", "inspect", tmp_path / "a.pkl", "--json").out)
    assert found["network"]["width"] == 4
    assert found["classes"] == 3
    assert found["parameters"] == sum(parameter.numel() for parameter in network().parameters())
    assert found["sha256"] == hashlib.sha256((tmp_path / "a.pkl").read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"encoder.weight": torch.ones(2)}, "of no network known here: it begins with encoder.weight"),
        ({"backbone.conv1.conv.conv_s.weight": torch.ones(83, 3, 1, 7, 7)}, "this is mmaction2's R(2+1)D"),
        ({"roi_heads.box.weight": torch.ones(2)}, "this is an object detector"),
    ],
)
def test_other_files_end_with_4(tmp_path: Path, tensors: dict[str, Tensor], message: str) -> None:
    """What the file is instead is in the message."""
    torch.save(tensors, tmp_path / "a.pth")
    shown = call("weights", "inspect", tmp_path / "a.pth")
    assert shown.code == 4
    assert message in shown.err.replace("\n", " ")


def test_one_lacking_tensor_ends_with_4(tmp_path: Path) -> None:
    """A network that is known must be there whole."""
    tensors = torchvision_file(tmp_path / "a.pth")
    del tensors["layer1.0.conv1.1.running_mean"]
    torch.save(tensors, tmp_path / "a.pth")
    shown = call("weights", "inspect", tmp_path / "a.pth")
    assert shown.code == 4
    assert "1 missing from the file: backbone.group2.0.norm1.running_mean (layer1.0.conv1.1.running_mean)" in shown.err


def test_convert_and_export_give_the_same_weights(tmp_path: Path) -> None:
    """From Caffe2's names to ours to torchvision's, nothing is changed or lost; class names come along."""
    caffe2_file(tmp_path / "a.pkl")
    (tmp_path / "classes.txt").write_text("walk\nrun\njump\n")
    converted = call("weights", "convert", tmp_path / "a.pkl", "--to", tmp_path / "own", "--classes",
                     tmp_path / "classes.txt")  # fmt: skip
    assert converted.code == 0
    found = json.loads(call("weights", "inspect", tmp_path / "own", "--json").out)
    assert found["class_names"] == ["walk", "run", "jump"]
    assert found["holds"] == "R3D-18 of width 4, 3 classes, RGB"
    exported = call("weights", "export", tmp_path / "own", "--to", tmp_path / "tv.pth")
    assert exported.code == 0
    assert "epsilon" in exported.err
    tensors = torch.load(tmp_path / "tv.pth", weights_only=True)
    expected = torchvision_file(tmp_path / "expected.pth")
    assert tensors.keys() == expected.keys()
    for name, tensor in tensors.items():
        assert torch.equal(tensor, expected[name]), name


def test_convert_wants_a_name_for_each_class(tmp_path: Path) -> None:
    """Two names for three classes, or names that can't be read, are an error of the command line."""
    torchvision_file(tmp_path / "a.pth")
    (tmp_path / "classes.txt").write_text("walk\nrun\n")
    for classes, message in (("classes.txt", "2 class names were given for 3 classes"), ("none.txt", "can't be read")):
        shown = call(
            "weights", "convert", tmp_path / "a.pth", "--to", tmp_path / "own", "--classes", tmp_path / classes
        )
        assert shown.code == 2
        assert message in shown.err
    assert not (tmp_path / "own").exists()


def test_export_refuses_what_torchvision_has_no_names_for(tmp_path: Path) -> None:
    """So is an ending that names no format."""
    torchvision_file(tmp_path / "a.pth")
    shown = call("weights", "export", tmp_path / "a.pth", "--to", tmp_path / "a.onnx")
    assert (shown.code, "ending says its format" in shown.err) == (2, True)
    shown = call("weights", "export", "demo#none", "--to", tmp_path / "a.pth")
    assert (shown.code, "demo has no row 'none'" in shown.err) == (2, True)
    shown = call("weights", "export", "demo#R3D", "--to", tmp_path / "a.pth", "--home", tmp_path)
    assert (shown.code, "not finished" in shown.err) == (4, True)


def test_ls_shows_what_is_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every entry has a page; files are looked for in the variable's folder before --home's."""
    monkeypatch.delenv("VIDEOBENCH_WEIGHTS", raising=False)
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "r3d_d18_l8.pkl").touch()
    entries = json.loads(call("weights", "ls", "--home", tmp_path, "--json").out)
    assert [entry["name"] for entry in entries if entry["here"]] == ["vmz_r3d_d18_l8"]
    assert all(entry["page"].startswith("https://") for entry in entries)
    assert "vmz_r3d_d18_l8" in call("weights", "ls", "--home", tmp_path).out
    monkeypatch.setenv("VIDEOBENCH_WEIGHTS", str(tmp_path / "elsewhere"))
    assert not any(entry["here"] for entry in json.loads(call("weights", "ls", "--home", tmp_path, "--json").out))


def test_get_checks_and_remembers_the_sum(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sum is written beside the file; a file that is here is not asked for again."""
    calls = []

    def pretend(url: str, path: Path, *, sha256: str | None, **_: object) -> str:
        calls.append((url, sha256))
        path.parent.mkdir(parents=True)
        path.write_bytes(b"weights")
        return "f" * 64

    monkeypatch.delenv("VIDEOBENCH_WEIGHTS", raising=False)
    monkeypatch.setattr(download, "download", pretend)
    for _ in range(2):
        assert call("weights", "get", "tv_r3d_18", "--home", tmp_path).code == 0
    assert calls == [("https://download.pytorch.org/models/r3d_18-b3b3357e.pth", "b3b3357e")]
    folder = tmp_path / "weights"
    assert (folder / "r3d_18-b3b3357e.pth.sha256").read_text() == f"{'f' * 64}  r3d_18-b3b3357e.pth\n"


def test_get_says_where_a_person_can_fetch_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files behind a host's page aren't tried; a wrong name gets the nearest ones."""
    monkeypatch.delenv("VIDEOBENCH_WEIGHTS", raising=False)
    shown = call("weights", "get", "vmz_r3d_d18_l8", "--home", tmp_path)
    assert shown.code == 4
    message = shown.err.replace("\n", " ")
    assert "download r3d_d18_l8.pkl with a browser, from https://github.com/facebookresearch/VMZ" in message
    assert f"save it as {tmp_path}/weights/r3d_d18_l8.pkl" in message
    shown = call("weights", "get", "tv_r3d")
    assert (shown.code, "Did you mean tv_r3d_18" in shown.err) == (2, True)


def test_released_weights_are_planned_and_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An experiment on public files says which are missing and how to get them; a file that is another is refused."""
    monkeypatch.setenv("VIDEOBENCH_WEIGHTS", str(tmp_path / "weights"))
    path = write_experiment(tmp_path, "rows:\n  a: {weights: {released: tv_r3d_18}}\n")
    missing = json.loads(call("plan", path, "--home", tmp_path, "--json").out)["missing"]
    assert missing == ["weights: r3d_18-b3b3357e.pth: videobench weights get tv_r3d_18"]
    (tmp_path / "weights").mkdir()
    torchvision_file(tmp_path / "weights" / "r3d_18-b3b3357e.pth")
    assert json.loads(call("plan", path, "--home", tmp_path, "--json").out)["missing"] == []
    shown = call("eval", path, "--home", tmp_path)
    assert (shown.code, "the catalogue states b3b3357e" in shown.err) == (4, True)
    path.write_text(path.read_text().replace("tv_r3d_18", "tv_r3d_19"))
    shown = call("plan", path, "--home", tmp_path)
    assert (shown.code, "there are no public weights called 'tv_r3d_19'" in shown.err) == (2, True)


def test_finetune_starts_from_any_format(tmp_path: Path) -> None:
    """A Caffe2 file of other classes: what became of its tensors is said, and written beside the weights."""
    caffe2_file(tmp_path / "a.pkl")
    path = write_experiment(tmp_path, "rows:\n  a: {network: {width: 4}, clip: {frames: 8}}\n")
    done = call("finetune", path, "--from", tmp_path / "a.pkl", "--home", tmp_path / "home")
    assert done.code == 0, done.err
    (card,) = (tmp_path / "home" / "runs" / "trainings").glob("*/weights.json")
    carried = json.loads(card.read_text())["carried"]
    assert carried["names"] == "Caffe2"
    assert carried["matched"] == 100
    assert carried["replaced"] == ["head.linear.weight", "head.linear.bias"]


def test_finetune_keeps_what_is_set_beside_the_file(tmp_path: Path) -> None:
    """`--set init.adapt` says what is to be done to the tensors of `--from`."""
    torchvision_file(tmp_path / "a.pth")
    path = write_experiment(tmp_path, "rows:\n  a: {network: {width: 4}, clip: {frames: 8}}\n")
    asked = call("finetune", path, "--from", tmp_path / "a.pth", "--set", "init.adapt=[positions]", "--home", tmp_path)
    assert asked.code == 4
    assert "no tensor of it has a use for positions" in asked.err


def test_the_catalogue_is_sound() -> None:
    """Names and files are unique, addresses end in the file's name, known beginnings of sums stand in it."""
    entries = released.all_released_weights()
    assert len({entry.name for entry in entries}) == len({entry.file for entry in entries}) == len(entries)
    for entry in entries:
        assert entry.url is None or (entry.url.startswith("https://") and entry.url.endswith(entry.file))
        assert entry.sha256 is None or len(entry.sha256) == 64 or f"-{entry.sha256}." in entry.file


def test_the_released_models_of_table_2_need_no_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The plan has an evaluation for each file, and says of every missing one how to get it."""
    monkeypatch.delenv("VIDEOBENCH_WEIGHTS", raising=False)
    found = json.loads(call("plan", "closer_look/table2_released", "--home", tmp_path, "--json").out)
    assert (len(found["trainings"]), len(found["evaluations"])) == (0, 24 + 3 + 2)
    files = [line for line in found["missing"] if line.startswith("weights: ")]
    assert sum("videobench weights get" in line for line in files) == 5
    (by_browser,) = (line for line in files if "with a browser" in line)
    assert by_browser.count(".pkl") == 24


def test_released_models_are_measured_as_their_makers_did() -> None:
    """Each row is of the network its file holds, and measured as its published accuracies were."""
    experiment = load_experiment("closer_look/table2_released", scale="paper")
    table = load_paper("released").table("kinetics400")
    for row in experiment.rows:
        (replica,) = row.replicas
        assert isinstance(replica, Replica)
        evaluation = replica.evaluation
        assert isinstance(evaluation.weights, WeightsFile)
        entry = released.released_weights(str(evaluation.weights.released))
        assert entry.network.startswith(evaluation.network.label)
        assert entry.clip.startswith(f"{evaluation.clip.frames}x")
        assert ("torchvision" in entry.network) == (evaluation.network.model_dump()["flavour"] == "torchvision")
        for name, value in table.expected(where={"file": entry.name}, column="video1").items():
            found: object = evaluation
            for part in name.split("."):
                found = getattr(found, part)
            assert found == value, f"{row.name}: {name}"
