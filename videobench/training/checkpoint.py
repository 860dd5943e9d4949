"""Where a training stands, in one safetensors file that is replaced atomically.

Tensors: ``model/<name>`` and ``optimiser/<parameter name>/<key>``. All else is JSON in the file's header.
Hyper-parameters are not saved: they belong to the training's identity, which has to be the same to resume.
Nor are random states: the loop derives them from (seed, step, micro-batch). No pickle is read or written.
"""

import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from videobench.atomic import flush_to_disk
from videobench.errors import ConfigError, WeightsError

SCHEMA = 1


@dataclass(frozen=True, kw_only=True)
class Reached:
    """How far a training has come over all its sessions: optimiser steps, clips, wall-clock seconds.

    ``losses`` are those that its learning rate follows, as far as they have been measured.
    """

    step: int = 0
    clips: int = 0
    seconds: float = 0.0
    losses: tuple[float, ...] = ()


@dataclass(frozen=True, kw_only=True)
class CheckpointFile:
    """The checkpoint of one training: its path, and the identity (digest) of the training it belongs to."""

    path: Path
    identity: str

    def exists(self) -> bool:
        return self.path.exists()

    def save(
        self,
        reached: Reached,
        *,
        model: nn.Module,
        optimiser: torch.optim.Optimizer,
        scaler: torch.amp.GradScaler,
    ) -> None:
        """Write all that resuming needs; a crash at any moment leaves the previous file or the new one."""
        optimiser_tensors, optimiser_scalars = _optimiser_state(model, optimiser)
        tensors = {f"model/{name}": tensor for name, tensor in model.state_dict().items()}
        tensors |= {f"optimiser/{name}": tensor for name, tensor in optimiser_tensors.items()}
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        header = json.dumps(
            {
                "schema": SCHEMA,
                "identity": self.identity,
                "reached": asdict(reached),
                "optimiser": optimiser_scalars,
                "scaler": scaler.state_dict(),
                "torch": str(torch.__version__),
            }
        )
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # A fixed name: whatever a killed run left behind is overwritten, so nothing piles up.
        partial = self.path.with_name(self.path.name + ".partial")
        # Not save_file: a full disk is an OSError here, and an error of safetensors' own there.
        partial.write_bytes(save(tensors, metadata={"header": header, "checksum": _checksum(header, tensors)}))
        flush_to_disk(partial)
        partial.replace(self.path)
        flush_to_disk(self.path.parent)

    def load(
        self,
        *,
        model: nn.Module,
        optimiser: torch.optim.Optimizer,
        scaler: torch.amp.GradScaler,
    ) -> Reached:
        """Put ``model``, ``optimiser`` and ``scaler`` back where they were when this file was saved.

        Raises ``ConfigError`` when the file belongs to another training, ``WeightsError`` when it is damaged
        or its tensors don't fit; nothing has been changed then.
        """
        header, tensors = self._read()
        model_tensors = _under("model/", tensors)
        if _shapes(model_tensors) != _shapes(model.state_dict()):
            raise WeightsError(
                "the checkpoint's tensors don't fit this network, though the training is the same",
                where=str(self.path),
                hint="It was saved by other code. Delete the file to train from the start.",
            )
        model.load_state_dict(model_tensors)
        optimiser_tensors = _under("optimiser/", tensors)
        optimiser.load_state_dict(_optimiser_state_dict(model, optimiser, optimiser_tensors, header["optimiser"]))
        scaler.load_state_dict(header["scaler"])
        reached = header["reached"]
        return Reached(**{**reached, "losses": tuple(reached.get("losses", ()))})

    def _read(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """Read and verify the whole file: its header, and its tensors on the CPU."""
        try:
            with safe_open(self.path, framework="pt") as file:
                metadata = file.metadata() or {}
                header: dict[str, Any] = json.loads(metadata["header"])
                schema, identity = header["schema"], header["identity"]
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
                is_intact = metadata["checksum"] == _checksum(metadata["header"], tensors)
        except (SafetensorError, KeyError, ValueError) as error:
            raise self._damaged() from error
        if not is_intact:
            raise self._damaged()
        if schema != SCHEMA:
            raise WeightsError(
                f"the checkpoint's layout is number {schema}; this version of videobench reads {SCHEMA}",
                where=str(self.path),
                hint="Finish the training with the version that began it, or delete the file.",
            )
        if identity != self.identity:
            raise ConfigError(
                f"the checkpoint belongs to training {identity}, not to {self.identity}",
                where=str(self.path),
                hint="Something that changes the numbers is different now: undo that, or move the file away.",
            )
        return header, tensors

    def _damaged(self) -> WeightsError:
        return WeightsError(
            "the checkpoint is damaged",
            where=str(self.path),
            hint="Delete the file to train from the start, or put a copy of it back.",
        )


def _optimiser_state(
    model: nn.Module, optimiser: torch.optim.Optimizer
) -> tuple[dict[str, Tensor], dict[str, dict[str, Any]]]:
    """The optimiser's state by parameter name: tensors as ``<parameter>/<key>``, and what is no tensor."""
    names: dict[Tensor, str] = {parameter: name for name, parameter in model.named_parameters()}
    tensors: dict[str, Tensor] = {}
    scalars: dict[str, dict[str, Any]] = {}
    for parameter, state in optimiser.state.items():
        for key, value in state.items():
            if isinstance(value, Tensor):
                tensors[f"{names[parameter]}/{key}"] = value
            else:
                scalars.setdefault(names[parameter], {})[key] = value
    return tensors, scalars


def _optimiser_state_dict(
    model: nn.Module,
    optimiser: torch.optim.Optimizer,
    tensors: Mapping[str, Tensor],
    scalars: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """What ``optimiser.load_state_dict`` takes: the saved state, by the parameters' numbers."""
    parameters = dict(model.named_parameters())
    state_of: dict[str, dict[str, Any]] = {name: dict(scalars.get(name, {})) for name in parameters}
    for path, tensor in tensors.items():
        name, _, key = path.rpartition("/")
        # The fused optimisers walk a parameter and its buffers in memory order, so their layouts must agree.
        layout = parameters[name] if parameters[name].shape == tensor.shape else tensor
        state_of[name][key] = torch.empty_like(layout, dtype=tensor.dtype, device="cpu").copy_(tensor)
    names = {parameter: name for name, parameter in parameters.items()}
    in_order = [names[parameter] for group in optimiser.param_groups for parameter in group["params"]]
    return {
        "state": {number: state_of[name] for number, name in enumerate(in_order) if state_of[name]},
        "param_groups": optimiser.state_dict()["param_groups"],
    }


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}


def _shapes(tensors: Mapping[str, Tensor]) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in tensors.items()}


def _checksum(header: str, tensors: Mapping[str, Tensor]) -> str:
    """CRC-32 over the header and every tensor's name and bytes, in the order of the names."""
    checksum = zlib.crc32(header.encode())
    for name in sorted(tensors):
        checksum = zlib.crc32(name.encode(), checksum)
        checksum = zlib.crc32(tensors[name].reshape(-1).view(torch.uint8).numpy().data, checksum)
    return f"{checksum:08x}"
