"""Files of tensors from anywhere: read, or refused with a reason, never executed."""

import os
import pickle
import sys
from argparse import Namespace
from collections import OrderedDict, defaultdict
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from videobench.errors import WeightsError
from videobench.models.weights.files import read_tensors

STATE = {"weight": torch.arange(3.0), "bias": torch.zeros(1)}


@pytest.mark.parametrize("name", ["a.pth", "a.pt", "a.safetensors"])
def test_a_plain_state_dict_is_read(tmp_path: Path, name: str) -> None:
    """Names and values come back from either kind of file."""
    path = tmp_path / name
    if path.suffix == ".safetensors":
        save_file(STATE, path)
    else:
        torch.save(STATE, path)
    tensors = read_tensors(path)
    assert tensors.keys() == STATE.keys()
    assert torch.equal(tensors["weight"], STATE["weight"])


def test_old_torch_files_are_read(tmp_path: Path) -> None:
    """Files from before torch's zip format hold the same state dict."""
    torch.save(STATE, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    assert torch.equal(read_tensors(tmp_path / "old.pth")["weight"], STATE["weight"])


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another user's file, say."""
    torch.save(STATE, tmp_path / "a.pth")

    def refuse(*_: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(WeightsError, match=r"a\.pth: the file can't be read: Permission denied"):
        read_tensors(tmp_path / "a.pth")


@pytest.mark.parametrize("name", ["a.pth", "a.safetensors"])
@pytest.mark.parametrize("kept", [0, 9, 60])
def test_a_damaged_file_is_refused(tmp_path: Path, name: str, kept: int) -> None:
    """A download that broke off is named, whatever it is cut down to."""
    path = tmp_path / name
    if path.suffix == ".safetensors":
        save_file(STATE, path)
    else:
        torch.save(STATE, path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(WeightsError, match=f"{name}: the file is damaged"):
        read_tensors(path)


class Hostile:
    """Unpickling this creates a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize("new_format", [True, False])
def test_a_hostile_file_runs_nothing(tmp_path: Path, new_format: bool) -> None:
    """A pickle that would run code is refused before it does."""
    path, folder = tmp_path / "hostile.pth", tmp_path / "made"
    torch.save({"weight": torch.ones(1), "payload": Hostile(folder)}, path, _use_new_zipfile_serialization=new_format)
    with pytest.raises(WeightsError, match="holds more than tensors"):
        read_tensors(path)
    assert not folder.exists()


def test_a_whole_model_is_refused(tmp_path: Path) -> None:
    """A pickled module isn't a state dict."""
    torch.save(nn.Linear(2, 2), tmp_path / "model.pth")
    with pytest.raises(WeightsError, match="state dict alone"):
        read_tensors(tmp_path / "model.pth")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"epoch": 3, "lr": 0.1}, "holds no state dict: it has epoch, lr"),
        ({"epoch": 3, "state_dict": {"weight": "text"}}, "no state dict: it has epoch, state_dict"),
        (torch.ones(3), "holds no state dict: it is a Tensor"),
        ({}, "holds no state dict: it is an empty dict"),
        ({**STATE, "epoch": 3}, "holds no state dict: beside tensors it has epoch\n"),
    ],
)
def test_a_file_without_a_state_dict_is_refused(tmp_path: Path, content: Any, message: str) -> None:
    """Settings, single tensors and empty files are named for what they are."""
    torch.save(content, tmp_path / "other.pth")
    with pytest.raises(WeightsError, match=message):
        read_tensors(tmp_path / "other.pth")


class CfgNode(dict[str, Any]):
    """A dictionary with a class and attributes of its own, as training programs keep their settings."""


class DictConfig:
    """Settings that set their own state."""

    def __setstate__(self, state: Any) -> None:
        raise AssertionError("foreign code ran")


