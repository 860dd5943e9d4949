"""Files of tensors from anywhere: read, or refused with a reason, never executed."""

import os
from pathlib import Path
from typing import Any

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
        ({"epoch": 3, "state_dict": STATE}, "aren't tensors: epoch, state_dict"),
        (torch.ones(3), "holds no state dict"),
        ({}, "holds no state dict"),
    ],
)
def test_anything_but_a_plain_state_dict_is_refused(tmp_path: Path, content: Any, message: str) -> None:
    """Containers, single tensors and empty files are named for what they are."""
    torch.save(content, tmp_path / "other.pth")
    with pytest.raises(WeightsError, match=message):
        read_tensors(tmp_path / "other.pth")


def test_an_unknown_kind_of_file_is_refused(tmp_path: Path) -> None:
    """The error lists the kinds that can be read."""
    (tmp_path / "r3d.pkl").write_bytes(b"")
    with pytest.raises(WeightsError, match=r"\.pkl isn't a known kind of weights(.|\n)*\.safetensors, \.pth"):
        read_tensors(tmp_path / "r3d.pkl")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """So that a wrong path can be seen."""
    with pytest.raises(WeightsError, match=r"nowhere\.pth: there is no such file"):
        read_tensors(tmp_path / "nowhere.pth")
