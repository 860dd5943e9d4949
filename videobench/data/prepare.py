"""Copies of videos at the size that training wants, from which a clip costs a fraction of the time.

A folder of copies has the layout and the lists of the originals: ``prepared.json`` says how its videos were encoded,
``prepared.jsonl`` has a line for each that is done.
"""

import fcntl
import json
import os
import shutil
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import as_completed
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from glob import escape
from pathlib import Path
from typing import Final, TextIO

import numpy as np

from videobench.atomic import replacing
from videobench.data.decode import DECODER, probe, stream_frames
from videobench.data.encode import write_for_clips
from videobench.data.failures import Failure, file_key
from videobench.data.frame_rate import frame_times
from videobench.data.video_set import Video, VideoInfo
from videobench.data.worker_pool import worker_pool
from videobench.errors import ConfigError, DataError

SCHEMA_VERSION: Final = 1
SETTINGS: Final = "prepared.json"
MANIFEST: Final = "prepared.jsonl"
LIST_SUFFIXES: Final = frozenset((".txt", ".csv", ".tsv", ".json", ".list"))


@dataclass(frozen=True)
class Encoding:
    """How videos are copied: ``size`` is (height, width) in px or the length of the shorter side.

    ``gop`` frames from one key frame to the next; ``crf`` is x264's constant quality, lower is better.
    """

    size: tuple[int, int] | int
    filter: str
    gop: int
    crf: int

    def frame_size(self, info: VideoInfo) -> tuple[int, int]:
        """Return the height and width of this video's copy; a shorter side is never made longer."""
        if isinstance(self.size, tuple):
            return self.size
        short = min(info.height, info.width)
        if short <= self.size:
            return info.height, info.width
        height, width = (_even(side * self.size / short) for side in (info.height, info.width))
        return (self.size, width) if info.height <= info.width else (height, self.size)


@dataclass(frozen=True)
class Copy:
    """What is known of one copy; ``error`` says why a video was copied as it is."""

    file: str
    """Path below the data set's folder."""
    source: tuple[int | None, int | None]
    """Size in bytes and time of modification in ns of the original."""
    size_bytes: int
    num_frames: int = 0
    height: int = 0
    width: int = 0
    made_by: str = DECODER
    error: str | None = None


def claim(folder: Path, *, root: Path, encoding: Encoding) -> None:
    """Note what the folder is for: copies of what lies below ``root``.

    ConfigError where it holds other copies or other files, lies within the originals or has them within.
    """
    places = folder.resolve(), root.resolve()
    if places[0].is_relative_to(places[1]) or places[1].is_relative_to(places[0]):
        raise ConfigError("lies within the originals, or they in it", where=str(folder), hint="give another --out")
    wanted = json.loads(json.dumps({"schema": SCHEMA_VERSION, "root": str(places[1]), **asdict(encoding)}))
    path = folder / SETTINGS
    if path.exists():
        held = json.loads(path.read_text(encoding="utf-8"))
        if differing := [
            f"{name} {held.get(name)}, not {wanted[name]}" for name in wanted if held.get(name) != wanted[name]
        ]:
            raise ConfigError(
                f"holds other copies: {'; '.join(differing)}",
                where=str(folder),
                hint="give another --out, or delete this one",
            )
        return
    if folder.exists() and any(folder.iterdir()):
        raise ConfigError(f"holds other files and no {SETTINGS}", where=str(folder), hint="give an empty or new --out")
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(wanted, indent=2) + "\n", encoding="utf-8")


def described_copies(folder: Path) -> str | None:
    """Say in words what kind of copies a data set's folder holds; None where it holds none."""
    path = folder / SETTINGS
    if not path.is_file():
        return None
    held = json.loads(path.read_text(encoding="utf-8"))
    size = held["size"]
    shown = f"shorter side {size}" if isinstance(size, int) else f"{size[0]}x{size[1]}"
    return f"copies made by data prepare ({shown}, crf {held['crf']})"


def copy_lists(root: Path, folder: Path, named: Iterable[str] = ()) -> None:
    """Copy the lists below ``root``: what has a list's suffix, and the files ``named``, paths from there."""
    files = {_below(root, root / name) for name in named}
    for directory, _, names in os.walk(root):
        files |= {_below(root, Path(directory, name)) for name in names if Path(name).suffix.lower() in LIST_SUFFIXES}
    for file in files:
        if file and (root / file).is_file():
            _copy(root / file, folder / file)


