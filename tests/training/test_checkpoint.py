import json
import struct
from pathlib import Path

import pytest
import torch
from tiny_training import same, tiny_adamw, tiny_network, tiny_sgd, train_tiny
from torch import nn

from videobench.errors import ConfigError, WeightsError
from videobench.training import checkpoint as checkpoint_module
from videobench.training.checkpoint import CheckpointFile, Reached

LOSSES = (2.0 / 3.0, 1e-300)


def no_scaler() -> torch.amp.GradScaler:
    return torch.amp.GradScaler("cpu", enabled=False)


def save(file: CheckpointFile, model: nn.Module, optimiser: torch.optim.Optimizer, step: int = 5) -> None:
    reached = Reached(step=step, clips=60, seconds=1.0 / 3.0, losses=LOSSES)
    file.save(reached, model=model, optimiser=optimiser, scaler=no_scaler())


def load(file: CheckpointFile, model: nn.Module | None = None) -> Reached:
    model = model or tiny_network()
    return file.load(model=model, optimiser=tiny_sgd(model), scaler=no_scaler())


@pytest.fixture
def file(tmp_path: Path) -> CheckpointFile:
    return CheckpointFile(path=tmp_path / "run" / "checkpoint.safetensors", identity="abc")


def without_momentum(model: nn.Module) -> torch.optim.SGD:
    return torch.optim.SGD(model.parameters(), lr=0.1)  # its state holds None, no tensor


def unfused_adamw(model: nn.Module) -> torch.optim.AdamW:
    return torch.optim.AdamW(model.parameters(), amsgrad=True, fused=False)


@pytest.mark.parametrize("build", [tiny_sgd, tiny_adamw, without_momentum, unfused_adamw])
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last_3d])
def test_round_trip_is_exact(file: CheckpointFile, build, memory_format: torch.memory_format) -> None:
    """Model, optimiser and position come back bit for bit, in the memory format of the network."""
    model = tiny_network().to(memory_format=memory_format)
    optimiser = build(model)
    train_tiny(model, optimiser, num_steps=3)
    save(file, model, optimiser)

    other = tiny_network().to(memory_format=memory_format)
    other_optimiser = build(other)
    reached = file.load(model=other, optimiser=other_optimiser, scaler=no_scaler())
    assert reached == Reached(step=5, clips=60, seconds=1.0 / 3.0, losses=LOSSES)
    assert same(model.state_dict(), other.state_dict())
    expected, found = optimiser.state_dict()["state"], other_optimiser.state_dict()["state"]
    assert expected.keys() == found.keys()
    for number in expected:
        tensors = {key: value for key, value in expected[number].items() if isinstance(value, torch.Tensor)}
        assert same(tensors, {key: found[number][key] for key in tensors})
        assert all(tensors[key].stride() == found[number][key].stride() for key in tensors)
        assert {k: v for k, v in expected[number].items() if k not in tensors} == {
            k: v for k, v in found[number].items() if k not in tensors
        }


def test_the_scaler_comes_back(file: CheckpointFile) -> None:
    """A loss scale that has moved is the loss scale after loading."""
    model = tiny_network()
    scaler = torch.amp.GradScaler("cpu", init_scale=512.0, growth_interval=2)
    scaler.scale(torch.ones(1))  # the scale exists from its first use
    file.save(Reached(), model=model, optimiser=tiny_sgd(model), scaler=scaler)
    other = torch.amp.GradScaler("cpu")
    file.load(model=model, optimiser=tiny_sgd(model), scaler=other)
    assert other.state_dict() == scaler.state_dict()
    assert other.get_scale() == 512.0


def test_the_file_is_readable_without_this_package(file: CheckpointFile) -> None:
    """The file begins with plain JSON that names the step, the training and torch's version."""
    model = tiny_network()
    save(file, model, tiny_sgd(model))
    content = file.path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(json.loads(content[8 : 8 + length])["__metadata__"]["header"])
    assert header["identity"] == "abc"
    assert header["reached"]["step"] == 5
    assert header["torch"] == torch.__version__


