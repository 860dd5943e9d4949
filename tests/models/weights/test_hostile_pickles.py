"""Pickles from anybody: whatever they ask for, nothing is run, and the error says why they were refused."""

import io
import os
import pickle
import struct
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from videobench.errors import WeightsError
from videobench.models.weights.files import read_tensors

RAN = "ran.txt"
Writer = Callable[[Path, Any], None]


class Calls:
    """Unpickling this calls a function with these arguments."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Any, ...]:
        return self.call


def attacks(folder: Path) -> dict[str, Any]:
    """Objects whose unpickling writes a file, each by another way."""
    target = folder / RAN
    code = f"open({str(target)!r}, 'w').close()"
    return {
        "os.system": Calls(os.system, f"touch {target}"),
        "subprocess": Calls(subprocess.check_call, ["touch", str(target)]),
        "eval": Calls(eval, code),
        "exec": Calls(exec, code),
        "open": Calls(open, str(target), "w"),
        "a pickle within": Calls(pickle.loads, pickle.dumps(Calls(os.mkdir, str(target)))),
        "torch.load": Calls(torch.load, str(target)),
        "numpy.load": Calls(np.load, str(target)),
        "a module's method": Calls(torch.nn.Module.apply, torch.nn.ReLU(), print),
    }


def write_zip(path: Path, content: Any) -> None:
    torch.save(content, path)


def write_legacy(path: Path, content: Any) -> None:
    torch.save(content, path, _use_new_zipfile_serialization=False)


def write_blobs(path: Path, content: Any) -> None:
    path.write_bytes(pickle.dumps({"blobs": {"conv1_w": np.ones(2), "payload": content}}, protocol=2))


def write_blobs_4(path: Path, content: Any) -> None:
    path.write_bytes(pickle.dumps({"blobs": {"payload": content}}, protocol=4))


@pytest.mark.parametrize("write", [write_zip, write_legacy, write_blobs, write_blobs_4])
@pytest.mark.parametrize("name", attacks(Path()))
def test_nothing_is_run(tmp_path: Path, name: str, write: Writer) -> None:
    """A pickle that calls anything is refused, with the name it asks for, before a call is made."""
    path = tmp_path / "weights.pth"
    write(path, {"state_dict": {"weight": torch.ones(1)}, "payload": attacks(tmp_path)[name]} if "blobs" not in
          write.__name__ else attacks(tmp_path)[name])  # fmt: skip
    with pytest.raises(WeightsError, match=r"weights\.pth: (it holds more than tensors|the file .*more than tensors)"):
        read_tensors(path)
    assert not (tmp_path / RAN).exists()


def test_an_array_of_objects_is_refused(tmp_path: Path) -> None:
    """Objects in numpy's arrays are pickles of their own."""
    write_blobs(tmp_path / "a.pkl", np.array([Calls(os.mkdir, str(tmp_path / RAN))], dtype=object))
    with pytest.raises(WeightsError, match="it asks for"):
        read_tensors(tmp_path / "a.pkl")
    write_blobs(tmp_path / "b.pkl", np.array([None], dtype=object))
    with pytest.raises(WeightsError, match="payload is no array of numbers"):
        read_tensors(tmp_path / "b.pkl")
    assert not (tmp_path / RAN).exists()


def blob(array: bytes) -> bytes:
    """A Caffe2 pickle whose only blob is what these operations make."""
    return b"\x80\x02}U\x05blobs}U\x01x" + array + b"ss."


