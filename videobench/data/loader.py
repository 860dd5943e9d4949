"""Batches of training clips from any number of worker processes, and all views of a video for evaluation."""

import signal
import warnings
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from videobench.data.decode import decode_frames, stream_frames
from videobench.data.failures import Failure, unusable
from videobench.data.frame_cache import FrameCache
from videobench.data.retry import retried, retried_stream
from videobench.data.sampling import (
    CropPolicy,
    ShortVideo,
    TrainingClip,
    frame_indices,
    pass_and_position,
    training_clip,
    training_order,
)
from videobench.data.video_set import CHANNELS, Video, VideoSet
from videobench.errors import DataError


@dataclass(frozen=True)
class ClipBatch:
    """``clips`` uint8 [B, T, H, W, C], ``labels`` int64 [B], ``offsets``, ``sizes`` int64 [B, 2], ``flips`` bool [B].

    Clips are RGB, or flow with C = 2. Offsets (top, left) and sizes (height, width) px say what is still to be cut out,
    and flips what to mirror: the device does both (``transforms.to_network_input``).
    """

    clips: Tensor
    labels: Tensor
    offsets: Tensor
    sizes: Tensor
    flips: Tensor

    def pin_memory(self) -> "ClipBatch":
        """Return the batch with its clips where a GPU can fetch them by itself (called by the DataLoader)."""
        return replace(self, clips=self.clips.pin_memory())


class _TrainingClips(Dataset[ClipBatch | Failure]):
    """Item b is batch b of the whole training: clips ``b * batch_size`` to ``(b + 1) * batch_size``."""

    def __init__(
        self,
        videos: VideoSet,
        *,
        frames: int,
        stride: int,
        resize: tuple[int, int],
        crop: tuple[int, int],
        crop_policy: CropPolicy,
        flip_probability: float,
        batch_size: int,
        seed: int,
        first_clip: int,
        short_video: ShortVideo,
        filter: str,
        cache: FrameCache | None,
    ) -> None:
        self._videos = videos.videos
        self._channels = CHANNELS[videos.modality]
        self._ids = [video.id for video in videos.videos]
        self._frames = frames
        self._stride = stride
        self._resize = resize
        self._crop = crop
        self._crop_policy: CropPolicy = crop_policy
        self._flip_probability = flip_probability
        self._batch_size = batch_size
        self._seed = seed
        self._first_clip = first_clip
        self._short_video: ShortVideo = short_video
        self._filter = filter
        self._cache = cache
        self._orders: dict[int, list[int]] = {}

    def __getitem__(self, index: int) -> ClipBatch | Failure:
        first = self._first_clip + index * self._batch_size
        shape = (self._batch_size, self._frames, *self._resize, self._channels)
        clips = np.empty(shape, np.uint8)  # [B, T, H, W, C]
        cuts: list[TrainingClip] = []
        for row in range(self._batch_size):
            video, cut = self._clip(first + row)
            indices = _frame_indices(video, cut.start, self._frames, self._stride, self._short_video)
            try:
                clips[row] = _read(video, indices, resize=self._resize, filter=self._filter, cache=self._cache)
            except DataError as error:
                return Failure(video, error.what)  # errors don't cross processes
            cuts.append(cut)
        return ClipBatch(
            clips=torch.from_numpy(clips),
            labels=torch.tensor([cut.label for cut in cuts]),
            offsets=torch.tensor([cut.offset for cut in cuts]),
            sizes=torch.tensor([cut.size for cut in cuts]),
            flips=torch.tensor([cut.flip for cut in cuts]),
        )

    def _clip(self, clip_number: int) -> tuple[Video, TrainingClip]:
        pass_index, position = pass_and_position(clip_number, len(self._ids))
        if pass_index not in self._orders:
            # A batch may end one pass and begin the next; older passes don't come back.
            self._orders = {p: order for p, order in self._orders.items() if p == pass_index - 1}
            self._orders[pass_index] = training_order(self._seed, pass_index, self._ids)
        video = self._videos[self._orders[pass_index][position]]
        cut = training_clip(
            self._seed,
            pass_index,
            video.id,
            labels=video.labels,
            num_frames=video.num_shown,
            frames=self._frames,
            stride=self._stride,
            size=self._resize,
            crop=self._crop,
            crop_policy=self._crop_policy,
            flip_probability=self._flip_probability,
        )
        return video, cut


