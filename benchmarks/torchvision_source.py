"""torchvision's video networks, out of the Python files of its wheel.

The wheel's compiled operators fit one build of torch only; these networks need none of them. It is downloaded
into a temporary folder, and nothing of it stays.
"""

import importlib
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from videobench.models.classifier import Classifier
from videobench.models.weights.torchvision import torchvision_names

VERSION = "0.28.0"


@cache
def video_resnets() -> ModuleType:
    """Import ``torchvision.models.video.resnet`` as released, without the rest of torchvision."""
    with tempfile.TemporaryDirectory() as folder:
        download = ["pip", "download", "-qqq", "--disable-pip-version-check", "--no-deps", "--dest", folder]
        subprocess.run([sys.executable, "-m", *download, f"torchvision=={VERSION}"], check=True)
        (wheel,) = Path(folder).glob("*.whl")
        for package in ("torchvision", "torchvision.models", "torchvision.models.video", "torchvision.transforms"):
            module = ModuleType(package)  # its own __init__ would import everything
            module.__path__ = [f"{wheel}/{package.replace('.', '/')}"]
            sys.modules[package] = module
        _stand_in("torchvision.utils", _log_api_usage_once=lambda _: None)
        _stand_in("torchvision.transforms._presets", VideoClassification=object)
        return importlib.import_module("torchvision.models.video.resnet")


def _stand_in(name: str, **members: Any) -> None:
    module = ModuleType(name)
    vars(module).update(members)
    sys.modules[name] = module


def r2plus1d_18(ours: Classifier, *, width: int, num_classes: int) -> nn.Module:
    """Return torchvision's R(2+1)D-18 with the weights of ``ours``; ``width`` scales its channels from 64.

    Blocks and the order of computation are torchvision's; only the numbers of channels, which it has written
    into the class, are replaced.
    """
    source = video_resnets()
    weights = ours.state_dict()
    middle = len(weights["backbone.stem.convolution.spatial.weight"])

    def stem() -> Any:
        layers = source.R2Plus1dStem()
        layers[0] = nn.Conv3d(3, middle, (1, 7, 7), stride=(1, 2, 2), padding=(0, 3, 3), bias=False)
        layers[1] = nn.BatchNorm3d(middle)
        layers[3] = nn.Conv3d(middle, width, (3, 1, 1), padding=(1, 0, 0), bias=False)
        layers[4] = nn.BatchNorm3d(width)
        return layers

    class Network(source.VideoResNet):  # type: ignore[misc,name-defined]
        def _make_layer(self, block: Any, builder: Any, planes: int, blocks: int, stride: int = 1) -> Any:
            if planes == 64:
                self.inplanes = width
            return super()._make_layer(block, builder, planes * width // 64, blocks, stride)

    model: nn.Module = Network(source.BasicBlock, [source.Conv2Plus1D] * 4, [2, 2, 2, 2], stem)
    model.fc = nn.Linear(8 * width, num_classes)
    model.load_state_dict({theirs: weights[own] for own, theirs in torchvision_names(weights).items()})
    return model.eval()
