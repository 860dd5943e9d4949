"""An experiment that runs in a second: a few painted videos, a network of two channels, some steps."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from videobench.data.encode import write_video
from videobench.records import Record, all_records
from videobench.runner.events import Event
from videobench.runner.execute import execute
from videobench.runner.plan import Plan, make_plan
from videobench.runner.schedule import Outcome
from videobench.runner.workspace import Workspace
from videobench.spec.expand import Experiment, load_experiment

BASE = """\
title: Small
scale: cpu
base:
  data: {type: class_folders, name: small, root: videos}
  clip: {frames: 2, resize: [16, 16], crop: 16}
  network: {type: video_resnet, name: R3D, width: 2}
  evaluate: {protocol: video_10}
  recipe:
    {batch: 4, micro_batch: 4, reference_batch: 4, learning_rate: 0.001, epoch_clips: 8, epochs: 2, warmup_epochs: 0}
  validation: {videos: 0}
"""
TWO_ROWS = "matrix:\n  network.name: [R3D, MC3]\n"
CLASSES = ("dark", "bright", "red")


def write_videos(root: Path, *, classes: Sequence[str] = CLASSES, per_class: int = 2, num_frames: int = 14) -> Path:
    """Write ``root/<train|test>/<class>/<number>.mp4``: plain colours with a little noise."""
    random = np.random.default_rng(0)
    for subset in ("train", "test"):
        for number, name in enumerate(classes):
            for video in range(per_class):
                path = root / subset / name / f"{video}.mp4"
                path.parent.mkdir(parents=True, exist_ok=True)
                level = 40 + 60 * number
                frames = random.integers(level, level + 30, (num_frames, 16, 16, 3), np.uint8)
                write_video(path, frames, fps=25, crf=23, gop=4)
    return root


def write_experiment(folder: Path, rest: str = "", *, base: str = BASE, name: str = "small.yaml") -> Path:
    """Write the experiment's file, and its videos unless they are there."""
    if not (folder / "videos").is_dir():
        write_videos(folder / "videos")
    path = folder / name
    path.write_text(base + rest)
    return path


@dataclass
class Run:
    """What one call of ``execute`` did."""

    plan: Plan
    outcome: Outcome
    events: list[Event] = field(default_factory=list)

    def started(self, unit: str) -> list[Event]:
        return [event for event in self.events if event.kind == "started" and event.unit == unit]


def load(path: Path, *settings: str) -> Experiment:
    return load_experiment(str(path), settings=settings)


def run(
    path: Path, home: Path, *settings: str, jobs: int = 1, keep_going: bool = False, only: Sequence[str] = ()
) -> Run:
    """Do what is missing of the experiment under ``home``."""
    workspace = Workspace(home)
    plan = make_plan(load(path, *settings), workspace, only=only)
    events: list[Event] = []
    outcome = execute(plan, workspace, jobs=jobs, keep_going=keep_going, device="cpu", report=events.append)
    return Run(plan, outcome, events)


def weights_of(plan: Plan, home: Path) -> dict[str, bytes]:
    """Return the bytes of every training's weights by its first row."""
    workspace = Workspace(home)
    return {node.rows[0]: workspace.training(node.digest).weights.read_bytes() for node in plan.trainings}


def records_by_digest(home: Path) -> dict[str, Record]:
    return {record.digest: record for record in all_records(Workspace(home).records)}
