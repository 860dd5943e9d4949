"""Reading clips out of video files: videobench against torchcodec and decord, CPU time, in one process.

    python -m benchmarks.decode FILE... [--repeats 20] [--json FILE]

Each measurement opens a file, reads 16 consecutive frames at 128x171 (one random clip, or ten evenly spaced clips of
one video) and closes it. The readers take turns on the same clips, so that whatever else the machine does hits all of
them; what counts is the median of the paired ratios. Our frames are compared with decoding the whole file.
"""

import argparse
import json
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import av
import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.common import in_turn, median_ratio, print_table, surroundings
from videobench.data.decode import probe, stream_frames
from videobench.evaluation.views import clip_starts

FRAMES = 16
ONE_CLIP, TEN_CLIPS = "one clip", "ten clips"
SIZE = (128, 171)  # height, width
Clips = Sequence[int]  # first frames
Reader = Callable[[Path, Clips], object]


@dataclass(frozen=True)
class Measured:
    """Median CPU milliseconds of every reader for one task, and ours as a share of the better peer's."""

    task: str
    file: str
    milliseconds: dict[str, float]
    share_of_better_peer: float


def ours(path: Path, starts: Clips, num_frames: int) -> NDArray[np.uint8]:
    """Read all clips [V, T, H, W, 3] in one pass over the file."""
    clips = np.empty((len(starts), FRAMES, *SIZE, 3), np.uint8)
    wanted = sorted({start + i for start in starts for i in range(FRAMES)})
    for index, frame in stream_frames(path, wanted, size=SIZE, num_frames=num_frames):
        for clip, start in zip(clips, starts, strict=True):
            if start <= index < start + FRAMES:
                clip[index - start] = frame
    return clips


def torchcodec_reader(seek_mode: str) -> Reader:
    """Read with torchcodec: one decoder a video, resized by its own transform while decoding."""
    from torchcodec.decoders import VideoDecoder
    from torchcodec.transforms import Resize

    def read(path: Path, starts: Clips) -> object:
        decoder = VideoDecoder(str(path), seek_mode=seek_mode, num_ffmpeg_threads=1, transforms=[Resize(size=SIZE)])
        return decoder.get_frames_at([start + i for start in starts for i in range(FRAMES)])

    return read


def decord_reader(path: Path, starts: Clips) -> object:
    """Read with decord, which resizes while decoding."""
    import decord

    reader = decord.VideoReader(str(path), width=SIZE[1], height=SIZE[0], num_threads=1)
    return reader.get_batch([start + i for start in starts for i in range(FRAMES)])


def equals_reference(path: Path, num_frames: int) -> bool:
    """Say whether ten clips read by seeking are bit-equal to those of decoding the file from its first frame."""
    with av.open(str(path)) as container:
        reformatter = av.video.reformatter.VideoReformatter()
        filter = av.video.reformatter.Interpolation.FAST_BILINEAR
        every = np.stack(
            [
                reformatter.reformat(frame, SIZE[1], SIZE[0], "rgb24", interpolation=filter, threads=1).to_ndarray()
                for frame in container.decode(video=0)
            ]
        )  # [T, H, W, 3]
    starts = _spread(num_frames)
    return bool((ours(path, starts, num_frames) == np.stack([every[s : s + FRAMES] for s in starts])).all())


def measure(path: Path, task: str, repeats: int, seed: int) -> Measured:
    """Time all readers on the same clips, in turn, after a round to warm up."""
    num_frames = probe(path).num_frames  # once a data set, when it is indexed
    readers: dict[str, Reader] = {
        "videobench": lambda path, starts: ours(path, starts, num_frames),
        "torchcodec exact": torchcodec_reader("exact"),
        "torchcodec approximate": torchcodec_reader("approximate"),
        "decord": decord_reader,
    }
    random = np.random.default_rng(seed)
    rounds = [
        [int(random.integers(num_frames - FRAMES + 1))] if task == ONE_CLIP else _spread(num_frames)
        for _ in range(repeats + 1)
    ]

    def contestant(read: Reader) -> Callable[[], object]:
        left = iter(rounds)
        return lambda: read(path, next(left))

    spent = in_turn({name: contestant(read) for name, read in readers.items()}, rounds=len(rounds))
    seconds = {name: times.cpu[1:] for name, times in spent.items()}
    milliseconds = {name: 1000 * statistics.median(times) for name, times in seconds.items()}
    better = min((name for name in readers if name != "videobench"), key=lambda name: milliseconds[name])
    return Measured(task, path.name, milliseconds, median_ratio(seconds["videobench"], seconds[better]))


def _spread(num_frames: int) -> list[int]:
    return clip_starts(num_frames, frames=FRAMES, stride=1, num_clips=10, grid="authors")


def main() -> None:
    """Measure every file at both tasks, print a table, maybe write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="H.264 files of some ten seconds")
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for path in arguments.files:
        if not equals_reference(path, probe(path).num_frames):
            raise SystemExit(f"{path}: frames differ from decoding everything")
    found = [
        measure(path, task, arguments.repeats, seed)
        for task in (ONE_CLIP, TEN_CLIPS)
        for seed, path in enumerate(arguments.files)
    ]
    names = list(found[0].milliseconds)
    print_table(
        ["task", "file", *(f"{name} ms" for name in names), "share of the better peer"],
        [
            [m.task, m.file, *(f"{m.milliseconds[n]:.1f}" for n in names), f"{m.share_of_better_peer:.2f}"]
            for m in found
        ],
    )
    if arguments.json:
        content = {**surroundings(), "repeats": arguments.repeats, "measured": [asdict(m) for m in found]}
        arguments.json.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
