"""videobench's own weights and their card."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from videobench.errors import WeightsError
from videobench.models.weights.files import file_sha256
from videobench.models.weights.native import load_weights, save_weights

CARD: dict[str, Any] = {
    "class_names": ["wave", "épée"],
    "preprocessing": {"mean": [0.5, 0.5, 0.5]},
    "network": {"name": "R3D"},
}


def test_weights_and_card_come_back(tmp_path: Path) -> None:
    """Values, types and the card survive, and the card has the file's sha256."""
    model = nn.Sequential(nn.Conv3d(2, 3, 1).double(), nn.BatchNorm3d(3))
    path = save_weights(tmp_path / "run", model, card=CARD)
    assert sorted(file.name for file in path.parent.iterdir()) == ["weights.json", "weights.safetensors"]
    for place in (path, path.parent):
        tensors, card = load_weights(place)
        assert card == {**CARD, "sha256": file_sha256(path)}
        assert tensors.keys() == model.state_dict().keys()
        for name, value in model.state_dict().items():
            assert tensors[name].dtype == value.dtype
            assert torch.equal(tensors[name], value)


def test_shared_and_strided_tensors_are_saved(tmp_path: Path) -> None:
    """One memory under two names, and memory in another order, are written out plainly."""
    values = torch.arange(12.0).reshape(3, 4)
    save_weights(tmp_path, {"one": values, "two": values, "turned": values.T}, card=CARD)
    tensors, _ = load_weights(tmp_path)
    assert torch.equal(tensors["two"], values)
    assert torch.equal(tensors["turned"], values.T)


def test_equal_weights_are_equal_files(tmp_path: Path) -> None:
    """The same tensors give the same sha256, so that it can serve as a key."""
    weights = {"weight": torch.arange(5.0), "bias": torch.ones(2)}
    first = save_weights(tmp_path / "first", weights, card=CARD)
    second = save_weights(tmp_path / "second", dict(reversed(weights.items())), card=CARD)
    assert file_sha256(first) == file_sha256(second)


def test_a_save_replaces_the_old_pair(tmp_path: Path) -> None:
    """Saving twice leaves the second weights and nothing else."""
    for value in (1.0, 2.0):
        save_weights(tmp_path, {"weight": torch.tensor([value])}, card=CARD)
    assert load_weights(tmp_path)[0]["weight"].item() == 2
    assert len(list(tmp_path.iterdir())) == 2


def test_a_failed_save_leaves_the_old_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the disk fails halfway, the old pair still loads and no temporary file stays."""
    save_weights(tmp_path, {"weight": torch.ones(1)}, card=CARD)

    def fail(_: int) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="no space"):
        save_weights(tmp_path, {"weight": torch.zeros(1)}, card=CARD)
    assert load_weights(tmp_path)[0]["weight"].item() == 1
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("field", CARD)
def test_a_card_must_be_complete(tmp_path: Path, field: str) -> None:
    """Weights without class names, preprocessing or network aren't written, nor read."""
    lacking = {name: value for name, value in CARD.items() if name != field}
    with pytest.raises(WeightsError, match=f"lacks {field}"):
        save_weights(tmp_path, {"weight": torch.ones(1)}, card=lacking)
    path = save_weights(tmp_path, {"weight": torch.ones(1)}, card=CARD)
    (tmp_path / "weights.json").write_text(json.dumps({**lacking, "sha256": file_sha256(path)}))
    with pytest.raises(WeightsError, match=f"lacks {field}"):
        load_weights(tmp_path)


def test_changed_weights_are_refused(tmp_path: Path) -> None:
    """One other byte, or another run's card, is a wrong sha256."""
    path = save_weights(tmp_path, {"weight": torch.ones(1)}, card=CARD)
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(WeightsError, match="sha256 is"):
        load_weights(tmp_path)


def test_a_card_must_be_json(tmp_path: Path) -> None:
    """A damaged card is an error that names it."""
    save_weights(tmp_path, {"weight": torch.ones(1)}, card=CARD)
    for damaged in ("{", "[1]"):
        (tmp_path / "weights.json").write_text(damaged)
        with pytest.raises(WeightsError, match=r"weights\.json: the card"):
            load_weights(tmp_path)


@pytest.mark.parametrize("name", ["weights.safetensors", "weights.json"])
def test_both_files_are_needed(tmp_path: Path, name: str) -> None:
    """A missing file is named."""
    save_weights(tmp_path, {"weight": torch.ones(1)}, card=CARD)
    (tmp_path / name).unlink()
    with pytest.raises(WeightsError, match=f"{name}: there is no such file"):
        load_weights(tmp_path)
