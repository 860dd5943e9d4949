"""The flow of a whole set: computed by several processes, resumable, with a manifest that says what was done.

A folder holds the flow of one algorithm at one bound and size: ``flow.json`` says which, ``videos.jsonl`` has a line
for each video that is done, and each video's fields are packed in a file of their own (``flow_files``).
"""

import hashlib
import json
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import as_completed
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from videobench.atomic import replacing
from videobench.data.decode import DECODER, stream_frames
from videobench.data.failures import Failure, file_key
from videobench.data.flow import PARAMETERS, Algorithm, flow_fields, quantise, require_opencv
from videobench.data.flow_files import SUFFIX, write_flow
from videobench.data.video_set import Video, VideoInfo, VideoSet
from videobench.data.worker_pool import worker_pool
from videobench.errors import ConfigError, DataError

SCHEMA_VERSION: Final = 1
FILTER: Final = "fast_bilinear"  # how frames are scaled; P1's


@dataclass(frozen=True)
class FlowSettings:
    """What flow is computed: ``bound`` px is the most that 8 bits hold, ``size`` the frames' (height, width) px or the
    length of their shorter side.
    """

    algorithm: Algorithm
    bound: float
    size: tuple[int, int] | int

    def frame_size(self, info: VideoInfo) -> tuple[int, int]:
        """Return the height and width that this video's frames are scaled to."""
        if isinstance(self.size, tuple):
            return self.size
        scale = self.size / min(info.height, info.width)
        return round(info.height * scale), round(info.width * scale)

    def manifest(self) -> dict[str, Any]:
        size = list(self.size) if isinstance(self.size, tuple) else {"short_side": self.size}
        return {
            "schema": SCHEMA_VERSION,
            "algorithm": self.algorithm,
            "parameters": dict(PARAMETERS[self.algorithm]),
            "bound_px": self.bound,
            "size": size,
            "filter": FILTER,
        }


@dataclass(frozen=True)
class VideoFlow:
    """What is known of one video's packed flow; levels are those of 8 bits, 127.5 is rest.

    ``saturated`` is the share of values at either end, ``still`` says that no level ever changes.
    """

    video: str
    original: VideoInfo
    """The video it was computed from; without the times of its frames."""
    modified_ns: int | None
    """When that video's file was."""
    num_fields: int
    height: int
    width: int
    size_bytes: int
    mean_x: float
    mean_y: float
    saturated: float
    still: bool
    made_by: str


def flow_file(folder: Path, video_id: str) -> Path:
    """Return where a video's packed flow lies; what would lead out of the folder is named by a digest."""
    path = PurePosixPath(video_id)
    if path.is_absolute() or ".." in path.parts:
        return folder / f"{hashlib.sha256(video_id.encode('utf-8', 'surrogateescape')).hexdigest()}{SUFFIX}"
    return folder / f"{video_id}{SUFFIX}"


