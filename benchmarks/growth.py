"""Whether reading clips takes ever more memory: the resident set after 1,000 clips and after 10,000.

    python -m benchmarks.growth FOLDER [--clips 10000] [--workers 0 2] [--json FILE]

Random clips of 16 frames at 128x171 are read from all videos below FOLDER by the loader that feeds training, without
its cache of frames: in this process (0 workers) or by workers, of which all are counted. Each number of workers is
measured in a process of its own (Linux).
"""

import argparse
import json
import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.common import print_table, surroundings
from videobench.data.index import index_videos
from videobench.data.loader import training_batches
from videobench.data.video_set import Video, VideoSet

SUFFIXES = (".mp4", ".avi", ".mkv", ".webm", ".mov")
FRAMES, SIZE = 16, (128, 171)  # height, width
CLIPS_PER_BATCH = 8
CLIPS_PER_READING = 1000


def main() -> None:
    """Index the folder, measure for every number of workers, print, maybe write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("--clips", type=int, default=10_000)
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 2])
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here")
    arguments = parser.parse_args()
    paths = sorted(path for path in arguments.folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    listed = VideoSet("all", ("any",), tuple(Video(str(path), path, (0,)) for path in paths))
    with TemporaryDirectory() as folder:
        videos = index_videos(listed, cache=Path(folder), on_error="skip")
    measured = {workers: _in_new_process(videos, workers, arguments.clips) for workers in arguments.workers}
    columns = [str((number + 1) * CLIPS_PER_READING) for number in range(arguments.clips // CLIPS_PER_READING)]
    rows = [[workers, *(f"{size / 1e6:.0f}" for size in sizes)] for workers, sizes in measured.items()]
    print_table(["workers", *columns], rows)
    if arguments.json:
        content = {**surroundings(), "videos": len(videos.videos), "resident bytes": measured}
        arguments.json.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def resident_sizes(videos: VideoSet, *, num_workers: int, num_clips: int) -> Iterator[int]:
    """Yield the bytes that this process and its workers hold after every 1,000 clips."""
    batches = training_batches(
        videos, frames=FRAMES, stride=1, resize=SIZE, crop=(112, 112), flip_probability=0.5, seed=0,
        batch_size=CLIPS_PER_BATCH, first_clip=0, num_batches=num_clips // CLIPS_PER_BATCH, num_workers=num_workers,
    )  # fmt: skip
    for number, _ in enumerate(batches, start=1):
        if number * CLIPS_PER_BATCH % CLIPS_PER_READING == 0:
            yield sum(_resident(process) for process in ("self", *_children()))


def _in_new_process(videos: VideoSet, num_workers: int, num_clips: int) -> list[int]:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_measure, videos, num_workers, num_clips).result()


def _measure(videos: VideoSet, num_workers: int, num_clips: int) -> list[int]:
    return list(resident_sizes(videos, num_workers=num_workers, num_clips=num_clips))


def _children() -> Sequence[str]:
    return [str(child.pid) for child in multiprocessing.active_children()]


def _resident(process: str) -> int:
    lines = Path("/proc", process, "status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS"))


if __name__ == "__main__":
    main()