def test_a_file_from_before_there_were_losses(file: CheckpointFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint that says nothing of losses has none, and a training begun with it goes on."""
    with_losses = checkpoint_module.asdict

    def without_losses(reached: Reached) -> dict[str, object]:
        return {name: value for name, value in with_losses(reached).items() if name != "losses"}

    monkeypatch.setattr(checkpoint_module, "asdict", without_losses)
    save(file, model := tiny_network(), tiny_sgd(model))
    assert load(file) == Reached(step=5, clips=60, seconds=1.0 / 3.0)


def test_another_training_is_refused_by_name(file: CheckpointFile) -> None:
    """A checkpoint of another training is a ``ConfigError`` that names both."""
    model = tiny_network()
    save(file, model, tiny_sgd(model))
    with pytest.raises(ConfigError, match="training abc, not to xyz"):
        load(CheckpointFile(path=file.path, identity="xyz"))


def test_another_layout_is_refused(file: CheckpointFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint of another layout says which version to use."""
    model = tiny_network()
    monkeypatch.setattr(checkpoint_module, "SCHEMA", 99)
    save(file, model, tiny_sgd(model))
    monkeypatch.undo()
    with pytest.raises(WeightsError, match=r"layout is number 99(.|\n)*version that began it"):
        load(file)


def test_tensors_of_another_network_are_refused(file: CheckpointFile) -> None:
    """Tensors that don't fit are a ``WeightsError``, and the network stays as it was."""
    model = tiny_network()
    save(file, model, tiny_sgd(model))
    other = nn.Sequential(nn.Linear(2, 2))
    before = {name: tensor.clone() for name, tensor in other.state_dict().items()}
    with pytest.raises(WeightsError, match="don't fit this network"):
        load(file, other)
    assert same(before, other.state_dict())


@pytest.mark.parametrize(
    "damage", ["empty", "truncated", "not safetensors", "foreign", "flipped bit", "flipped header"]
)
def test_damage_is_found_and_explained(file: CheckpointFile, damage: str) -> None:
    """Whatever happened to the file, the error says so and what to do; the network is untouched."""
    model = tiny_network()
    train_tiny(model, optimiser := tiny_sgd(model), num_steps=1)
    save(file, model, optimiser)
    content = bytearray(file.path.read_bytes())
    if damage == "empty":
        content.clear()
    elif damage == "truncated":
        del content[-10:]
    elif damage == "not safetensors":
        content[:] = b"PK\x03\x04" * 100
    elif damage == "foreign":
        content[:] = struct.pack("<Q", 8) + b"{}      "
    elif damage == "flipped bit":
        content[-3] ^= 4
    else:
        where = content.index(b'step\\": 5')
        content[where : where + 9] = b'step\\": 6'
    file.path.write_bytes(content)
    other = tiny_network()
    before = {name: tensor.clone() for name, tensor in other.state_dict().items()}
    with pytest.raises(WeightsError, match=r"is damaged\n(.|\n)*Delete the file"):
        load(file, other)
    assert same(before, other.state_dict())


def test_a_failed_save_leaves_the_previous_file(file: CheckpointFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """When writing breaks off, the last good checkpoint is still there, and the next save cleans up."""
    model = tiny_network()
    optimiser = tiny_sgd(model)
    save(file, model, optimiser, step=1)

    def half_written(path: Path, _: bytes) -> int:
        path.write_text("half")
        raise OSError("no space left on device")

    monkeypatch.setattr(Path, "write_bytes", half_written)
    with pytest.raises(OSError, match="no space"):
        save(file, model, optimiser, step=2)
    assert load(file).step == 1
    monkeypatch.undo()
    save(file, model, optimiser, step=3)
    assert load(file).step == 3
    assert [path.name for path in file.path.parent.iterdir()] == ["checkpoint.safetensors"]