def copy_videos(
    videos: Sequence[Video],
    failures: Sequence[Failure],
    *,
    root: Path,
    folder: Path,
    encoding: Encoding,
    keep_broken: bool = False,
    num_workers: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[list[Copy], list[Failure]]:
    """Copy indexed videos below ``root`` that have no copy in the claimed ``folder`` yet, or were changed since.

    A copy has its video's name, whatever its suffix says, and its frames, upright, at the same times, without sound.
    It is done when its line is in the manifest: what is interrupted goes on there. What can't be decoded, ``failures``
    that are known and others, is returned beside all copies; with ``keep_broken`` it is copied as it is, so that the
    copy is the same set with the same trouble. ``progress`` gets (videos done, videos to do). DataError for a video
    that lies outside ``root``, ConfigError where another process is copying into the folder.
    """
    done: list[Copy] = []
    failed: list[Failure] = []
    with _locked_manifest(folder) as manifest:
        known = read_manifest(folder)
        jobs: list[_Job] = []
        for video, error in [(video, None) for video in videos] + [(one.video, one.what) for one in failures]:
            file = _below(root, video.path)
            if file is None:
                raise DataError("lies outside the data set's folder", where=str(video.path), hint=f"which is {root}")
            line = known.get(file)
            if line and line.source == file_key(video)[1:] and _size(folder / file) == line.size_bytes:
                done.append(line)
            else:
                jobs.append(_Job(video, error, file, folder / file, encoding, keep_broken))
        manifest.write("\n")  # a line torn by a kill ends here
        with closing(_copy_all(jobs, num_workers)) as copied:
            for number, found in enumerate(copied, start=1):
                if isinstance(found, Failure):
                    failed.append(found)
                else:
                    done.append(found)
                    manifest.write(json.dumps(asdict(found)) + "\n")
                    manifest.flush()
                if progress:
                    progress(number, len(jobs))
    return done, failed


@contextmanager
def _locked_manifest(folder: Path) -> Iterator[TextIO]:
    """Open the manifest for adding lines. The lock vanishes with the process, however that ends."""
    with (folder / MANIFEST).open("a", encoding="utf-8") as manifest:
        try:
            fcntl.flock(manifest, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(
                "another process is copying into this folder", where=str(folder), hint="wait for it, or stop it"
            ) from None
        yield manifest


def read_manifest(folder: Path) -> dict[str, Copy]:
    """Return the last whole line of every file; none where there is no manifest."""
    path = folder / MANIFEST
    known: dict[str, Copy] = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            row = json.loads(line)
            known[row["file"]] = Copy(**{**row, "source": tuple(row["source"])})
        except (ValueError, TypeError, KeyError):
            continue
    return known


def _even(length: float) -> int:
    return 2 * round(length / 2)


def _below(root: Path, path: Path) -> str | None:
    """Return the path from ``root``; None where it leads out. Links are not followed: they are the layout."""
    relative = os.path.relpath(path, root)
    return None if Path(relative).parts[:1] == ("..",) else relative


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with replacing(target, fsync=False) as temporary:
        shutil.copy2(source, temporary)


@dataclass(frozen=True)
class _Job:
    video: Video
    error: str | None
    """What is known to be wrong with it."""
    file: str
    target: Path
    encoding: Encoding
    keep_broken: bool


def _copy_all(jobs: Sequence[_Job], num_workers: int) -> Generator[Copy | Failure, None, None]:
    if num_workers > 1:
        with worker_pool(num_workers) as pool:
            for future in as_completed([pool.submit(_copy_video, job) for job in jobs]):
                yield future.result()
    else:
        yield from map(_copy_video, jobs)


def _copy_video(job: _Job) -> Copy | Failure:
    """Make one copy; a video that fails comes back as its text (errors don't cross processes)."""
    source = file_key(job.video)[1:]
    error = job.error
    for abandoned in job.target.parent.glob(f".{escape(job.target.name)}.*.tmp"):
        abandoned.unlink()  # by a process that was killed
    try:
        if error is None:
            return _encode(job, source)
    except DataError as failure:
        error = failure.what
    if not job.keep_broken:
        job.target.unlink(missing_ok=True)
        return Failure(job.video, error)
    _copy(job.video.path, job.target)
    return Copy(job.file, source, job.target.stat().st_size, error=error)


def _encode(job: _Job, source: tuple[int | None, int | None]) -> Copy:
    info = job.video.info
    assert info is not None
    size = job.encoding.frame_size(info)
    frames = stream_frames(
        job.video.path, range(info.num_frames), size=size, filter=job.encoding.filter, num_frames=info.num_frames
    )
    write_for_clips(
        job.target,
        (np.ascontiguousarray(frame) for _, frame in frames),
        times_seconds=frame_times(info),
        crf=job.encoding.crf,
        gop=job.encoding.gop,
    )
    copied = probe(job.target).num_frames
    if copied != info.num_frames:
        raise DataError(f"{copied} of its {info.num_frames} frames came out of the copy")
    return Copy(job.file, source, job.target.stat().st_size, copied, *size)
