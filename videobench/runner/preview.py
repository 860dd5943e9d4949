"""A few videos of a data set as training and evaluation see them, as plain values that can be drawn."""

import difflib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from videobench.data.datasets.on_disk import missing_files
from videobench.data.frame_rate import resampled
from videobench.data.index import index_videos
from videobench.data.loader import ClipBatch, training_batches
from videobench.data.sampling import frame_indices, random_start, training_order
from videobench.data.transforms import to_network_input
from videobench.data.video_set import Skipped, Video, VideoSet
from videobench.errors import ConfigError, DataError
from videobench.evaluation.views import View, crop_offset
from videobench.runner.build import Count, build_dataset, list_videos, worthwhile_workers
from videobench.runner.flow import find_flow
from videobench.runner.inputs import Input
from videobench.runner.wanted import wanted_views
from videobench.runner.workspace import Workspace
from videobench.spec.clip import Clip
from videobench.spec.dataset import Dataset, Subset, SyntheticMotion
from videobench.spec.protocol import Protocol
from videobench.spec.units import Evaluation, Training

Pictures = NDArray[np.uint8]

NUM_NEAREST = 3


@dataclass(frozen=True)
class ShownClip:
    """One clip on its way into the network."""

    frame_numbers: list[int]
    """Of the video, one for each frame of the clip."""
    start: int
    resized: Pictures
    """[T, H, W, C]"""
    seen: Pictures
    """[T, h, w, C], what the network gets with the normalisation undone."""
    offset: tuple[int, int]
    """(top, left) px of what is cut out."""
    size: tuple[int, int]
    """Its (height, width) px."""
    flip: bool


@dataclass(frozen=True)
class ShownVideo:
    """An indexed video, one of its clips, and the views of it that the protocol counts."""

    video: Video
    classes: tuple[str, ...]
    clip: ShownClip
    views: tuple[View, ...]
    middle: Pictures
    """[H, W, C], the frame half-way, scaled as for the evaluation."""


@dataclass(frozen=True)
class Preview:
    """Some videos of a subset; their clips are a training's, or else the first view of each."""

    training: Training | None
    """Whose clips are shown; None where they are views."""
    data: str
    subset: Subset
    seed: int
    clip: Clip
    """How the shown clips are cut."""
    evaluated: Clip
    """How the views are cut."""
    protocol: Protocol
    videos: tuple[ShownVideo, ...]
    skipped: tuple[Skipped, ...]
    """Chosen ones that can't be read, where the data set allows that."""


def preview(
    evaluation: Evaluation,
    workspace: Workspace,
    *,
    subset: Subset | None = None,
    num_videos: int,
    ids: Sequence[str] = (),
    seed: int | None = None,
    num_workers: int = 1,
    progress: Count | None = None,
) -> Preview:
    """Read clips of some videos exactly as the training behind ``evaluation`` or the evaluation itself reads them.

    ``subset`` is by default what is trained on; of any other subset clips are views. Shown are the videos called
    ``ids``, or ``num_videos`` with as many classes as possible, picked by ``seed`` (the training's unless given). No
    other video is opened. ConfigError for an unknown id; DataError for what is missing or broken.
    """
    training = evaluation.weights if isinstance(evaluation.weights, Training) else None
    if training and subset not in (None, training.subset):
        training = None
    unit = training or evaluation
    subset = subset or unit.subset
    if seed is None:
        seed = training.seed if training else 0
    listed = _listed(unit.data, subset, unit.clip, workspace, num_workers, progress)
    chosen = _called(listed, ids) if ids else _varied(listed, num_videos, seed)
    indexed = _indexed(chosen, unit.data, workspace, num_workers)
    videos = resampled(indexed, evaluation.clip.fps)
    views = wanted_views(videos, evaluation.clip, evaluation.protocol)
    reader = Input(videos, evaluation.clip, cache=None)
    shown = []
    for video in videos.videos:
        one, *_ = seen = tuple(views[video.id])
        clip = _training_clip(indexed, video.id, training, seed) if training else _view(reader, video, one)
        classes = tuple(videos.classes[label] for label in video.labels)
        shown.append(ShownVideo(video, classes, clip, seen, _middle(reader, video)))
    return Preview(
        training=training,
        data=videos.name,
        subset=subset,
        seed=seed,
        clip=unit.clip,
        evaluated=evaluation.clip,
        protocol=evaluation.protocol,
        videos=tuple(shown),
        skipped=videos.skipped,
    )


def _listed(
    data: Dataset, subset: Subset, clip: Clip, workspace: Workspace, num_workers: int, progress: Count | None
) -> VideoSet:
    """Return the videos that clips of this subset are cut from; no file is opened."""
    if clip.modality == "flow":
        videos = find_flow(data, subset, clip, workspace, num_workers=num_workers, progress=progress)
    elif isinstance(data, SyntheticMotion):
        videos = build_dataset(data, subset, workspace, num_workers=num_workers, progress=progress)
    else:
        videos = list_videos(data, subset, workspace)
    if not videos.videos:
        raise DataError(f"has no {subset} videos", where=videos.name)
    return videos


