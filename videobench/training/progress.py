"""What a training reports while it runs, measured without making the device wait."""

import math
import resource
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

from videobench.errors import ConfigError
from videobench.training.checkpoint import Reached


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Where a training stands; loss, accuracy and rates are over the steps since the last report."""

    step: int  # steps done
    num_steps: int
    loss: float
    clip_at_1: float  # top-1 of the training clips themselves, in percent
    learning_rate: float
    clips: int  # over all sessions
    clips_per_second: float
    data_wait_share: float  # of the time, 0..1
    seconds: float  # over all sessions
    eta_seconds: float
    max_memory_bytes: int  # on the accelerator; of the process where there is none
    validation: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class _Step:
    """One step whose outcome may still be on its way through the device."""

    number: int  # counted from 1
    learning_rate: float
    outcome: Tensor  # [2] mean loss over the step's clips, number of them classified correctly
    num_clips: int


@dataclass(kw_only=True)
class _Window:
    """What has added up since the last report."""

    started: float
    num_steps: int = 0
    num_clips: int = 0
    loss: float = 0.0
    num_correct: float = 0.0
    waited_seconds: float = 0.0
    paused_seconds: float = 0.0


class Meter:
    """Adds up steps; their outcomes stay on the device until ``check`` reads them, all at once."""

    def __init__(self, reached: Reached, *, num_steps: int, device: torch.device) -> None:
        self._before = self._now = reached
        self._num_steps = num_steps
        self._device = device
        self._started = time.perf_counter()
        self._window = _Window(started=self._started)
        self._learning_rate = math.nan
        self._unread: list[_Step] = []

    @contextmanager
    def waiting_for_data(self) -> Iterator[None]:
        """Count the time inside as waiting for data."""
        started = time.perf_counter()
        yield
        self._window.waited_seconds += time.perf_counter() - started

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Leave the time inside, of validating or saving, out of the rates, not out of the seconds."""
        started = time.perf_counter()
        yield
        self._window.paused_seconds += time.perf_counter() - started

    def add_step(self, *, learning_rate: float, losses: list[Tensor], hits: list[Tensor]) -> None:
        """Count one step from its micro-batches' mean losses [] and hits [B] (bool)."""
        is_hit = torch.cat(hits)  # [clips of the step]
        outcome = torch.stack([torch.stack(losses).mean(), is_hit.sum().float()])  # [2]
        step, clips = self._now.step + 1, self._now.clips + len(is_hit)
        self._now = replace(self._now, step=step, clips=clips)
        self._learning_rate = learning_rate
        self._unread.append(_Step(number=step, learning_rate=learning_rate, outcome=outcome, num_clips=len(is_hit)))

    def add_validation_loss(self, loss: float) -> None:
        """Remember a loss that the learning rate follows."""
        self._now = replace(self._now, losses=(*self._now.losses, loss))

    @property
    def seconds_since_report(self) -> float:
        return time.perf_counter() - self._window.started

    @property
    def reached(self) -> Reached:
        seconds = self._before.seconds + time.perf_counter() - self._started
        return replace(self._now, seconds=seconds)

    def check(self) -> None:
        """Read the steps not read yet; raise ``ConfigError`` at the first whose loss isn't finite."""
        if not self._unread:
            return
        outcomes = torch.stack([step.outcome for step in self._unread]).tolist()  # [steps, 2], the only wait
        for step, (loss, num_correct) in zip(self._unread, outcomes, strict=True):
            if not math.isfinite(loss):
                raise self._diverged(f"the loss is {loss}", step.number, step.learning_rate)
            self._window.num_steps += 1
            self._window.num_clips += step.num_clips
            self._window.loss += loss
            self._window.num_correct += num_correct
        self._unread.clear()

    def check_weights(self, model: nn.Module) -> None:
        """Raise ``ConfigError`` when the last update left a weight that isn't a finite number."""
        if not all(bool(weight.isfinite().all()) for weight in model.parameters()):
            raise self._diverged("a weight isn't finite", self._now.step, self._learning_rate)

    def progress(self, validation: Mapping[str, float]) -> Progress:
        """Check and sum up the steps since the last report, at least one, and start anew."""
        self.check()
        window, reached = self._window, self.reached
        training_seconds = self.seconds_since_report - window.paused_seconds
        seconds_of_session = reached.seconds - self._before.seconds
        seconds_per_step = seconds_of_session / (reached.step - self._before.step)
        self._window = _Window(started=time.perf_counter())
        return Progress(
            step=reached.step,
            num_steps=self._num_steps,
            loss=window.loss / window.num_steps,
            clip_at_1=100.0 * window.num_correct / window.num_clips,
            learning_rate=self._learning_rate,
            clips=reached.clips,
            clips_per_second=window.num_clips / training_seconds,
            data_wait_share=window.waited_seconds / training_seconds,
            seconds=reached.seconds,
            eta_seconds=seconds_per_step * (self._num_steps - reached.step),
            max_memory_bytes=max_memory_bytes(self._device),
            validation=validation,
        )

    def _diverged(self, what: str, step: int, learning_rate: float) -> ConfigError:
        return ConfigError(
            f"the training diverged: {what} at step {step} of {self._num_steps}, "
            f"whose learning rate is {learning_rate:.6g}",
            hint="Lower the learning rate or lengthen the warm-up; instead of fp16 try bf16. "
            "The last checkpoint was left as it is.",
        )


def max_memory_bytes(device: torch.device) -> int:
    """The most memory used so far: allocated on the accelerator, or resident in the process on a CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # Linux counts in KiB
