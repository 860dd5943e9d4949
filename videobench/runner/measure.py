"""Sending views of videos through a network."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence

import torch
from torch import Tensor

from videobench.data.transforms import to_network_input
from videobench.evaluation.predict import ScoreWriter, predict
from videobench.evaluation.reading import read_ahead, reading_requests
from videobench.evaluation.views import View
from videobench.models.classifier import Classifier
from videobench.runner.inputs import Input
from videobench.spec.clip import Clip

BATCH_PIXELS = 2**24
"""A batch holds as many views as fit into this many input pixels: 10 clips of 32x224x224, 1,000 of 16x32x32."""
MAX_BATCH_VIEWS = 64
CLIPS_PER_READ = 16


def predict_views(
    model: Classifier,
    wanted: Mapping[str, Sequence[View]],
    data: Input,
    scores: ScoreWriter,
    device: torch.device,
    progress: Callable[[int], None] | None,
) -> None:
    """Send the wanted views through the network, reading videos ahead of it, and write their logits to ``scores``."""
    clip = data.clip
    requests = reading_requests(wanted, clips_per_read=CLIPS_PER_READ)
    with _full_float32(), contextlib.closing(read_ahead(requests, data.read)) as readings:
        predict(
            model,
            readings,
            to_input=_to_input(clip, device),
            store=scores,
            crop_size=(clip.crop, clip.crop),
            batch_views=_batch_views(clip),
            device=device,
            progress=progress,
        )


@contextlib.contextmanager
def _full_float32() -> Iterator[None]:
    """Switch TF32 off for the while: with it a score would depend on its batch by more than 1e-5."""
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before


def _to_input(clip: Clip, device: torch.device) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    def to_input(clips: Tensor, offsets: Tensor, flips: Tensor) -> Tensor:
        crop = (clip.crop, clip.crop)
        return to_network_input(clips, offsets, flips, crop=crop, mean=clip.mean, std=clip.std, device=device)

    return to_input


def _batch_views(clip: Clip) -> int:
    return max(1, min(MAX_BATCH_VIEWS, BATCH_PIXELS // (clip.frames * clip.crop**2)))
