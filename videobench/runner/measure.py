"""Sending views of videos through a network."""

import contextlib
import functools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence

import torch
from torch import Tensor

from videobench.data.transforms import to_network_input
from videobench.errors import DataError
from videobench.evaluation.predict import ScoreWriter, predict
from videobench.evaluation.reading import Frames, read_ahead
from videobench.evaluation.views import Clip as FrameRange
from videobench.evaluation.views import View
from videobench.models.classifier import Classifier
from videobench.models.complexity import peak_activation_bytes
from videobench.models.folding import folded
from videobench.runner.inputs import Input
from videobench.spec.clip import Clip

BYTES_IN_CACHE = 32 * 2**20
"""What a batch's activations take at most on a CPU: beyond its caches a clip costs up to twice the time."""
BYTES_OF_A_PAIR = 512 * 2**20
"""What two views may take all the same: torch is slow with one, ten times so in narrow networks."""
BYTES_UNKNOWN = 2 * 2**30  # of free memory, on devices that don't tell
MAX_BATCH_VIEWS = 64  # off the CPU, where more make nothing faster
READ_AHEAD_BYTES = 256 * 2**20  # of frames that wait for the network
MAX_READERS = 16  # threads; a decoder of large frames takes tens of megabytes


def predict_views(
    model: Classifier,
    wanted: Mapping[str, Sequence[View]],
    data: Input,
    scores: ScoreWriter,
    device: torch.device,
    progress: Callable[[int], None] | None,
    *,
    unreadable: dict[str, str] | None = None,
) -> int:
    """Send the wanted views through the network, reading videos ahead of it, and write their logits to ``scores``.

    Returns how many views there were. A video that can't be read is an error; or, given ``unreadable``, it is
    noted there by its id, with the reason, and the rest of it left alone.
    """
    if not wanted:
        return 0
    clip = data.clip
    view = torch.zeros(1, clip.channels, clip.frames, clip.crop, clip.crop, device=device)  # [B, C, T, H, W]
    network = folded(model, view)
    batch_views = _batch_views(peak_activation_bytes(network, view), device)
    num_threads = min(MAX_READERS, torch.get_num_threads())
    clips_ahead = READ_AHEAD_BYTES // ((num_threads + 1) * clip.frames * math.prod(clip.resize) * clip.channels)
    read = data.read if unreadable is None else functools.partial(_read_or_note, data, unreadable)
    readings = read_ahead(wanted, read, num_threads=num_threads, clips_ahead=max(1, clips_ahead))
    with _full_float32(), contextlib.closing(readings):
        return predict(
            network,
            readings,
            to_input=_to_input(clip, device),
            store=scores,
            crop_size=(clip.crop, clip.crop),
            batch_views=batch_views,
            device=device,
            progress=progress,
        )


def _read_or_note(
    data: Input, unreadable: dict[str, str], video_id: str, clips: Sequence[FrameRange]
) -> Iterator[tuple[int, Frames]]:
    try:
        yield from data.read(video_id, clips)
    except DataError as error:
        unreadable[video_id] = error.what


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
        return to_network_input(
            clips, offsets, flips, crop=crop, mean=clip.mean, std=clip.std, flip_negates_x=clip.flip_negates_x,
            device=device,
        )  # fmt: skip

    return to_input


def _batch_views(bytes_per_view: int, device: torch.device) -> int:
    """As many views as a batch on this device has memory for and is the faster for."""
    if device.type == "cpu":
        return max(1, min(2, BYTES_OF_A_PAIR // bytes_per_view), BYTES_IN_CACHE // bytes_per_view)
    free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else BYTES_UNKNOWN
    return max(1, min(MAX_BATCH_VIEWS, free // 2 // bytes_per_view))
