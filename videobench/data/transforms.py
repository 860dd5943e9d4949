"""From decoded bytes to what a network reads: crop, mirror, normalise, on the device, a batch at a time."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor


def centre_crop_offset(size: tuple[int, int], crop: tuple[int, int]) -> tuple[int, int]:
    """Return (top, left) px of the centre crop; half a pixel too much goes to the bottom right."""
    return (size[0] - crop[0]) // 2, (size[1] - crop[1]) // 2


def to_network_input(
    clips: Tensor,
    offsets: Tensor,
    flips: Tensor,
    *,
    crop: tuple[int, int],
    sizes: Tensor | None = None,
    mean: Sequence[float],
    std: Sequence[float],
    flip_negates_x: bool = False,
    device: torch.device | str | None = None,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """Cut each clip at its own offset, scale and mirror it where asked, and return (pixels / 255 - mean) / std.

    ``clips`` uint8 [B, T, H, W, C], RGB or flow, ``offsets`` [B, 2] (top, left) px and ``flips`` [B] on the CPU
    (they become slices, so the device is never waited for); ``crop`` (height, width) px. Cuts of ``sizes`` [B, 2]
    (height, width) px are scaled to ``crop`` by bilinear interpolation between pixel centres, as OpenCV's
    ``INTER_LINEAR`` does, but not rounded to whole levels; None: all are of that size. ``mean`` and ``std`` are per
    channel, for pixels in 0..1. What moves to the right moves to the left in a mirror: with ``flip_negates_x`` the
    level v of the first channel, horizontal flow, becomes 255 - v there. Returns [B, C, T, h, w] of ``dtype`` on
    ``device`` (that of ``clips`` if None).
    """
    num_clips, frames, height, width, channels = clips.shape
    clips = clips.to(clips.device if device is None else device, non_blocking=True)
    batch = torch.empty((num_clips, channels, frames, *crop), dtype=dtype, device=clips.device)
    cuts = zip(offsets.tolist(), [crop] * num_clips if sizes is None else sizes.tolist(), flips.tolist(), strict=True)
    for clip, target, ((top, left), (cut_height, cut_width), flip) in zip(clips, batch, cuts, strict=True):
        if not (0 <= top <= height - cut_height and 0 <= left <= width - cut_width):
            size = f"({cut_height}, {cut_width})"
            raise ValueError(f"a {size} crop at ({top}, {left}) must lie inside frames of ({height}, {width})")
        pixels = clip[:, top : top + cut_height, left : left + cut_width]  # [T, cut height, cut width, C]
        if flip:
            pixels = pixels.flip(2)
        if (cut_height, cut_width) == crop:
            target.copy_(pixels.permute(3, 0, 1, 2))  # [C, T, h, w]
        else:
            levels = pixels.permute(0, 3, 1, 2).to(dtype)  # [T, C, cut height, cut width]
            target.copy_(F.interpolate(levels, size=crop, mode="bilinear").transpose(0, 1))  # [C, T, h, w]
        if flip and flip_negates_x:
            target[0].neg_().add_(255)
    scale = 1 / (255 * torch.tensor(std, dtype=torch.float64))
    shift = -torch.tensor(mean, dtype=torch.float64) / torch.tensor(std, dtype=torch.float64)
    per_channel = (1, channels, 1, 1, 1)
    batch.mul_(scale.to(batch).reshape(per_channel))
    return batch.add_(shift.to(batch).reshape(per_channel))  # [B, C, T, h, w]
