"""The training loop: what happens between a network's first and last step, read from top to bottom.

The micro-batch (1711.11248: the 32 clips of one GPU) is the unit of BatchNorm, accumulation and randomness:

- a step's gradient is the mean over its micro-batches, whichever devices computed them;
- BatchNorm normalises by the micro-batch. Its running statistics follow the first micro-batch of each step alone,
  or all of them (``batch_norm.RunningStatistics``);
- dropout and the like are seeded from (seed, step, micro-batch). So the position in the training is all the
  random state there is, and a resumed run computes what one that was never stopped would have computed, bit
  for bit on a CPU.
"""

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Literal, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from videobench.errors import Interrupted
from videobench.training.batch_norm import RunningStatistics, batch_norms_of, running_statistics_kept
from videobench.training.checkpoint import CheckpointFile, Reached
from videobench.training.optimisation import set_learning_rate
from videobench.training.progress import Meter, Progress, max_memory_bytes

Batch = TypeVar("Batch")
Precision = Literal["fp32", "bf16", "fp16"]


@dataclass(frozen=True, kw_only=True)
class TrainingResult:
    """What a finished training cost, over all its sessions (``max_memory_bytes``: of the last one)."""

    step: int
    clips: int
    seconds: float
    max_memory_bytes: int


@dataclass(frozen=True, kw_only=True)
class Validated:
    """What a validation found: accuracies to show, and the loss that the learning rate follows, where it was due."""

    shown: Mapping[str, float]
    loss: float | None = None


def train(
    model: nn.Module,
    *,
    optimiser: torch.optim.Optimizer,
    learning_rate: Callable[[int, Sequence[float]], float],
    num_steps: int,
    micro_batches_per_step: int,
    batches: Callable[[int], Iterator[Batch]],
    to_input: Callable[[Batch], tuple[Tensor, Tensor]],
    device: torch.device,
    precision: Precision,
    seed: int,
    checkpoint: CheckpointFile | None,
    save_every_seconds: float,
    report: Callable[[Progress], None],
    report_every_seconds: float,
    running_statistics: RunningStatistics = "first",
    validate: Callable[[int], Validated] | None = None,
    validate_every_steps: int = 1,
    should_stop: Callable[[], bool] = lambda: False,
) -> TrainingResult:
    """Train ``model`` in place up to ``num_steps``, from ``checkpoint`` where that file exists.

    ``model`` and ``optimiser`` are on ``device`` already, in the memory format that suits them.
    ``batches(n)`` yields the micro-batches from number n on, counted over the whole training; ``to_input``
    turns one into the network's input [B, C, T, H, W] and targets [B] (int64) on the device (where it can,
    from pinned memory with ``non_blocking``: nothing here waits for the device but reports and checkpoints).
    ``learning_rate(step, losses)`` is the rate of a step, counted from 0, after the losses that validations found
    before it, in their order. The loss is the cross-entropy.
    ``report`` is called at most every ``report_every_seconds``, and after validation and the last step;
    ``validate`` is told how many steps are done, every ``validate_every_steps`` and after the last one, and runs with
    the network in evaluation mode. What it measures must follow from the weights alone.
    After a step at which ``should_stop()`` is true, saves and raises ``Interrupted``. Raises ``ConfigError``
    when a loss is not finite; the checkpoint then keeps what it held.
    """
    scaler = torch.amp.GradScaler(device.type, enabled=precision == "fp16")
    reached = Reached()
    if checkpoint is not None and checkpoint.exists():
        reached = checkpoint.load(model=model, optimiser=optimiser, scaler=scaler)
    meter = Meter(reached, num_steps=num_steps, device=device)
    saved = time.perf_counter()
    batch_norms = batch_norms_of(model)
    stream = batches(reached.step * micro_batches_per_step)
    model.train()

    for step in range(reached.step, num_steps):
        rate = learning_rate(step, meter.reached.losses)
        set_learning_rate(optimiser, rate)
        losses, hits = [], []
        for micro_batch in range(micro_batches_per_step):
            with meter.waiting_for_data():
                batch = next(stream)
            inputs, targets = to_input(batch)  # [B, C, T, H, W], [B]
            torch.manual_seed(micro_batch_seed(seed, step, micro_batch))
            is_followed = micro_batch == 0 or running_statistics == "all"
            with nullcontext() if is_followed else running_statistics_kept(batch_norms), autocast(device, precision):
                logits = model(inputs)  # [B, K]
                loss = F.cross_entropy(logits, targets)
            torch.autograd.backward(scaler.scale(loss / micro_batches_per_step))
            losses.append(loss.detach())
            hits.append(logits.detach().argmax(dim=1) == targets)  # [B]
        scaler.step(optimiser)
        scaler.update()
        optimiser.zero_grad()
        meter.add_step(learning_rate=rate, losses=losses, hits=hits)

        is_last = step + 1 == num_steps
        shown: Mapping[str, float] = {}
        if validate is not None and (is_last or (step + 1) % validate_every_steps == 0):
            meter.check()
            model.eval()
            with meter.paused():
                validated = validate(step + 1)
            model.train()
            shown = validated.shown
            if validated.loss is not None:
                meter.add_validation_loss(validated.loss)
        is_interrupted = should_stop() and not is_last
        is_final = is_last or is_interrupted
        if shown or is_final or meter.seconds_since_report >= report_every_seconds:
            report(meter.progress(shown))
        if checkpoint is not None and (is_final or time.perf_counter() - saved >= save_every_seconds):
            meter.check()
            meter.check_weights(model)
            with meter.paused():
                checkpoint.save(meter.reached, model=model, optimiser=optimiser, scaler=scaler)
            saved = time.perf_counter()
        if is_interrupted:
            raise _interrupted(step + 1, num_steps, checkpoint)

    reached = meter.reached
    return TrainingResult(
        step=reached.step,
        clips=reached.clips,
        seconds=reached.seconds,
        max_memory_bytes=max_memory_bytes(device),
    )


def micro_batch_seed(seed: int, step: int, micro_batch: int) -> int:
    """A seed of its own for every micro-batch, below 2**63: the same on every device, in every session."""
    digest = hashlib.blake2b(f"{seed} {step} {micro_batch}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def autocast(device: torch.device, precision: Precision) -> torch.autocast:
    """The context in which a forward pass runs at ``precision``; weights and updates stay in float32."""
    dtype = torch.float16 if precision == "fp16" else torch.bfloat16
    return torch.autocast(device.type, dtype=dtype, enabled=precision != "fp32")


def _interrupted(step: int, num_steps: int, checkpoint: CheckpointFile | None) -> Interrupted:
    if checkpoint is None:
        return Interrupted(f"stopped at step {step} of {num_steps}", hint="No checkpoint was asked for.")
    return Interrupted(
        f"stopped at step {step} of {num_steps}; the state is saved",
        where=str(checkpoint.path),
        hint="Run the same command again to go on from there.",
    )