def foreign(kind: type, module: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An instance that pickles as `module`'s, which isn't there when the file is read."""
    names = module.split(".")
    for number in range(len(names)):
        made = ModuleType(".".join(names[: number + 1]))
        monkeypatch.setitem(sys.modules, made.__name__, made)
    setattr(sys.modules[module], kind.__name__, kind)
    monkeypatch.setattr(kind, "__module__", module)
    instance = kind()
    instance.note = ["text"]
    return instance


@pytest.mark.parametrize("new_format", [True, False])
@pytest.mark.parametrize(
    "peer", ["torchvision", "VMZ", "kenshohara", "LateTemporal", "PySlowFast", "mmaction2", "pytorchvideo", "omegaconf"]
)
def test_training_files_of_every_peer_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, peer: str, new_format: bool
) -> None:
    """The state dict is found among arguments, settings and numpy's numbers, and nothing of theirs is imported."""
    optimizer = {"state": {0: {"momentum_buffer": torch.ones(2)}}, "param_groups": [{"lr": 0.1, "params": [0]}]}
    settings = foreign(CfgNode, "fvcore.common.config", monkeypatch)
    settings["lr"] = {"base": 0.1}
    content: dict[str, Any] = {
        "torchvision": {"model": STATE, "optimizer": optimizer, "epoch": 3, "args": Namespace(path=Path("/data"))},
        "VMZ": {"model": OrderedDict(STATE), "lr_scheduler": {}, "args": Namespace(lr=0.1, when=datetime.min)},
        "kenshohara": {
            "epoch": 200,
            "arch": "resnext-101",
            "state_dict": {f"module.{name}": tensor for name, tensor in STATE.items()},
            "optimizer": optimizer,
            "scheduler": {"milestones": defaultdict(list, {1: [2]})},
        },
        "LateTemporal": {"state_dict": STATE, "best_prec1": np.float64(0.5), "best_loss": torch.tensor(1.0)},
        "PySlowFast": {"model_state": STATE, "cfg": "TRAIN:\n  LR: 1\n", "scaler_state": {}},
        "mmaction2": {"meta": {"config": settings, "hook": np.arange(3)}, "state_dict": STATE},
        "pytorchvideo": {"model_state": STATE},
        "omegaconf": {"cfg": foreign(DictConfig, "omegaconf.dictconfig", monkeypatch), "model": STATE},
    }
    torch.save(content[peer], tmp_path / "a.pyth", _use_new_zipfile_serialization=new_format)
    for module in ("fvcore", "fvcore.common", "fvcore.common.config", "omegaconf", "omegaconf.dictconfig"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    tensors = read_tensors(tmp_path / "a.pyth")
    assert tensors.keys() == STATE.keys()
    assert torch.equal(tensors["weight"], STATE["weight"])
    assert "omegaconf" not in sys.modules


BLOBS = {
    "conv1_w": np.arange(6, dtype=np.float32).reshape(2, 3),
    "by_columns": np.asfortranarray(np.arange(6, dtype=">f8").reshape(2, 3)),
    "model_iter": np.array([7], dtype=np.int64),
    "lr": np.float32(0.5),
    "plain": 3.5,
}


@pytest.mark.parametrize("protocol", [0, 1, 2, 4])
@pytest.mark.parametrize("scope", ["", "gpu_0/"])
def test_caffe2s_blobs_are_read(tmp_path: Path, protocol: int, scope: str) -> None:
    """Names without the device's scope, values whatever byte order and memory order they were written in."""
    blobs = {scope + name: value for name, value in BLOBS.items()}
    (tmp_path / "a.pkl").write_bytes(pickle.dumps({"blobs": blobs}, protocol))
    tensors = read_tensors(tmp_path / "a.pkl")
    assert tensors.keys() == BLOBS.keys()
    for name, value in BLOBS.items():
        assert tensors[name].numpy().tolist() == np.asarray(value).tolist(), name


def test_a_pickle_of_python_2_is_read(tmp_path: Path) -> None:
    """Byte strings, the names of that time and a shared type, as cPickle wrote them."""
    array = b"cnumpy.core.multiarray\n_reconstruct\nq\x03(cnumpy\nndarray\nq\x04K\x00\x85U\x01btR"
    kind = b"cnumpy\ndtype\nq\x05(U\x02f4K\x00K\x01tRq\x06(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    one = array + b"(K\x01K\x02\x85" + kind + b"\x89U\x08" + np.array([1, 1e30], "<f4").tobytes() + b"tb"
    two = array + b"(K\x01K\x01\x85h\x06\x89U\x04" + np.array([-2], "<f4").tobytes() + b"tb"
    content = b"\x80\x02}q\x01U\x05blobsq\x02}(U\x05b_riv" + one + b"U\x01c" + two + b"us."
    (tmp_path / "a.pkl").write_bytes(content)
    tensors = read_tensors(tmp_path / "a.pkl")
    assert tensors["b_riv"].tolist() == np.array([1, 1e30], np.float32).tolist()
    assert tensors["c"].tolist() == [-2]


def test_a_blob_twice_is_refused(tmp_path: Path) -> None:
    """With and without the device's scope there would be two values for one name."""
    blobs = {"conv1_w": np.ones(1), "gpu_0/conv1_w": np.zeros(1)}
    (tmp_path / "a.pkl").write_bytes(pickle.dumps({"blobs": blobs}, 2))
    with pytest.raises(WeightsError, match="conv1_w twice"):
        read_tensors(tmp_path / "a.pkl")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"damaged or empty(.|\n)*\.safetensors, files of torch\.save \(\.pth"),
        (b"\n<!DOCTYPE html><html>", "a web page(.|\n)*browser"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "git lfs pull"),
        (b"SQLite format 3\0", "Caffe2 database(.|\n)*write a .pkl"),
        (b"\x08\x07\x12\x07pytorch", "ONNX"),
        (b"\x89HDF\r\n", "HDF5"),
        (b"PK\x03\x04 broken", "damaged"),
    ],
)
def test_other_files_are_named_for_what_they_are(tmp_path: Path, content: bytes, message: str) -> None:
    """A host's web page, a pointer, a database: the error says what it is and what to do."""
    (tmp_path / "r3d.pkl").write_bytes(content)
    with pytest.raises(WeightsError, match=message):
        read_tensors(tmp_path / "r3d.pkl")
    (tmp_path / "notes.txt").write_bytes(b"text")
    with pytest.raises(WeightsError, match=r"\.txt isn't a known kind of weights"):
        read_tensors(tmp_path / "notes.txt")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """So that a wrong path can be seen."""
    with pytest.raises(WeightsError, match=r"nowhere\.pth: there is no such file"):
        read_tensors(tmp_path / "nowhere.pth")
