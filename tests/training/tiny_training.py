"""A small training with all that can break a resume: dropout, BatchNorm, momentum, accumulation.

Run as a program, with the checkpoint's path and the name of a way to train, it trains into that checkpoint, slowly, and
prints a line after every step: something to kill.
"""

import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from videobench.training.checkpoint import CheckpointFile
from videobench.training.loop import TrainingResult, Validated, train
from videobench.training.optimisation import LearningRate, Plateau, StepDecay, WarmUp, adamw, sgd

NUM_CLASSES = 3
MICRO_BATCHES_PER_STEP = 3
LONG = 60  # steps that outlast the test's patience
SCHEDULE = LearningRate(peak=0.05, warm_up=WarmUp(num_steps=3, start=0.1), decay=StepDecay(num_steps=10))


def tiny_network() -> nn.Module:
    """A network with one of everything, its weights always the same."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv3d(3, 4, 3, padding=1, bias=False),
        nn.BatchNorm3d(4),
        nn.ReLU(),
        nn.AdaptiveAvgPool3d(1),
        nn.Flatten(),
        nn.Dropout(0.4),
        nn.Linear(4, NUM_CLASSES),
    )


def tiny_sgd(model: nn.Module) -> torch.optim.SGD:
    return sgd(
        model,
        learning_rate=0.1,
        momentum=0.9,
        nesterov=True,
        dampening=0.0,
        weight_decay=1e-2,
        decay_biases=False,
    )


def tiny_adamw(model: nn.Module) -> torch.optim.AdamW:
    return adamw(model, learning_rate=1e-3, weight_decay=1e-2, decay_biases=True)


def tiny_sgd_with_dampening(model: nn.Module) -> torch.optim.SGD:
    return sgd(
        model, learning_rate=0.1, momentum=0.9, nesterov=False, dampening=0.9, weight_decay=1e-2, decay_biases=True
    )  # fmt: skip


def micro_batch(number: int) -> tuple[Tensor, Tensor]:
    """Clips [4, 3, 4, 6, 6] and targets [4]: a pure function of the micro-batch's number."""
    generator = torch.Generator().manual_seed(number)
    targets = torch.randint(NUM_CLASSES, (4,), generator=generator)
    clips = torch.randn(4, 3, 4, 6, 6, generator=generator)
    return clips + targets.view(4, 1, 1, 1, 1), targets


def micro_batches(first: int) -> Iterator[tuple[Tensor, Tensor]]:
    while True:
        yield micro_batch(first)
        first += 1


def train_tiny(model: nn.Module, optimiser: torch.optim.Optimizer, *, num_steps: int, **changes: Any) -> TrainingResult:
    """Train on the CPU without a checkpoint, reporting nothing, unless ``changes`` say otherwise."""
    settings: dict[str, Any] = {
        "learning_rate": SCHEDULE.at,
        "micro_batches_per_step": MICRO_BATCHES_PER_STEP,
        "batches": micro_batches,
        "to_input": lambda batch: batch,
        "device": torch.device("cpu"),
        "precision": "fp32",
        "seed": 7,
        "checkpoint": None,
        "save_every_seconds": 1000.0,
        "report": lambda _: None,
        "report_every_seconds": 1000.0,
    }
    return train(model, optimiser=optimiser, num_steps=num_steps, **{**settings, **changes})


def following_plateaus(model: nn.Module) -> dict[str, Any]:
    """Changes to a training: its rate falls when the loss on some clips stops falling, all statistics are followed."""

    def validate(_: int) -> Validated:
        clips, targets = micro_batch(10**6)
        with torch.inference_mode():
            return Validated(shown={}, loss=F.cross_entropy(model(clips), targets).item())

    plateau = Plateau(patience=0, factor_per_drop=0.9, threshold=0.1)  # hard to please: the rate falls early and often
    return {
        "learning_rate": LearningRate(peak=1.0, decay=plateau).at,
        "running_statistics": "all",
        "validate": validate,
        "validate_every_steps": 2,
    }


def by_steps(_: nn.Module) -> dict[str, Any]:
    """No changes: the rate depends on the step alone."""
    return {}


WAYS = {"by_steps": (tiny_sgd, by_steps), "following_plateaus": (tiny_sgd_with_dampening, following_plateaus)}
"""How a training may go: its optimiser, and its changes to the usual settings."""


def same(first: Mapping[str, Tensor], second: Mapping[str, Tensor]) -> bool:
    """Whether two state dicts agree in names, types and every bit."""
    return first.keys() == second.keys() and all(
        first[name].dtype == second[name].dtype and torch.equal(first[name], second[name]) for name in first
    )


def _slow_micro_batches(first: int) -> Iterator[tuple[Tensor, Tensor]]:
    for batch in micro_batches(first):
        time.sleep(0.01)
        yield batch


if __name__ == "__main__":
    network = tiny_network()
    build, changes = WAYS[sys.argv[2]]
    train_tiny(
        network,
        build(network),
        num_steps=LONG,
        **changes(network),
        batches=_slow_micro_batches,
        checkpoint=CheckpointFile(path=Path(sys.argv[1]), identity="tiny"),
        save_every_seconds=0.0,
        report=lambda progress: print(progress.step, flush=True),
        report_every_seconds=0.0,
    )
