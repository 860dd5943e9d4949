"""What clips cost from copies made by `videobench data prepare`, against the originals: CPU time, in one process.

    python -m benchmarks.prepared COPY [--rounds 40] [--json FILE]

COPY is a folder made with ``--size HEIGHTxWIDTH``. Each round reads the same random clips of 16 frames from both, by
the loader that feeds training, without the cache of frames. Originals and copies take turns; what counts is the median
of the paired ratios. Then comes by how much pixels differ (0 to 255).
"""

import argparse
import json
import statistics
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.common import in_turn, median_ratio, print_table, surroundings
from videobench.data.index import index_videos
from videobench.data.loader import ClipBatch, training_batches
from videobench.data.prepare import SETTINGS, Copy, read_manifest
from videobench.data.video_set import Video, VideoSet

FRAMES = 16
CLIPS_PER_ROUND = 8
NUM_COMPARED = 10  # rounds


def main() -> None:
    """Index both sets, measure, print, maybe write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("copy", type=Path, metavar="COPY", help="folder made by videobench data prepare")
    parser.add_argument("--rounds", type=int, default=40, help=f"of {CLIPS_PER_ROUND} clips")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here")
    arguments = parser.parse_args()
    settings = json.loads((arguments.copy / SETTINGS).read_text(encoding="utf-8"))
    copies = [copy for copy in read_manifest(arguments.copy).values() if copy.error is None]
    originals_bytes, copies_bytes = (sum(sizes) for sizes in zip(*(_bytes(copy) for copy in copies), strict=True))
    with TemporaryDirectory() as folder:
        sets = {
            name: index_videos(_videos(root, copies), cache=Path(folder) / name)
            for name, root in (("originals", Path(settings["root"])), ("copies", arguments.copy))
        }
    figures = measure(sets["originals"], sets["copies"], size=tuple(settings["size"]), rounds=arguments.rounds)
    figures |= {"originals MB": originals_bytes / 1e6, "copies MB": copies_bytes / 1e6}
    print_table(list(figures), [[f"{value:.2f}" for value in figures.values()]])
    if arguments.json:
        content = {**surroundings(), "settings": settings, "rounds": arguments.rounds, **figures}
        arguments.json.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def measure(originals: VideoSet, copies: VideoSet, *, size: tuple[int, int], rounds: int) -> dict[str, float]:
    """Read the same clips of both sets; return the CPU milliseconds a clip, their ratio and the pixels' difference."""

    def rounds_of(videos: VideoSet) -> Iterator[ClipBatch]:
        return training_batches(
            videos, frames=FRAMES, stride=1, resize=size, crop=(1, 1), flip_probability=0.0, seed=0,
            batch_size=CLIPS_PER_ROUND, first_clip=0, num_batches=rounds + 1,
        )  # fmt: skip

    readers = {name: rounds_of(videos).__next__ for name, videos in (("originals", originals), ("copies", copies))}
    spent = in_turn(readers, rounds=rounds + 1)
    cpu = {name: seconds.cpu[1:] for name, seconds in spent.items()}  # the first round warms up
    pairs = islice(zip(rounds_of(originals), rounds_of(copies), strict=True), NUM_COMPARED)
    differences = [(one.clips.float() - other.clips.float()).abs().mean().item() for one, other in pairs]
    return {
        **{f"{name} ms": 1000 * statistics.median(seconds) / CLIPS_PER_ROUND for name, seconds in cpu.items()},
        "times cheaper": median_ratio(cpu["originals"], cpu["copies"]),
        "mean pixel difference": statistics.mean(differences),
    }


def _videos(root: Path, copies: list[Copy]) -> VideoSet:
    return VideoSet("all", ("any",), tuple(Video(copy.file, root / copy.file, (0,)) for copy in copies))


def _bytes(copy: Copy) -> tuple[int, int]:
    return copy.source[0] or 0, copy.size_bytes


if __name__ == "__main__":
    main()
