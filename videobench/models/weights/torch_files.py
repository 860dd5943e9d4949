"""Files that torch.save wrote, read without running anything of theirs.

Training programs save more than tensors: their arguments, settings, best accuracies. What those are made of is
replaced by empty stand-ins under the names that training programs in use write; every other name ends the reading.
"""

import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import torch

from videobench.errors import WeightsError
from videobench.models.weights.pickles import look_over

LEGACY_PICKLES = 5  # magic number, version, machine, content, keys of the storages


class Ignored:
    """Takes the place of any object that isn't wanted, and forgets what it is given."""

    def __init__(self, *_: Any) -> None: ...

    def __setstate__(self, _: Any) -> None: ...


class IgnoredMapping:
    """The same for dictionaries with a class of their own: torch's unpickler fills none but Python's."""

    def __new__(cls, *_: Any) -> Any:
        return OrderedDict()


ARRAYS = tuple(f"numpy.{core}.multiarray.{name}" for core in ("core", "_core") for name in ("_reconstruct", "scalar"))
TYPES = tuple(f"builtins.{name}" for name in ("dict", "list", "int", "float", "str", "bool"))
NODES = tuple(f"omegaconf.nodes.{name}Node" for name in ("Any", "Integer", "Float", "Boolean", "String"))
STAND_INS: dict[str, type] = {
    **dict.fromkeys(
        (
            *ARRAYS, "numpy.ndarray", "numpy.dtype", *TYPES, "typing.Any", "argparse.Namespace", "pathlib.Path",
            "pathlib.PosixPath", "pathlib._local.PosixPath", "pathlib.WindowsPath", "datetime.datetime",
            "datetime.timedelta", *NODES, "omegaconf.dictconfig.DictConfig", "omegaconf.listconfig.ListConfig",
            "omegaconf.base.ContainerMetadata", "omegaconf.base.Metadata",
        ),
        Ignored,
    ),
    **dict.fromkeys(
        (
            "collections.defaultdict", "yacs.config.CfgNode", "fvcore.common.config.CfgNode", "easydict.EasyDict",
            "addict.addict.Dict", "mmcv.utils.config.ConfigDict", "mmengine.config.config.ConfigDict",
        ),
        IgnoredMapping,
    ),
}  # fmt: skip


def read_torch(path: Path) -> Any:
    """What torch.save wrote, tensors whole and anything foreign emptied.

    WeightsError for a damaged file, and for one whose pickle asks for any name but torch's own and STAND_INS.
    """
    where = str(path)
    look_over_all(path)
    try:
        with torch.serialization.safe_globals([(stand_in, name) for name, stand_in in STAND_INS.items()]):
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged or hostile file can fail with almost any kind of exception
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise WeightsError(
            f"the file is damaged, or holds more than tensors: {reason}",
            where=where,
            hint="Copy or download the file again, or save its state dict alone.",
        ) from error


def look_over_all(path: Path) -> None:
    """Look every pickle of the file over, before any is read."""
    where = str(path)
    if not zipfile.is_zipfile(path):
        with path.open("rb") as file:
            for _ in range(LEGACY_PICKLES):
                look_over(file, is_allowed=is_allowed, where=where)
        return
    with zipfile.ZipFile(path) as archive:
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
            raise WeightsError("it is compressed, which torch's files never are", where=where)
        names = archive.namelist()
        if any(name.split("/")[1:2] == ["code"] for name in names):
            hint = "Save the state_dict() of the program alone."
            raise WeightsError("it is a TorchScript program, not a state dict", where=where, hint=hint)
        for name in names:
            if name.endswith(".pkl"):
                with archive.open(name) as file:
                    look_over(file, is_allowed=is_allowed, where=where)


def is_allowed(name: str) -> bool:
    """Whether a pickle may ask for a name: torch's own unpickler decides on torch's, with a shorter list."""
    return name in STAND_INS or name.split(".")[0] in ("torch", "collections", "_codecs")
