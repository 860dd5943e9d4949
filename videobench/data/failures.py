"""Videos that can't be used: named in one error, or left out of the set and remembered in a ledger.

The ledger makes every run and every process leave out the same videos: a file is in it until it changes.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

from videobench.data.video_set import Skipped, Video, VideoSet
from videobench.errors import DataError

FileKey = tuple[str, int | None, int | None]
"""A video's id, the size in bytes and the time of modification in ns of its file; None where there is none.

Behind the id of flow stands ``(flow)``: it may lie in one folder with the frames.
"""


def file_key(video: Video) -> FileKey:
    """Return what changes when the file of a video does."""
    name = video.id if video.modality == "rgb" else f"{video.id} ({video.modality})"
    try:
        status = video.path.stat()
    except OSError:
        return name, None, None
    return name, status.st_size, status.st_mtime_ns


@dataclass(frozen=True)
class Failure:
    """A video that can't be used, and why."""

    video: Video
    what: str


class UnusableVideosError(DataError):
    """Videos of a set can't be used; names the first few and their number."""

    def __init__(
        self, what: str, *, where: str | None = None, hint: str | None = None, failures: Sequence[Failure] = ()
    ) -> None:
        super().__init__(what, where=where, hint=hint)
        self.failures = failures


def unusable(videos: VideoSet, failures: Sequence[Failure]) -> UnusableVideosError:
    """Return the error for these videos of a set."""
    choice = "" if len(failures) == len(videos.videos) else ", or leave them out: --set data.on_error=skip"
    shown = [f"  {failure.video.path}: {failure.what}" for failure in failures[:5]]
    if len(failures) > len(shown):
        shown.append(f"  and {len(failures) - len(shown)} more")
    return UnusableVideosError(
        f"{len(failures)} of {len(videos.videos)} videos can't be used:\n" + "\n".join(shown),
        where=videos.name,
        hint=f"get these files again{choice}",
        failures=failures,
    )


def without(videos: VideoSet, failures: Sequence[Failure]) -> VideoSet:
    """Return the set with these videos skipped; UnusableVideosError when none would be left."""
    if failures and len(failures) == len(videos.videos):
        raise unusable(videos, failures)
    skipped = {failure.video.id: Skipped(failure.video.id, failure.what) for failure in failures}
    return replace(
        videos,
        videos=tuple(video for video in videos.videos if video.id not in skipped),
        skipped=tuple(sorted((*videos.skipped, *skipped.values()), key=lambda one: one.video)),
    )


def ledger_path(folder: Path, name: str) -> Path:
    """Return where the failures of the set with this name are kept."""
    return folder / f"{quote(name, safe='')}.failures.jsonl"


def remember_failures(failures: Sequence[Failure], ledger: Path) -> None:
    """Add what the ledger doesn't have yet, a line each."""
    known = read_ledger(ledger)
    lines = []
    for failure in failures:
        key = file_key(failure.video)
        if key not in known:
            row = dict(zip(("video", "size_bytes", "modified_ns"), key, strict=True))
            lines.append(json.dumps({**row, "file": str(failure.video.path), "what": failure.what}) + "\n")
    if lines:
        with ledger.open("a") as file:
            file.write("".join(lines))


def read_ledger(path: Path) -> dict[FileKey, str]:
    """Return what is wrong with each file that is known not to be usable; a torn line counts as none."""
    known: dict[FileKey, str] = {}
    for line in path.read_text().splitlines() if path.exists() else ():
        try:
            row = json.loads(line)
            known[row["video"], row["size_bytes"], row["modified_ns"]] = row["what"]
        except (ValueError, TypeError, KeyError):
            continue
    return known
