"""Measures the memory that evaluating 100 clips of a half-hour video takes above the loaded model.

    python -m benchmarks.memory [--minutes 30] [--width 64] [--frames 32] [--json FILE]

The video is 640x360, 30 frames a second, with a key frame every ten seconds. R(2+1)D-18 sees protocol ``video_100`` at
112 x 112 by videobench's own path from file to scores. What is given is the process's largest resident set
less that with the model loaded (Linux).
"""

import argparse
import json
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import av
import numpy as np
import torch

from benchmarks.common import print_table, surroundings
from videobench.data.encode import write_video
from videobench.data.index import index_videos
from videobench.data.video_set import Video, VideoSet
from videobench.evaluation.scores_in_memory import ScoresInMemory
from videobench.models.video_resnet import video_resnet
from videobench.runner.inputs import Input
from videobench.runner.measure import predict_views
from videobench.runner.wanted import wanted_views
from videobench.spec.clip import Clip
from videobench.spec.protocol import Protocol

GOAL_BYTES = 1.5e9
FPS, PIECE_FRAMES = 30, 300
HEIGHT, WIDTH = 360, 640


def main() -> None:
    """Make the video, measure, print, maybe write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=int, default=30, help="length of the video")
    parser.add_argument("--width", type=int, default=64, help="channels of the first layers")
    parser.add_argument("--frames", type=int, default=32, help="of a clip")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    with TemporaryDirectory() as folder:
        path = write_long_video(Path(folder) / "long.mp4", num_pieces=arguments.minutes * 60 * FPS // PIECE_FRAMES)
        videos = VideoSet("long", ("a", "b"), (Video("long", path, (0,)),))
        videos = index_videos(videos, cache=Path(folder) / "index")
        figures = measure(videos, Clip(frames=arguments.frames), width=arguments.width)
    print_table(list(figures), [[f"{value:.0f}" for value in figures.values()]])
    if arguments.json:
        content = {**surroundings(), "threads": arguments.threads, "width": arguments.width, **figures}
        arguments.json.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def measure(videos: VideoSet, clip: Clip, *, width: int) -> dict[str, float]:
    """Evaluate 100 clips of every video; return the memory above the loaded model, and what it took."""
    model = video_resnet("R(2+1)D", num_classes=len(videos.classes), frames=clip.frames, width=width)
    Path("/proc/self/clear_refs").write_text("5")  # forget how large the process has been
    loaded = _kept_bytes("VmRSS")
    started = time.perf_counter()
    wanted = wanted_views(videos, clip, Protocol(clips=100))
    num_views = predict_views(model, wanted, Input(videos, clip, None), ScoresInMemory(), torch.device("cpu"), None)
    return {
        "MB above the loaded model": (_kept_bytes("VmHWM") - loaded) / 1e6,
        "goal MB": GOAL_BYTES / 1e6,
        "MB with the model loaded": loaded / 1e6,
        "views": num_views,
        "seconds": time.perf_counter() - started,
    }


def write_long_video(path: Path, *, num_pieces: int) -> Path:
    """Write a video of moving noise whose pieces of 300 frames are all the same bytes: encoded once, copied."""
    random = np.random.default_rng(0)
    noise = random.integers(0, 256, (HEIGHT // 8, WIDTH // 8, 3), np.uint8).repeat(8, 0).repeat(8, 1)  # [H, W, 3]
    piece = path.with_name("piece.mp4")
    write_video(piece, np.stack([np.roll(noise, 2 * i, 1) for i in range(PIECE_FRAMES)]), fps=FPS, gop=PIECE_FRAMES)
    with av.open(str(piece)) as source, av.open(str(path), "w") as target:
        video = source.streams.video[0]
        copy = target.add_stream_from_template(video)
        packets = [packet for packet in source.demux(video) if packet.size]
        assert video.duration is not None
        for number in range(num_pieces):
            for packet in packets:
                assert packet.pts is not None
                assert packet.dts is not None
                moved = av.Packet(bytes(packet))
                moved.stream, moved.time_base, moved.is_keyframe = copy, packet.time_base, packet.is_keyframe
                moved.pts, moved.dts = (time + number * video.duration for time in (packet.pts, packet.dts))
                target.mux(moved)
    piece.unlink()
    return path


def _kept_bytes(what: Literal["VmRSS", "VmHWM"]) -> int:
    """Return the process's resident set, now or at its largest (Linux)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(what))


if __name__ == "__main__":
    main()
