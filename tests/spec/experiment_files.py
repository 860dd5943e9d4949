"""Writing small experiment files and reading what is wrong with them."""

from pathlib import Path
from typing import Any

import pytest

from videobench.errors import ConfigError
from videobench.spec.expand import Experiment, load_experiment

BASE = """\
base:
  data: {type: synthetic_motion}
  clip: {frames: 8, resize: [32, 32], crop: 32}
  network: {type: video_resnet, name: R3D, width: 8}
"""
TITLE = "title: made up\n"
MINIMAL = TITLE + BASE


CPU = """\
base:
  network: {width: 8}
  recipe: {batch: 16, micro_batch: 16, epoch_clips: 1600, epochs: 10, warmup_epochs: 2, flip: 0.0}
seeds: [0, 1, 2]
"""
SMOKE = "base: {recipe: {batch: 4, micro_batch: 4, epoch_clips: 4, epochs: 2, warmup_epochs: 1}}\n"


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Replace the shipped experiments by an empty folder with scales of known content."""
    folder = tmp_path / "shipped"
    write(folder, CPU, "scales/cpu.yaml")
    write(folder, SMOKE, "scales/smoke.yaml")
    monkeypatch.setattr("videobench.spec.experiment.shipped_folder", lambda: folder)
    return folder


def write(folder: Path, text: str, name: str = "own.yaml") -> str:
    """Write an experiment file and return its path."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return str(path)


def load(folder: Path, text: str, *settings: str, **options: Any) -> Experiment:
    """Load an experiment from its text."""
    return load_experiment(write(folder, text), settings=settings, **options)


def mistakes(folder: Path, text: str, *settings: str, **options: Any) -> list[str]:
    """Return the mistakes of an experiment's text, one each, without the folder's name."""
    with pytest.raises(ConfigError) as caught:
        load(folder, text, *settings, **options)
    return lines_of(caught.value, folder)


def lines_of(error: ConfigError, folder: Path) -> list[str]:
    """Return the mistakes an error lists, without the folder's name."""
    lines = str(error).replace(f"{folder}/", "").split("\n")
    if lines[0].endswith(" mistakes:"):
        assert lines[0] == f"{len(lines) - 1} mistakes:"
        return [line.strip() for line in lines[1:]]
    return lines
