"""What a data set is: named classes and the videos that show them."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Literal

from videobench.errors import DataError

Modality = Literal["rgb", "flow"]

CHANNELS: Final[Mapping[Modality, int]] = {"rgb": 3, "flow": 2}


@dataclass(frozen=True)
class VideoInfo:
    """What decoding a file gives: ``num_frames`` frames of ``width`` x ``height`` px, rotated as shown.

    ``fps`` is the average rate (0 where nothing states one); ``size_bytes`` is the file's size. ``times`` says when
    each frame is shown, in seconds from the first, where that isn't frame i at i / fps.
    """

    num_frames: int
    width: int
    height: int
    fps: float
    size_bytes: int
    times: Sequence[float] | None = None


@dataclass(frozen=True)
class Video:
    """One video file and its labels (indices into the set's classes; several only in multi-label sets).

    ``source`` names what the video was cut from (a YouTube id, UCF101's ``gNN``): videos of one source are
    near-duplicates, so they must not cross a split and are resampled together by the bootstrap. ``modality`` says
    what ``path`` holds: colour frames, or optical flow, of which a field counts as a frame; ``original`` is then the
    info of the video that it was computed from. ``shown`` lists the frames that are seen of it, as if it had no others,
    where these aren't all once (see ``frame_rate``). ``retry`` says that reading is tried again when it fails.
    """

    id: str
    path: Path
    labels: tuple[int, ...]
    source: str | None = None
    info: VideoInfo | None = None
    modality: Modality = "rgb"
    original: VideoInfo | None = None
    shown: tuple[int, ...] | None = None
    retry: bool = False

    @property
    def num_shown(self) -> int:
        """How many frames a clip can be cut from; ValueError where the video was not indexed."""
        if self.info is None:
            raise ValueError(f"video '{self.id}' has no info: index the set first")
        return self.info.num_frames if self.shown is None else len(self.shown)


@dataclass(frozen=True)
class Skipped:
    """The id of a video that can't be used, and why."""

    video: str
    reason: str


@dataclass(frozen=True)
class VideoSet:
    """Videos with the class names in their official order; ``class_groups`` maps a class to its group.

    ``class_pairs`` maps a class to the name of its pair: two classes that only motion or order tells apart.
    ``skipped`` are the videos that belong to the set and were left out, sorted by id. ``copies`` says how the files
    were made, where they are copies that lost quality (see ``prepare``).
    """

    name: str
    classes: tuple[str, ...]
    videos: tuple[Video, ...]
    class_groups: Mapping[str, str] = field(default_factory=dict)
    class_pairs: Mapping[str, str] = field(default_factory=dict)
    skipped: tuple[Skipped, ...] = ()
    copies: str | None = None

    @property
    def modality(self) -> Modality:
        """What all of its videos hold."""
        return self.videos[0].modality if self.videos else "rgb"

    def __post_init__(self) -> None:
        if len(set(self.classes)) != len(self.classes):
            repeated = sorted({name for name in self.classes if self.classes.count(name) > 1})
            raise DataError(f"class names must be unique, got twice: {', '.join(repeated)}", where=self.name)
        seen: set[str] = set()
        for video in self.videos:
            if video.id in seen:
                raise DataError(f"video id '{video.id}' occurs twice", where=self.name)
            seen.add(video.id)
            if not video.labels or not all(0 <= label < len(self.classes) for label in video.labels):
                raise DataError(
                    f"video '{video.id}' has labels {video.labels}",
                    where=self.name,
                    hint=f"labels are indices from 0 to {len(self.classes) - 1}, at least one per video",
                )


def fingerprint(videos: VideoSet) -> str:
    """Return a sha256 (hex) that changes when any number computed from ``videos`` could change.

    Covers the name, the classes in order, and each video's id, labels, number of frames and size in bytes,
    whatever the order of the videos; paths and modification times are left out, so a copy elsewhere is equal.
    """
    digest = hashlib.sha256(json.dumps([videos.name, list(videos.classes)]).encode())
    for video in sorted(videos.videos, key=lambda video: video.id):
        if video.info is None:
            raise ValueError(f"video '{video.id}' has no info: index the set before taking its fingerprint")
        row = [video.id, list(video.labels), video.info.num_frames, video.info.size_bytes]
        digest.update(b"\n" + json.dumps(row).encode())
    return digest.hexdigest()


def originals(videos: VideoSet) -> VideoSet:
    """Return the set that flow was computed from, as far as its fingerprint goes; any other set as it is."""
    return replace(videos, videos=tuple(replace(video, info=video.original or video.info) for video in videos.videos))