def _called(videos: VideoSet, ids: Sequence[str]) -> VideoSet:
    by_id = {video.id: video for video in videos.videos}
    for name in ids:
        if name not in by_id:
            near = difflib.get_close_matches(name, by_id, n=NUM_NEAREST, cutoff=0.0)
            raise ConfigError(
                f"{videos.name} has no video {name!r} here", where="--video", hint=f"the nearest: {', '.join(near)}"
            )
    return replace(videos, videos=tuple(by_id[name] for name in dict.fromkeys(ids)))


def _varied(videos: VideoSet, num_videos: int, seed: int) -> VideoSet:
    """Return some videos whose files are there, the first of each class in the training's order before any second."""
    missing = {video.id for video in missing_files(videos)}
    present = [video for video in videos.videos if video.id not in missing]
    if not present:
        raise DataError(f"none of the {len(missing)} listed videos is here", where=videos.name)
    of_class: Counter[int] = Counter()
    ranked: list[tuple[int, Video]] = []
    for place in training_order(seed, 0, [video.id for video in present]):
        video = present[place]
        of_class[video.labels[0]] += 1
        ranked.append((of_class[video.labels[0]], video))
    ranked.sort(key=lambda item: item[0])
    chosen = [video for _, video in ranked[:num_videos]]
    return replace(videos, videos=tuple(sorted(chosen, key=lambda video: (video.labels, video.id))))


def _indexed(videos: VideoSet, data: Dataset, workspace: Workspace, num_workers: int) -> VideoSet:
    if all(video.info for video in videos.videos):
        return videos
    workers = worthwhile_workers(len(videos.videos), num_workers)
    return index_videos(videos, cache=workspace.index, on_error=data.on_error, num_workers=workers)


def _training_clip(videos: VideoSet, video_id: str, training: Training, seed: int) -> ShownClip:
    """Return the clip that the first pass of the training cuts out of a video."""
    clip = training.clip
    only = tuple(video for video in videos.videos if video.id == video_id)  # a clip doesn't depend on the others
    videos = resampled(replace(videos, videos=only), clip.fps)
    num_frames = videos.videos[0].num_shown
    (batch,) = training_batches(
        videos,
        frames=clip.frames,
        stride=clip.stride,
        resize=clip.resize,
        crop=(clip.crop, clip.crop),
        crop_policy=training.recipe.crop,
        filter=clip.filter,
        flip_probability=training.recipe.flip,
        short_video=clip.short_video,
        batch_size=1,
        seed=seed,
        first_clip=0,
        num_batches=1,
    )
    start = random_start(seed, 0, video_id, num_frames=num_frames, frames=clip.frames, stride=clip.stride)
    return _shown(batch, start, num_frames, clip)


def _view(reader: Input, video: Video, view: View) -> ShownClip:
    """Return what an evaluation makes of one view."""
    clip = reader.clip
    ((_, frames),) = reader.read(video.id, [view.clip])
    offset = crop_offset(view.crop, *clip.resize, (clip.crop, clip.crop))
    batch = ClipBatch(
        clips=torch.from_numpy(frames)[None],  # [1, T, H, W, C]
        labels=torch.tensor([video.labels[0]]),
        offsets=torch.tensor([offset]),
        sizes=torch.tensor([(clip.crop, clip.crop)]),
        flips=torch.tensor([view.flip]),
    )
    return _shown(batch, view.start, video.num_shown, clip)


def _shown(batch: ClipBatch, start: int, num_frames: int, clip: Clip) -> ShownClip:
    network_input = to_network_input(
        batch.clips, batch.offsets, batch.flips, crop=(clip.crop, clip.crop), sizes=batch.sizes,
        mean=clip.mean, std=clip.std, flip_negates_x=clip.flip_negates_x,
    )  # fmt: skip
    (top, left), (height, width) = batch.offsets[0].tolist(), batch.sizes[0].tolist()
    return ShownClip(
        frame_numbers=frame_indices(start, clip.frames, clip.stride, num_frames, clip.short_video),
        start=start,
        resized=batch.clips[0].numpy(),
        seen=_pixels(network_input[0], clip),
        offset=(top, left),
        size=(height, width),
        flip=bool(batch.flips[0]),
    )


def _pixels(clip_input: Tensor, clip: Clip) -> Pictures:
    """Undo the normalisation: [C, T, h, w] of the network's input becomes uint8 [T, h, w, C]."""
    values = clip_input.permute(1, 2, 3, 0) * torch.tensor(clip.std) + torch.tensor(clip.mean)  # [T, h, w, C]
    pixels: Pictures = (values * 255).round().clamp(0, 255).to(torch.uint8).numpy()
    return pixels


def _middle(reader: Input, video: Video) -> Pictures:
    ((_, frames),) = reader.read(video.id, [(video.num_shown // 2, 1, 1)])
    middle: Pictures = frames[0]
    return middle