def extract_flow(
    videos: VideoSet,
    folder: Path,
    settings: FlowSettings,
    *,
    num_workers: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[list[VideoFlow], list[Failure]]:
    """Compute the flow of every video that has none in ``folder`` yet or another file since; return all, and failures.

    ``videos`` must be indexed. A video is done when its line is in the manifest: what is interrupted goes on there.
    ``progress`` gets (videos done, videos to do). ConfigError where OpenCV is missing, or the folder holds flow of
    other settings.
    """
    require_opencv()
    folder.mkdir(parents=True, exist_ok=True)
    _claim(folder / "flow.json", settings)
    manifest = folder / "videos.jsonl"
    known = read_manifest(folder)
    done = {video.id: known[video.id] for video in videos.videos if _is_done(video, known.get(video.id), folder)}
    jobs = [(video, folder, settings) for video in videos.videos if video.id not in done]
    failures: list[Failure] = []
    with manifest.open("a", encoding="utf-8") as file, closing(_compute_all(jobs, num_workers)) as computed:
        file.write("\n")  # a line torn by a kill ends here
        for number, found in enumerate(computed, start=1):
            if isinstance(found, Failure):
                failures.append(found)
            else:
                done[found.video] = found
                file.write(json.dumps(asdict(found), ensure_ascii=False) + "\n")
                file.flush()
            if progress:
                progress(number, len(jobs))
    return [done[video.id] for video in videos.videos if video.id in done], failures


def read_manifest(folder: Path) -> dict[str, VideoFlow]:
    """Return the last whole line of every video; none where there is no manifest."""
    path = folder / "videos.jsonl"
    known: dict[str, VideoFlow] = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            row = json.loads(line)
            known[row["video"]] = VideoFlow(**{**row, "original": VideoInfo(**row["original"])})
        except (ValueError, TypeError, KeyError):
            continue
    return known


def _claim(path: Path, settings: FlowSettings) -> None:
    """Note what the folder is for; ConfigError where it holds other flow."""
    wanted = settings.manifest()
    if not path.exists():
        with replacing(path) as temporary:
            temporary.write_text(json.dumps(wanted, indent=2) + "\n", encoding="utf-8")
        return
    held: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if differing := [
        f"{name} {held.get(name)}, not {value}" for name, value in wanted.items() if held.get(name) != value
    ]:
        raise ConfigError(
            f"holds other flow: {'; '.join(differing)}",
            where=str(path.parent),
            hint="give another folder with --out, or delete this one",
        )


def _is_done(video: Video, line: VideoFlow | None, folder: Path) -> bool:
    assert video.info is not None
    if line is None or (line.original, line.modified_ns) != (replace(video.info, times=None), file_key(video)[-1]):
        return False
    path = flow_file(folder, video.id)
    return path.is_file() and path.stat().st_size == line.size_bytes


_Job = tuple[Video, Path, FlowSettings]


def _compute_all(jobs: Sequence[_Job], num_workers: int) -> Generator[VideoFlow | Failure, None, None]:
    if num_workers > 1:
        with worker_pool(num_workers) as pool:
            for future in as_completed([pool.submit(_compute, job) for job in jobs]):
                yield future.result()
    else:
        yield from map(_compute, jobs)


def _compute(job: _Job) -> VideoFlow | Failure:
    """Compute and pack the flow of one video; a failure comes back as its text (errors don't cross processes)."""
    video, folder, settings = job
    assert video.info is not None
    num_frames = video.info.num_frames
    if num_frames < 2:
        return Failure(video, "has a single frame: no flow")
    height, width = settings.frame_size(video.info)
    path = flow_file(folder, video.id)
    counts = np.zeros((2, 256), np.int64)  # of each level, horizontal and vertical

    def fields() -> Iterator[NDArray[np.uint8]]:
        numbered = stream_frames(
            video.path, range(num_frames), size=(height, width), filter=FILTER, num_frames=num_frames
        )
        for field in flow_fields((frame for _, frame in numbered), settings.algorithm):
            levels = quantise(field, bound=settings.bound)  # [H, W, 2]
            for direction in (0, 1):
                counts[direction] += np.bincount(levels[..., direction].ravel(), minlength=256)
            yield levels

    try:
        write_flow(path, fields(), num_fields=num_frames - 1, fps=video.info.fps)
    except DataError as error:
        return Failure(video, error.what)
    mean_x, mean_y = (counts @ np.arange(256) / counts.sum(axis=1)).tolist()
    return VideoFlow(
        video=video.id,
        original=replace(video.info, times=None),
        modified_ns=file_key(video)[-1],
        num_fields=num_frames - 1,
        height=height,
        width=width,
        size_bytes=path.stat().st_size,
        mean_x=mean_x,
        mean_y=mean_y,
        saturated=float(counts[:, [0, 255]].sum() / counts.sum()),
        still=bool((np.count_nonzero(counts, axis=1) == 1).all()),
        made_by=f"OpenCV {require_opencv().__version__}, {DECODER}",
    )
