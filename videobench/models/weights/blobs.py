"""Caffe2's weights: a pickle of {"blobs": {name: array}}, usually written by Python 2, read without running it.

numpy's own reconstruction of arrays isn't called either: stand-ins of its three names take the same arguments
and keep shape, type and bytes, from which the tensors are made.
"""

import io
import pickle
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from videobench.errors import WeightsError
from videobench.models.weights.pickles import look_over, refuse

SCOPE = "gpu_0/"  # of the first device; weights are the same on all
KINDS_OF_NUMBERS = "biuf"  # booleans, whole numbers with and without a sign, floating point


class DataType:
    """What numpy.dtype(code, ...) pickles as: the code, and the byte order, which comes as its state."""

    def __init__(self, code: str = "", *_: Any) -> None:
        self.code = as_text(code)
        self.order = "="

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.order = as_text(state[1])

    def numpy(self) -> np.dtype[Any]:
        """The type, which must be of numbers; ValueError or TypeError for others."""
        found = np.dtype(self.code)
        if self.order == ">":
            found = found.newbyteorder(">")
        if found.kind not in KINDS_OF_NUMBERS or found.shape:
            raise ValueError(f"arrays of {self.code!r} aren't numbers")
        return found


class Array:
    """What a numpy array pickles as: an empty one, and (version, shape, type, by columns?, bytes) as its state."""

    def __init__(self, *_: Any) -> None:
        self.state: tuple[Any, ...] = ()

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.state = state

    def tensor(self) -> Tensor:
        """The values in the machine's byte order; ValueError or TypeError when the state isn't an array's."""
        _, shape, data_type, by_columns, content = self.state
        if not isinstance(data_type, DataType) or not all(type(length) is int and length >= 0 for length in shape):
            raise ValueError("an array has no proper shape or type")
        kind, raw = data_type.numpy(), as_bytes(content)
        if prod(shape) * kind.itemsize != len(raw):
            raise ValueError(f"an array of shape {list(shape)} has {len(raw)} bytes")
        values = np.frombuffer(raw, kind).reshape(shape, order="F" if by_columns else "C")
        return torch.from_numpy(values.astype(kind.newbyteorder("="), order="C"))


class Scalar:
    """What a numpy scalar pickles as."""

    def __init__(self, data_type: Any, content: Any = b"") -> None:
        self.array = Array()
        self.array.state = (1, (), data_type, False, content)

    def __setstate__(self, _: Any) -> None:
        raise ValueError("a scalar has a state")  # else a pickle could give one to the class itself

    def tensor(self) -> Tensor:
        return self.array.tensor()


class Encoded:
    """What Python 3 writes bytes as in old protocols: text to be encoded."""

    def __init__(self, text: str, encoding: str) -> None:
        self.content = text.encode("latin1")
        if encoding != "latin1":
            raise ValueError(f"bytes in {encoding}")

    def __setstate__(self, _: Any) -> None:
        raise ValueError("bytes have a state")


STAND_INS = {
    **{
        f"{module}.{name}": stand_in
        for module in ("numpy.core.multiarray", "numpy._core.multiarray")
        for name, stand_in in (("_reconstruct", Array), ("scalar", Scalar))
    },
    "numpy.ndarray": Array,
    "numpy.dtype": DataType,
    "_codecs.encode": Encoded,
}


class Unpickler(pickle.Unpickler):
    """Makes containers, numbers and texts, and the stand-ins; any other name ends it."""

    def __init__(self, content: bytes, *, where: str) -> None:
        super().__init__(io.BytesIO(content), encoding="latin1")
        self.where = where

    def find_class(self, module: str, name: str) -> Any:
        asked = f"{module}.{name}"
        if asked not in STAND_INS:
            refuse([asked], where=self.where)
        return STAND_INS[asked]


def read_blobs(path: Path) -> dict[str, Tensor]:
    """The blobs of a Caffe2 pickle without the device's scope in their names; WeightsError for any other pickle."""
    where, content = str(path), path.read_bytes()
    look_over(io.BytesIO(content), is_allowed=STAND_INS.__contains__, where=where)
    try:
        read = Unpickler(content, where=where).load()
    except WeightsError:
        raise
    except Exception as error:  # a damaged or hostile pickle can fail with almost any kind of exception
        raise WeightsError(f"the file is damaged: {error}", where=where, hint="Copy or download it again.") from error
    blobs = read.get("blobs") if isinstance(read, dict) else None
    if not isinstance(blobs, dict) or not blobs:
        raise WeightsError("it is a pickle, but not Caffe2's: it has no blobs", where=where)
    tensors: dict[str, Tensor] = {}
    for name, value in blobs.items():
        bare = str(name).removeprefix(SCOPE)
        if bare in tensors:
            raise WeightsError(f"it has the blob {bare} twice, with and without {SCOPE}", where=where)
        try:
            tensors[bare] = torch.tensor(value) if isinstance(value, int | float) else value.tensor()
        except (AttributeError, ValueError, TypeError, RuntimeError) as error:
            raise WeightsError(f"the blob {bare} is no array of numbers: {error}", where=where) from error
    return tensors


def as_text(value: Any) -> str:
    return value.decode("latin1") if isinstance(value, bytes) else str(value)


def as_bytes(value: Any) -> bytes:
    if isinstance(value, str | Encoded):
        return value.encode("latin1") if isinstance(value, str) else value.content
    if not isinstance(value, bytes | bytearray):
        raise ValueError("an array's content isn't bytes")
    return bytes(value)
