"""Counts the frames of a data set's videos once, and remembers them until a file changes."""

import json
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence, Set
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from videobench.data.decode import probe
from videobench.data.failures import (
    Failure,
    FileKey,
    file_key,
    ledger_path,
    read_ledger,
    remember_failures,
    unusable,
    without,
)
from videobench.data.retry import retried
from videobench.data.video_set import Video, VideoInfo, VideoSet
from videobench.data.worker_pool import worker_pool
from videobench.errors import DataError


def index_videos(
    videos: VideoSet,
    *,
    cache: Path,
    on_error: Literal["fail", "skip", "retry"] = "fail",
    num_workers: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> VideoSet:
    """Return ``videos`` with their info.

    What was found is kept in the folder ``cache``, one line per file, keyed by id, size and time of
    modification: files seen before aren't opened again, and an index that is interrupted goes on where it was.
    ``progress`` gets (files done, files to do). "fail" raises one DataError that names the first files that can't be
    used and their number, and tries them again the next time; "skip" leaves them out and remembers them in the set's
    ledger in ``cache``. A set of which nothing is left is an error in any case.
    """
    cache.mkdir(parents=True, exist_ok=True)
    path = cache / f"{quote(videos.name, safe='')}.jsonl"
    ledger = ledger_path(cache, videos.name)
    known_failures = read_ledger(ledger) if on_error == "skip" else {}
    keys = {video.id: file_key(video) for video in videos.videos}
    known = _load(path, set(keys.values()))
    failures: dict[str, str] = {}
    to_probe = []
    for video in videos.videos:
        key = keys[video.id]
        if key in known_failures:
            failures[video.id] = known_failures[key]
        elif key not in known:
            to_probe.append(video)
    if to_probe:
        with path.open("a") as file, closing(_probe_all(to_probe, num_workers)) as probed:
            file.write("\n")  # a line torn by a kill ends here
            for done, (video_id, found) in enumerate(probed, start=1):
                if isinstance(found, VideoInfo):
                    known[keys[video_id]] = found
                    file.write(json.dumps([*keys[video_id], vars(found)]) + "\n")
                    file.flush()
                else:
                    failures[video_id] = found
                if progress:
                    progress(done, len(to_probe))
    broken = [Failure(video, failures[video.id]) for video in videos.videos if video.id in failures]
    if broken and on_error != "skip":
        raise unusable(videos, broken)
    remember_failures(broken, ledger)
    usable = without(videos, broken)
    return replace(usable, videos=tuple(replace(video, info=known[keys[video.id]]) for video in usable.videos))


def _load(path: Path, wanted: Set[FileKey]) -> dict[FileKey, VideoInfo]:
    """Read what is known of these files from the lines that are whole; one torn by a kill is probed again."""
    lines = [line for line in path.read_text().splitlines() if line] if path.exists() else []
    known: dict[FileKey, VideoInfo] = {}
    for row in _parse(lines):
        try:
            video_id, size_bytes, modified_ns, info = row
            key = (video_id, size_bytes, modified_ns)
            if key in wanted and "times" in info:  # older versions didn't look at times
                known[key] = VideoInfo(**info)
        except (ValueError, TypeError):
            continue
    return known


def _parse(lines: Sequence[str]) -> Iterator[Any]:
    """Parse each line as JSON, all at once where none is torn: that is several times faster."""
    try:
        yield from json.loads(f"[{','.join(lines)}]")
    except ValueError:
        for line in lines:
            with suppress(ValueError):
                yield json.loads(line)


def _probe_all(videos: Iterable[Video], num_workers: int) -> Generator[tuple[str, VideoInfo | str], None, None]:
    if num_workers > 1:
        with worker_pool(num_workers) as pool:
            yield from pool.map(_probe, videos, chunksize=4)
    else:
        yield from map(_probe, videos)


def _probe(video: Video) -> tuple[str, VideoInfo | str]:
    """Probe one video; a failure comes back as its text (errors don't cross processes)."""
    try:
        return video.id, retried(video, lambda: probe(video.path, video.modality))
    except DataError as error:
        return video.id, error.what
