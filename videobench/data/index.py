"""Counts the frames of a data set's videos once, and remembers them until a file changes."""

import json
from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from videobench.data.decode import probe
from videobench.data.video_set import Video, VideoInfo, VideoSet
from videobench.data.worker_pool import worker_pool
from videobench.errors import DataError

_Key = tuple[str, int, int]  # id, size in bytes, time of modification in ns


@dataclass(frozen=True)
class Failure:
    """A video that can't be used, and why."""

    video: Video
    what: str


def index_videos(
    videos: VideoSet,
    *,
    cache: Path,
    on_error: Literal["fail", "skip"] = "fail",
    num_workers: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[VideoSet, list[Failure]]:
    """Return ``videos`` with their info, and the videos that can't be used.

    What was found is kept in the folder ``cache``, one line per file, keyed by id, size and time of
    modification: files seen before aren't opened again, and an index that is interrupted goes on where it was.
    Failures aren't kept. ``progress`` gets (files done, files to do). "fail" raises one DataError that names
    the first broken files and their number; "skip" leaves them out of the set and returns them.
    """
    cache.mkdir(parents=True, exist_ok=True)
    path = cache / f"{quote(videos.name, safe='')}.jsonl"
    known = _load(path)
    keys: dict[str, _Key] = {}
    failures: dict[str, Failure] = {}
    for video in videos.videos:
        try:
            status = video.path.stat()
        except OSError as error:
            failures[video.id] = Failure(video, f"{video.path}: {error.strerror}")
        else:
            keys[video.id] = (video.id, status.st_size, status.st_mtime_ns)
    to_probe = [video for video in videos.videos if video.id in keys and keys[video.id] not in known]
    by_id = {video.id: video for video in to_probe}
    if to_probe:
        with path.open("a") as file, closing(_probe_all(to_probe, num_workers)) as probed:
            file.write("\n")  # a line torn by a kill ends here
            for done, (video_id, found) in enumerate(probed, start=1):
                if isinstance(found, VideoInfo):
                    known[keys[video_id]] = found
                    file.write(json.dumps([*keys[video_id], asdict(found)]) + "\n")
                    file.flush()
                else:
                    failures[video_id] = Failure(by_id[video_id], found)
                if progress:
                    progress(done, len(to_probe))
    usable = [replace(video, info=known[keys[video.id]]) for video in videos.videos if video.id not in failures]
    broken = [failures[video.id] for video in videos.videos if video.id in failures]
    if broken and (on_error == "fail" or not usable):
        raise _all_broken(videos, broken)
    return replace(videos, videos=tuple(usable)), broken


def _all_broken(videos: VideoSet, broken: list[Failure]) -> DataError:
    shown = [f"  {failure.what}" for failure in broken[:5]]
    if len(broken) > len(shown):
        shown.append(f"  and {len(broken) - len(shown)} more")
    return DataError(
        f"{len(broken)} of {len(videos.videos)} videos can't be used:\n" + "\n".join(shown),
        where=videos.name,
        hint="get these files again, or take them out of the folder or the lists",
    )


def _load(path: Path) -> dict[_Key, VideoInfo]:
    """Read the lines that are whole; one torn by a kill is probed again."""
    known: dict[_Key, VideoInfo] = {}
    if path.exists():
        for line in path.read_text().splitlines():
            try:
                video_id, size_bytes, modified_ns, info = json.loads(line)
                known[video_id, size_bytes, modified_ns] = VideoInfo(**info)
            except (ValueError, TypeError):
                continue
    return known


def _probe_all(videos: Iterable[Video], num_workers: int) -> Generator[tuple[str, VideoInfo | str], None, None]:
    if num_workers > 1:
        with worker_pool(num_workers) as pool:
            yield from pool.map(_probe, videos, chunksize=4)
    else:
        yield from map(_probe, videos)


def _probe(video: Video) -> tuple[str, VideoInfo | str]:
    """Probe one video; a failure comes back as its text (errors don't cross processes)."""
    try:
        return video.id, probe(video.path)
    except DataError as error:
        return video.id, f"{error.where}: {error.what}"
