"""Which clip a training sees when: pure functions of integers and names, no files, no random state.

All randomness is a hash of (seed, pass, video id, purpose), so a clip does not depend on its place in the set,
on workers, devices or on what was drawn before, and it is the same on every machine and version of numpy.
Ranges are half-open. A clip of ``frames`` frames at ``stride`` covers ``span`` frames of its video:

    frames=3, stride=4:  start . . . start+4 . . . start+8        span = 9
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Literal

ShortVideo = Literal["loop", "repeat_last"]

CropPolicy = Literal["random", "multi_scale", "multi_scale_late_temporal"]
"""How training cuts frames: ``random_crop_offset``, or ``multi_scale_cut`` in one of two ways."""

CROP_SCALES = (1.0, 0.875, 0.75, 0.66)
"""Heights and widths of multi-scale crops, as shares of the frame's shorter side."""

CROP_PLACES = (
    (0, 0), (0, 4), (4, 0), (4, 4), (2, 2),  # corners and centre
    (0, 2), (4, 2), (2, 0), (2, 4),  # middles of the sides
    (1, 1), (1, 3), (3, 1), (3, 3),  # half way from the corners to the centre
)  # fmt: skip
"""Where they lie: (down, right) in quarters of the way that is free."""


def uniform_64(seed: int, pass_index: int, video_id: str, purpose: str) -> int:
    """Return an integer uniform over [0, 2**64), fixed by the arguments."""
    text = f"{seed}\n{pass_index}\n{purpose}\n{video_id}"
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogateescape"), digest_size=8).digest(), "big")


def _below(bound: int, uniform: int) -> int:
    """Map a 64-bit uniform integer to [0, bound); the bias is under bound / 2**64."""
    return (uniform * bound) >> 64


def training_order(seed: int, pass_index: int, ids: Sequence[str]) -> list[int]:
    """Return the positions of ``ids`` in the order in which this pass visits them, each once."""
    keys = [uniform_64(seed, pass_index, video_id, "order") for video_id in ids]
    return sorted(range(len(ids)), key=lambda position: (keys[position], ids[position]))


def pass_and_position(clip_number: int, num_videos: int) -> tuple[int, int]:
    """Return (pass, place in that pass's order) of the clip with this number in the whole training."""
    return divmod(clip_number, num_videos)


def span(frames: int, stride: int) -> int:
    """Return how many frames of a video a clip covers, from its first frame to its last."""
    return (frames - 1) * stride + 1


def random_start(seed: int, pass_index: int, video_id: str, *, num_frames: int, frames: int, stride: int) -> int:
    """Return the first frame of a random clip ("temporal jittering", P1 section 4.1).

    Uniform over [0, num_frames - span + 1), the starts that fit; 0 where the video is shorter than the clip.
    """
    num_starts = max(1, num_frames - span(frames, stride) + 1)
    return _below(num_starts, uniform_64(seed, pass_index, video_id, "start"))


def frame_indices(start: int, frames: int, stride: int, num_frames: int, short: ShortVideo) -> list[int]:
    """Return the ``frames`` frame numbers of a clip, all in [0, num_frames).

    Past the end of the video, "loop" goes on at frame 0 (as P2's code does) and "repeat_last" stays on the
    last frame. (P1's code gives no clip of a video shorter than the clip: here it is never dropped.)
    """
    raw = range(start, start + frames * stride, stride)
    if short == "loop":
        return [index % num_frames for index in raw]
    return [min(index, num_frames - 1) for index in raw]


def random_crop_offset(
    seed: int, pass_index: int, video_id: str, *, size: tuple[int, int], crop: tuple[int, int]
) -> tuple[int, int]:
    """Return (top, left) of a random ``crop`` (height, width) inside ``size``, uniform over all that fit."""
    top = _below(size[0] - crop[0] + 1, uniform_64(seed, pass_index, video_id, "crop top"))
    left = _below(size[1] - crop[1] + 1, uniform_64(seed, pass_index, video_id, "crop left"))
    return top, left


def multi_scale_cut(
    seed: int,
    pass_index: int,
    video_id: str,
    *,
    size: tuple[int, int],
    crop: tuple[int, int],
    policy: Literal["multi_scale", "multi_scale_late_temporal"],
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return (top, left) and (height, width) of a cut out of ``size``, still to be scaled to ``crop``.

    Height and width are two of ``CROP_SCALES`` that stand at most one place apart, and the cut lies in one of
    ``CROP_PLACES``; all ten pairs and 13 places are as likely (Wang et al., 1507.02159, whose code also takes a side
    that misses the crop's by less than 3 px for the crop's).

    ``multi_scale_late_temporal`` is what P2's code makes of it: places meant for a cut of the crop's own size. So
    smaller cuts never reach the far edges, and of larger ones that reach beyond them only what lies inside is left.
    """
    sides = [int(min(size) * scale) for scale in CROP_SCALES]
    pairs = [(height, width) for i, height in enumerate(sides) for width in sides[max(0, i - 1) : i + 2]]
    height, width = pairs[_below(len(pairs), uniform_64(seed, pass_index, video_id, "crop size"))]
    down, right = CROP_PLACES[_below(len(CROP_PLACES), uniform_64(seed, pass_index, video_id, "crop place"))]
    placed = (height, width) if policy == "multi_scale" else crop
    top, left = down * ((size[0] - placed[0]) // 4), right * ((size[1] - placed[1]) // 4)
    return (top, left), (min(height, size[0] - top), min(width, size[1] - left))


def random_flip(seed: int, pass_index: int, video_id: str, *, probability: float) -> bool:
    """Say whether the clip is mirrored, True with this probability."""
    return uniform_64(seed, pass_index, video_id, "flip") < probability * 2**64


def random_label(seed: int, pass_index: int, video_id: str, labels: Sequence[int]) -> int:
    """Return one of the video's labels, each as likely (only Sports-1M has videos with several)."""
    return labels[_below(len(labels), uniform_64(seed, pass_index, video_id, "label"))]


@dataclass(frozen=True)
class TrainingClip:
    """Where a clip is cut: first frame, (top, left) and (height, width) px, mirrored or not, and its label."""

    start: int
    offset: tuple[int, int]
    size: tuple[int, int]
    flip: bool
    label: int


def training_clip(
    seed: int,
    pass_index: int,
    video_id: str,
    *,
    labels: Sequence[int],
    num_frames: int,
    frames: int,
    stride: int,
    size: tuple[int, int],
    crop: tuple[int, int],
    crop_policy: CropPolicy = "random",
    flip_probability: float,
) -> TrainingClip:
    """Return the one clip of this video that this pass of this training sees."""
    if crop_policy == "random":
        offset, cut_size = random_crop_offset(seed, pass_index, video_id, size=size, crop=crop), crop
    else:
        offset, cut_size = multi_scale_cut(seed, pass_index, video_id, size=size, crop=crop, policy=crop_policy)
    return TrainingClip(
        start=random_start(seed, pass_index, video_id, num_frames=num_frames, frames=frames, stride=stride),
        offset=offset,
        size=cut_size,
        flip=random_flip(seed, pass_index, video_id, probability=flip_probability),
        label=random_label(seed, pass_index, video_id, labels),
    )