NEW_ARRAY = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntU\x01btR"
FLOAT = b"cnumpy\ndtype\n(U\x02f4I0\nI1\ntR(I3\nU\x01<NNNI-1\nI-1\nI0\ntb"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (blob(NEW_ARRAY + b"(I1\n(I1000000000000\nt" + FLOAT + b"I00\nU\x04\0\0\0\0tb"), r"shape \[1000000000000\]"),
        (blob(NEW_ARRAY + b"(I1\n(I1\nt" + FLOAT + b"I00\nL99999999999999L\ntb"), "content isn't bytes"),
        (blob(NEW_ARRAY + b"(I1\n(I-1\nI-1\nt" + FLOAT + b"I00\nU\x04\0\0\0\0tb"), "no proper shape"),
        (blob(NEW_ARRAY + b"(I1\n(I1\ntU\x01fI00\nU\x04\0\0\0\0tb"), "no proper shape or type"),
        (blob(NEW_ARRAY), "no array of numbers"),
        (blob(b"cnumpy\nndarray\n"), "no array of numbers"),
        (blob(b"cnumpy\nndarray\n}U\x06tensorNsb"), "damaged"),
        (blob(b"cnumpy.core.multiarray\nscalar\nN}U\x06tensorNs\x86b"), "damaged"),
        (blob(b"U\x03abc"), "no array of numbers"),
        (blob(b"]" * 1000), "damaged|no array of numbers"),
        (b"\x80\x02}" + b")" + b"\x85" * 500_000 + b"Ns.", "larger or deeper"),
        (b"\x80\x02" + b"N0" * 1_500_000 + b"}.", "larger or deeper"),
        (b"\x80\x02}r" + struct.pack("<I", 2**32 - 1) + b".", "larger or deeper"),
        (b"\x80\x02}p99999999999\n.", "larger or deeper"),
        (b"\x80\x02X\xff\xff\xff\x7fabc.", "damaged"),
        (b"\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\x7fabc.", "damaged"),
        (b"\x80\x02\x8b\xff\xff\xff\x7fabc.", "damaged"),
        (b"\x80\x02c__builtin__\ngetattr\nc__builtin__\n__import__\nU\x02os\x85RU\x06system\x86RU\x02ls\x85R.",
         r"builtins\.getattr, builtins\.__import__"),
        (b"\x80\x02(ios\nsystem\n.", "operation INST"),
        (b"\x80\x02(cos\nsystem\no.", "os.system"),
        (b"\x80\x02Pstorage\n.", "operation PERSID"),
        (b"\x80\x04\x82\x01.", "operation EXT1"),
        (b"\x80\x04\x8c\x02os\x8c\x06system\x93.", "os.system"),
        (b"\x80\x04\x8c\x16numpy.core.multiarray\0\x8c\x02os\x93.", "it asks for"),
        (b"\x80\x02]" + b"2a" * 1000 + b".", "no blobs"),
        (b"\x80\x02}U\x05blobs}s.", "no blobs"),
        (b"\x80", "damaged"),
    ],
)  # fmt: skip
def test_bombs_and_forgeries_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    """Neither huge lengths, deep nesting, far places in the table nor forged arrays cost memory, time or a crash."""
    (tmp_path / "a.pkl").write_bytes(content)
    with pytest.raises(WeightsError, match=message):
        read_tensors(tmp_path / "a.pkl")
    # Whatever a forgery did to the stand-ins, the next file is read as ever.
    (tmp_path / "b.pkl").write_bytes(pickle.dumps({"blobs": {"x": np.float32(2)}}, protocol=2))
    assert read_tensors(tmp_path / "b.pkl")["x"] == 2


def test_torchs_own_pickle_is_looked_over_too(tmp_path: Path) -> None:
    """A zip of torch whose pickle nests tuples half a million deep is refused, and so is a compressed one."""
    pickled = b"\x80\x02}" + b")" + b"\x85" * 500_000 + b"Ns."
    for name, compression in (("deep.pth", zipfile.ZIP_STORED), ("packed.pth", zipfile.ZIP_DEFLATED)):
        with zipfile.ZipFile(tmp_path / name, "w", compression) as archive:
            archive.writestr("archive/data.pkl", pickled)
            archive.writestr("archive/version", "3\n")
    with pytest.raises(WeightsError, match="larger or deeper"):
        read_tensors(tmp_path / "deep.pth")
    with pytest.raises(WeightsError, match="compressed"):
        read_tensors(tmp_path / "packed.pth")


def test_a_tensor_larger_than_its_storage_is_refused(tmp_path: Path) -> None:
    """A pickle that claims more values than the file has can't read memory beyond them."""
    torch.save({"weight": torch.zeros(4)}, tmp_path / "a.pth")
    with zipfile.ZipFile(tmp_path / "a.pth") as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(tmp_path / "b.pth", "w", zipfile.ZIP_STORED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content.replace(b"K\x04\x85", b"K\xff\x85"))
    with pytest.raises(WeightsError):
        read_tensors(tmp_path / "b.pth")


def test_archives_of_old_torch_are_not_unpacked(tmp_path: Path) -> None:
    """The tar format of torch before 2017 is named, and nothing is taken out of it."""
    with tarfile.open(tmp_path / "old.pth", "w") as archive:
        entry = tarfile.TarInfo("../escaped")
        archive.addfile(entry, io.BytesIO())
    with pytest.raises(WeightsError, match="tar archive"):
        read_tensors(tmp_path / "old.pth")
    assert not (tmp_path.parent / "escaped").exists()


def test_a_program_is_refused(tmp_path: Path) -> None:
    """TorchScript files hold code."""
    with zipfile.ZipFile(tmp_path / "a.pt", "w") as archive:
        archive.writestr("a/data.pkl", b"\x80\x02}.")
        archive.writestr("a/code/__torch__.py", "class Net(Module): ...")
    with pytest.raises(WeightsError, match="TorchScript program"):
        read_tensors(tmp_path / "a.pt")


def test_modules_of_the_file_are_never_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pickle's own module, lying beside it, isn't imported: importing runs it."""
    (tmp_path / "beside.py").write_text(f"open({str(tmp_path / RAN)!r}, 'w')\nclass Settings: pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "a.pkl").write_bytes(b"\x80\x02cbeside\nSettings\n.")
    with pytest.raises(WeightsError, match=r"beside\.Settings"):
        read_tensors(tmp_path / "a.pkl")
    assert "beside" not in sys.modules
    assert not (tmp_path / RAN).exists()
