"""Calling the command line in this process, and a small experiment for it."""

import contextlib
import io
import sys
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import numpy as np
from videobench_cli.app import main

from videobench.data.encode import write_video

BASE = """\
title: Small
scale: cpu
base:
  data: {type: class_folders, name: small, root: videos}
  clip: {frames: 2, resize: [16, 16], crop: 16}
  network: {type: video_resnet, name: R3D, width: 2}
  evaluate: {protocol: clip}
  recipe:
    {batch: 4, micro_batch: 4, reference_batch: 4, learning_rate: 0.001, epoch_clips: 8, epochs: 1, warmup_epochs: 0}
  validation: {videos: 0}
"""


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str


def call(*arguments: str | Path) -> Result:
    """Run `videobench` with these arguments; an exception that it lets through is one here."""
    out, err = io.StringIO(), io.StringIO()
    code: object = 0
    with (
        mock.patch.object(sys, "argv", ["videobench", *map(str, arguments)]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as end:
            code = end.code
    assert "Traceback" not in err.getvalue()
    return Result(code if isinstance(code, int) else 0 if code is None else 1, out.getvalue(), err.getvalue())


def write_videos(root: Path, *, classes: tuple[str, ...] = ("dark", "bright"), per_class: int = 2) -> Path:
    """Write ``root/<train|test>/<class>/<number>.mp4``."""
    random = np.random.default_rng(0)
    for subset in ("train", "test"):
        for number, name in enumerate(classes):
            for video in range(per_class):
                frames = random.integers(40 + 60 * number, 70 + 60 * number, (6, 16, 16, 3), np.uint8)
                write_video(root / subset / name / f"{video}.mp4", frames, fps=25, crf=23, gop=4)
    return root


def write_experiment(folder: Path, rest: str = "", *, base: str = BASE) -> Path:
    """Write the experiment's file, and its videos unless they are there."""
    if not (folder / "videos").is_dir():
        write_videos(folder / "videos")
    path = folder / "small.yaml"
    path.write_text(base + rest)
    return path
