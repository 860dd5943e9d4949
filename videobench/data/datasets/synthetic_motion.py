"""`synthetic-motion`, the embedded data set: real H.264 files, made on first use from a version and a seed.

The content of a video is a pure function of (version, seed, subset, class, number): see `synthetic_scenes`.
Fewer videos per class are a prefix of more; the test set shares no random stream with the training set.
"""

import json
from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from videobench.atomic import replacing
from videobench.data.datasets.synthetic_scenes import (
    CLASS_GROUPS,
    CLASSES,
    PAIRS,
    VERSIONS,
    generator,
    render,
)
from videobench.data.encode import write_video
from videobench.data.video_set import Video, VideoInfo, VideoSet
from videobench.data.worker_pool import worker_pool
from videobench.errors import DataError

__all__ = ["CLASSES", "CLASS_GROUPS", "PAIRS", "synthetic_motion"]

Subset = Literal["train", "test"]
_MANIFEST = "manifest.json"
_CRF = 16
_GOP = 12


@dataclass(frozen=True)
class _File:
    """One video to be made."""

    path: Path
    version: int
    seed: int
    subset: str
    name: str
    number: int

    @property
    def id(self) -> str:
        return f"{self.subset}/{self.name}/{self.number:04d}"


def synthetic_motion(
    root: Path,
    *,
    subset: Subset,
    version: int = 1,
    videos_per_class: int,
    seed: int = 0,
    num_workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> VideoSet:
    """Returns the set, and makes those of its files under ``root`` that are missing or damaged.

    Files lie at ``root/v<version>-seed<seed>/<subset>/<class>/<number>.mp4``. Each is written under a
    temporary name and renamed, so an interrupted call goes on where it stopped and several processes may
    make the same set at once. The subset's ``manifest.json``, written last, holds every file's size in
    bytes: a file of another size is made anew. ``num_workers`` > 1 makes files in that many processes;
    ``progress(done, total)`` is called after each file made. Videos come class by class, numbers ascending,
    and carry their VideoInfo. Raises DataError for a subset, version or number that does not exist.
    """
    _check(subset=subset, version=version, videos_per_class=videos_per_class, seed=seed, num_workers=num_workers)
    folder = root / f"v{version}-seed{seed}" / subset
    files = [
        _File(folder / name / f"{number:04d}.mp4", version, seed, subset, name, number)
        for name in CLASSES
        for number in range(videos_per_class)
    ]
    recorded = _read_sizes(folder / _MANIFEST)
    sizes = {file.id: file.path.stat().st_size for file in files if file.path.exists()}
    missing = [
        file for file in files if file.id not in sizes or sizes[file.id] != recorded.get(file.id, sizes[file.id])
    ]
    with closing(_make_all(missing, num_workers=num_workers)) as made:
        for done, (file, size) in enumerate(zip(missing, made, strict=True), 1):
            sizes[file.id] = size
            if progress is not None:
                progress(done, len(missing))
    if any(recorded.get(video_id) != size for video_id, size in sizes.items()):
        _write_manifest(folder / _MANIFEST, version=version, seed=seed, sizes=recorded | sizes)

    constants = VERSIONS[version]
    videos = tuple(
        Video(
            id=file.id,
            path=file.path,
            labels=(CLASSES.index(file.name),),
            info=VideoInfo(constants.num_frames, constants.size, constants.size, float(constants.fps), sizes[file.id]),
        )
        for file in files
    )
    return VideoSet(
        name=f"synthetic-motion-v{version}", classes=CLASSES, videos=videos, class_groups=dict(CLASS_GROUPS)
    )


def _check(*, subset: str, version: int, videos_per_class: int, seed: int, num_workers: int) -> None:
    where = "synthetic-motion"
    if subset not in ("train", "test"):
        raise DataError(f"there is no subset '{subset}'", where=where, hint="Subsets: train, test.")
    if version not in VERSIONS:
        known = ", ".join(str(number) for number in VERSIONS)
        raise DataError(f"there is no version {version}", where=where, hint=f"Versions: {known}.")
    for field, value, least in (
        ("videos_per_class", videos_per_class, 1),
        ("seed", seed, 0),
        ("num_workers", num_workers, 1),
    ):
        if value < least:
            raise DataError(f"{field} is {value}", where=where, hint=f"It must be at least {least}.")


def _make(file: _File) -> int:
    """Makes one file and returns its size in bytes."""
    constants = VERSIONS[file.version]
    random = generator(version=file.version, seed=file.seed, subset=file.subset, name=file.name, number=file.number)
    write_video(file.path, render(file.name, random, constants), fps=constants.fps, crf=_CRF, gop=_GOP)
    return file.path.stat().st_size


def _make_all(files: Iterable[_File], *, num_workers: int) -> Generator[int, None, None]:
    """Makes the files and yields their sizes in order."""
    if num_workers == 1:
        yield from map(_make, files)
        return
    with worker_pool(num_workers) as pool:
        yield from pool.map(_make, files, chunksize=8)


def _read_sizes(path: Path) -> dict[str, int]:
    """Sizes by video id; empty where there is no readable manifest, so that one is written."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {str(video_id): int(size) for video_id, size in content["size_bytes"].items()}
    except (FileNotFoundError, ValueError, KeyError):
        return {}


def _write_manifest(path: Path, *, version: int, seed: int, sizes: dict[str, int]) -> None:
    content = {
        "name": "synthetic-motion",
        "version": version,
        "seed": seed,
        "classes": list(CLASSES),
        "size_bytes": dict(sorted(sizes.items())),
    }
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
