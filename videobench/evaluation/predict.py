"""Runs the network over the views that are wanted and puts their logits into the store."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from videobench.errors import WeightsError
from videobench.evaluation.reading import Reading
from videobench.evaluation.views import View, crop_offset

# (clips uint8 [B, T, h, w, 3], offsets int64 [B, 2], flips bool [B]) -> float [B, C, T, h, w] on the device
ToInput = Callable[[Tensor, Tensor, Tensor], Tensor]
_Item = tuple[str, View, NDArray[np.uint8]]  # the last: the cropped clip, [T, h, w, 3]


class ScoreWriter(Protocol):
    """Where scores go: a ``ScoreStore``, or memory while a training is watched."""

    def write(self, views: Sequence[tuple[str, View]], logits: NDArray[np.float32]) -> None:
        """Take the logits [R, K] of R (video, view) pairs."""


def predict(
    model: nn.Module,
    readings: Iterable[Reading],
    *,
    to_input: ToInput,
    store: ScoreWriter,
    crop_size: tuple[int, int],
    batch_views: int,
    device: torch.device | str,
    flush_views: int = 4096,
    flush_seconds: float = 60.0,
    progress: Callable[[int], None] | None = None,
) -> int:
    """Store the logits of all views of ``readings`` and return how many views went through the network.

    Views of different videos share batches of ``batch_views``; a batch that does not fit into memory is
    halved, and so are those after it. Clips are cropped to ``crop_size`` (height, width) before they are
    batched, so videos of different sizes share batches too: the offsets that ``to_input`` gets are all zero.

    Scores reach the disk after ``flush_views`` views or ``flush_seconds``, and when anything stops the run.
    The network runs in evaluation mode and leaves with the modes it came with. WeightsError when it gives a
    logit that is not finite.
    """
    modes = {module: module.training for module in model.modules()}
    done: list[tuple[str, View]] = []
    logits: list[NDArray[np.float32]] = []
    num_views, limit, last_flush = 0, batch_views, time.monotonic()

    def flush() -> None:
        if done:
            store.write(done, np.concatenate(logits))
            done.clear()
            logits.clear()

    model.eval()
    try:
        for batch in _batches(readings, crop_size, batch_views):
            scores, limit = _scores(model, batch, to_input=to_input, device=torch.device(device), limit=limit)
            for (video, view, _), finite in zip(batch, np.isfinite(scores.sum(axis=1)), strict=True):
                if not finite:
                    raise WeightsError(
                        f"the network's scores are not finite for video {video}, {view}",
                        hint="the weights are damaged or the numbers overflow: evaluate in float32",
                    )
            done.extend((video, view) for video, view, _ in batch)
            logits.append(scores)
            num_views += len(batch)
            if progress is not None:
                progress(num_views)
            if len(done) >= flush_views or time.monotonic() - last_flush >= flush_seconds:
                flush()
                last_flush = time.monotonic()
    finally:
        flush()
        for module, mode in modes.items():
            module.training = mode
    return num_views


def _batches(readings: Iterable[Reading], crop_size: tuple[int, int], batch_views: int) -> Iterator[list[_Item]]:
    """Full batches across the borders of videos; smaller only at the end or where the clip length changes."""
    batch: list[_Item] = []
    for reading in readings:
        height, width = reading.frames.shape[1:3]
        for view in reading.views:
            y, x = crop_offset(view.crop, height, width, crop_size)
            cropped = reading.frames[:, y : y + crop_size[0], x : x + crop_size[1]]  # [T, h, w, 3]
            if len(batch) == batch_views or (batch and batch[0][2].shape != cropped.shape):
                yield batch
                batch = []
            batch.append((reading.video, view, cropped))
    if batch:
        yield batch


def _scores(
    model: nn.Module, batch: list[_Item], *, to_input: ToInput, device: torch.device, limit: int
) -> tuple[NDArray[np.float32], int]:
    """Logits [B, K] of a batch, at most ``limit`` views at a time, and the limit that turned out to fit."""
    parts: list[NDArray[np.float32]] = []
    first = 0
    while first < len(batch):
        part = batch[first : first + limit]
        scores = _scores_or_none(model, part, to_input=to_input, device=device)
        if scores is None:  # out of memory; tried again out here, where the failed attempt's tensors are gone
            limit = max(1, len(part) // 2)
            if device.type == "cuda":
                torch.cuda.empty_cache()
            continue
        parts.append(scores)
        first += len(part)
    return np.concatenate(parts), limit


@torch.inference_mode()
def _scores_or_none(
    model: nn.Module, part: list[_Item], *, to_input: ToInput, device: torch.device
) -> NDArray[np.float32] | None:
    """Logits [B, K] of one forward pass, or None if it ran out of memory and could do with fewer views."""
    try:
        clips = torch.from_numpy(np.stack([cropped for _, _, cropped in part]))  # [B, T, h, w, 3]
        if device.type == "cuda":
            clips = clips.pin_memory()
        offsets = torch.zeros(len(part), 2, dtype=torch.int64)
        flips = torch.tensor([view.flip for _, view, _ in part])
        logits: Tensor = model(to_input(clips, offsets, flips))  # [B, K]
        return logits.float().cpu().numpy()
    except (RuntimeError, MemoryError) as error:
        if len(part) > 1 and _is_out_of_memory(error):
            return None
        raise


def _is_out_of_memory(error: RuntimeError | MemoryError) -> bool:
    # On the CPU torch reports it as a plain RuntimeError.
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or "can't allocate memory" in str(error)
