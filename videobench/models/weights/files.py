"""Reading tensors from files that may come from anywhere: nothing in them is ever executed.

What a file is shows in its first bytes, whatever it is called.
"""

import hashlib
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from videobench.errors import WeightsError
from videobench.models.weights.blobs import read_blobs
from videobench.models.weights.torch_files import read_torch

SAFETENSORS_SUFFIX = ".safetensors"
KNOWN = "Known: .safetensors, files of torch.save (.pth, .pt, .pyth), Caffe2's .pkl."
COPY_AGAIN = "Copy or download it again."
TORCH_MAGIC = b"l\xfc\x9cF\xf9 j\xa8P\x19"  # the number that torch's files from before 2020 begin with, pickled
PICKLES = (b"\x80", b"(", b"c", b"}")  # with a protocol's number, or in protocol 0 or 1
STATE_DICTS = ("state_dict", "model_state_dict", "model_state", "model", "net", "weights")
"""Under what training programs keep the state dict, beside epoch, optimiser and settings."""
NUM_NAMED = 8  # in an error

NOT_WEIGHTS = {
    b"<": ("a web page, not weights", "Hosts show one instead of the file: download it in a browser."),
    b"version https://git-lfs": ("a pointer of Git LFS, not the weights", "Fetch them with `git lfs pull`."),
    b"SQLite format 3": (
        "a Caffe2 database (minidb), which only Caffe2 reads",
        "Where Caffe2 is at hand, write a .pkl from it: {'blobs': {name: array}}, protocol 2, of all parameters and "
        "running statistics. PyTorch before 2.5 has it as caffe2.python.",
    ),
    b"\x89HDF": ("an HDF5 file, of Keras perhaps", KNOWN),
    b"\x08": ("an ONNX or protobuf file", KNOWN),
}


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The named tensors of a file, without what training programs put around them.

    Known are safetensors, torch.save (a state dict, or one inside of STATE_DICTS, with or without DataParallel's
    "module." before every name) and Caffe2's pickles of blobs.
    """
    if not path.is_file():
        raise WeightsError("there is no such file", where=str(path))
    try:
        with path.open("rb") as file:
            head = file.read(64)
    except OSError as error:
        raise WeightsError(f"the file can't be read: {error.strerror}", where=str(path)) from error
    if path.suffix == SAFETENSORS_SUFFIX or head[8:9] == b"{":
        return read_safetensors(path)
    if zipfile.is_zipfile(path) or TORCH_MAGIC in head:
        return state_dict(read_torch(path), where=str(path))
    if head.startswith(PICKLES):
        return read_blobs(path)
    raise unreadable(path, head)


def read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except SafetensorError as error:
        raise WeightsError(
            f"the file is damaged, or isn't a safetensors file: {error}", where=str(path), hint=COPY_AGAIN
        ) from error


def unreadable(path: Path, head: bytes) -> WeightsError:
    """What a file is instead of weights."""
    for beginning, (what, hint) in NOT_WEIGHTS.items():
        if head.lstrip().startswith(beginning):
            return WeightsError(f"this is {what}", where=str(path), hint=hint)
    if tarfile.is_tarfile(path):
        hint = "Unpack it; files of torch from before 2017 are such archives: load and save them with a later torch."
        return WeightsError("this is a tar archive", where=str(path), hint=hint)
    what = "the file is damaged or empty" if path.suffix in (".pth", ".pt", ".pyth", ".pkl") else "unknown"
    if what == "unknown":
        what = f"{path.suffix or 'a file without a suffix'} isn't a known kind of weights"
    return WeightsError(what, where=str(path), hint=f"{KNOWN} {COPY_AGAIN}")


def state_dict(content: Any, *, where: str) -> dict[str, Tensor]:
    """The tensors in what torch.save wrote, without DataParallel's prefix; WeightsError when there are none."""
    tensors = find_state_dict(content)
    if tensors is None:
        hint = f"Expected: names and tensors, perhaps under one of {', '.join(STATE_DICTS)}."
        raise WeightsError(f"the file holds no state dict: {kind_of(content)}", where=where, hint=hint)
    prefix = "module."
    if all(name.startswith(prefix) for name in tensors):
        return {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}
    return tensors


def kind_of(content: Any) -> str:
    """What there is in place of a state dict, in a clause."""
    if not isinstance(content, Mapping) or not content:
        return f"it is {'an empty' if content == {} else 'a'} {type(content).__name__}"
    others = [str(name) for name, value in content.items() if not isinstance(value, Tensor)]
    found = ", ".join(others[:NUM_NAMED])
    return f"it has {found}" if len(others) == len(content) else f"beside tensors it has {found}"


def find_state_dict(content: Any) -> dict[str, Tensor] | None:
    if not isinstance(content, Mapping) or not content:
        return None
    for key in STATE_DICTS:
        found = find_state_dict(content.get(key))
        if found is not None:
            return found
    if all(isinstance(value, Tensor) for value in content.values()):
        return {str(name): value for name, value in content.items()}
    return None


def file_sha256(path: Path) -> str:
    """The sha256 of a file's bytes as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