def training_batches(
    videos: VideoSet,
    *,
    frames: int,
    stride: int,
    resize: tuple[int, int],
    crop: tuple[int, int],
    crop_policy: CropPolicy = "random",
    flip_probability: float,
    batch_size: int,
    seed: int,
    first_clip: int,
    num_batches: int,
    num_workers: int = 0,
    short_video: ShortVideo = "loop",
    filter: str = "fast_bilinear",
    cache: FrameCache | None = None,
    pin_memory: bool = False,
) -> Iterator[ClipBatch]:
    """Yield ``num_batches`` batches of training clips, the first starting at clip ``first_clip``.

    Clip n of a training is clip n % N of the pass n // N over the N videos, every video once a pass; batches
    run on across passes. So a training resumes at any clip, and the same clips come from any ``num_workers``
    (0: this process). Sizes are (height, width) px; ``stride`` is in frames; ``videos`` must be indexed.
    Raises UnusableVideosError with the video that can't be decoded.
    """
    if not videos.videos:
        raise DataError("there are no videos to train on", where=videos.name)
    if crop[0] > resize[0] or crop[1] > resize[1]:
        raise ValueError(f"crop {crop} must not exceed resize {resize}")
    dataset = _TrainingClips(
        videos,
        frames=frames,
        stride=stride,
        resize=resize,
        crop=crop,
        crop_policy=crop_policy,
        flip_probability=flip_probability,
        batch_size=batch_size,
        seed=seed,
        first_clip=first_clip,
        short_video=short_video,
        filter=filter,
        cache=cache,
    )
    with warnings.catch_warnings():
        # The number of workers is the user's choice, and they spend part of their time waiting for the disk.
        warnings.filterwarnings("ignore", message="This DataLoader will create")
        batches: Iterator[ClipBatch | Failure] = iter(
            DataLoader(
                dataset,
                batch_size=None,
                sampler=range(num_batches),
                num_workers=num_workers,
                pin_memory=pin_memory,
                worker_init_fn=_leave_signals_to_parent,
            )
        )
    for batch in batches:
        if isinstance(batch, Failure):
            raise unusable(videos, [batch])
        yield batch


def _leave_signals_to_parent(_: int) -> None:
    """A signal to the whole group stops the training at its next step; until then it needs its batches."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)


def stream_views(
    video: Video,
    views: Sequence[tuple[int, int, int]],
    *,
    resize: tuple[int, int],
    short_video: ShortVideo = "loop",
    filter: str = "fast_bilinear",
    cache: FrameCache | None = None,
) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Yield (place in ``views``, frames uint8 [T, H, W, C]) for every view (start, frames, stride) of a video.

    Views come in the order of their last frames. They come from one pass over the video that decodes a frame
    once, however many views show it, and holds only frames that views still to come need.
    """
    indices = [_frame_indices(video, *view, short_video) for view in views]
    last_frames = [max(shown) for shown in indices]
    waiting = deque(sorted(range(len(views)), key=lambda place: last_frames[place]))
    if cache is not None:
        for place in waiting:
            yield place, _read(video, indices[place], resize=resize, filter=filter, cache=cache)
        return
    last_place = {index: place for place in waiting for index in indices[place]}  # the last view to show a frame
    held: dict[int, NDArray[np.uint8]] = {}
    how = _how_to_read(video, resize, filter)
    frames = retried_stream(video, sorted(last_place), lambda wanted: stream_frames(video.path, wanted, **how))
    latest = -1
    for index, frame in frames:
        if index <= latest:
            raise DataError(
                f"frame {index} is another one when decoding begins at the start of the file",
                where=str(video.path),
                hint="its timestamps contradict each other: encode it anew",
            )
        latest = index
        held[index] = frame
        while waiting and last_frames[waiting[0]] == index:
            place = waiting.popleft()
            yield place, np.stack([held[i] for i in indices[place]])  # [T, H, W, C]
            for i in set(indices[place]):
                if last_place[i] == place:
                    del held[i]


def _read(
    video: Video, indices: Sequence[int], *, resize: tuple[int, int], filter: str, cache: FrameCache | None
) -> NDArray[np.uint8]:
    if cache is not None:
        if (cache.size, cache.filter) != (resize, filter):
            raise ValueError(f"the cache holds {cache.size} {cache.filter}, asked for {resize} {filter}")
        return cache.clip(video.id, indices)
    how = _how_to_read(video, resize, filter)
    return retried(video, lambda: decode_frames(video.path, indices, **how))


def _frame_indices(video: Video, start: int, frames: int, stride: int, short_video: ShortVideo) -> list[int]:
    """Return the frames of the file that a clip shows."""
    indices = frame_indices(start, frames, stride, video.num_shown, short_video)
    return indices if video.shown is None else [video.shown[index] for index in indices]


def _how_to_read(video: Video, resize: tuple[int, int], filter: str) -> dict[str, Any]:
    assert video.info is not None  # clips are only cut from indexed videos
    return {"size": resize, "filter": filter, "num_frames": video.info.num_frames, "modality": video.modality}
