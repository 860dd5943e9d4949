"""Reading tensors from files that may come from anywhere: nothing in them is ever executed."""

import hashlib
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from videobench.errors import WeightsError

TORCH_SUFFIXES = (".pth", ".pt")
SAFETENSORS_SUFFIX = ".safetensors"
PLAIN_STATE_DICT = "A plain state dict is expected: names and tensors, nothing around them."


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The named tensors of a .safetensors file, or of a .pth or .pt file that holds a plain state dict."""
    if not path.is_file():
        raise WeightsError("there is no such file", where=str(path))
    if path.suffix == SAFETENSORS_SUFFIX:
        try:
            return load_file(path)
        except SafetensorError as error:
            raise WeightsError(
                f"the file is damaged, or isn't a safetensors file: {error}",
                where=str(path),
                hint="Copy or download it again.",
            ) from error
    if path.suffix in TORCH_SUFFIXES:
        return read_torch_state_dict(path)
    raise WeightsError(
        f"{path.suffix or 'a file without a suffix'} isn't a known kind of weights",
        where=str(path),
        hint=f"Known: {SAFETENSORS_SUFFIX}, {', '.join(TORCH_SUFFIXES)}.",
    )


def read_torch_state_dict(path: Path) -> dict[str, Tensor]:
    """A plain state dict that torch saved; a pickle that asks for anything but tensors is refused unread."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged or hostile pickle can fail with almost any kind of exception
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise WeightsError(
            f"the file is damaged, or holds more than tensors: {reason}",
            where=str(path),
            hint="Only tensors are read. Copy or download the file again, or save its state dict alone.",
        ) from error
    if not isinstance(content, dict) or not content:
        raise WeightsError("the file holds no state dict", where=str(path), hint=PLAIN_STATE_DICT)
    foreign = [str(name) for name, value in content.items() if not isinstance(value, Tensor)]
    if foreign:
        raise WeightsError(
            f"these entries aren't tensors: {', '.join(foreign[:5])}{', ...' if len(foreign) > 5 else ''}",
            where=str(path),
            hint=PLAIN_STATE_DICT,
        )
    return {str(name): value for name, value in content.items()}


def file_sha256(path: Path) -> str:
    """The sha256 of a file's bytes as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
