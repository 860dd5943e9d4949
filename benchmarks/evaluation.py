"""Times an evaluation from video files: ours, a torchvision-style one, and our network alone.

    python -m benchmarks.evaluation FOLDER [--videos 8] [--rounds 3] [--width 64 8] [--json FILE]

Ten clips of each video (protocol ``video_10``), R(2+1)D-18 on 16 x 112 x 112 at two widths, the same weights
and the same clips for all three:

- ours: videobench's own path from files to stored scores;
- torchvision-style: torchcodec opens the file and decodes anew for each clip, frames are resized, cropped and
  normalised as torchvision's weights ask for, and its network takes one clip at a time;
- alone: our network, made ready for evaluation, on clips that lie decoded in memory.
"""

import argparse
import json
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.common import in_turn, median_ratio, print_table, surroundings
from benchmarks.torchvision_source import VERSION, r2plus1d_18
from videobench.data.datasets.split_lists import split_lists
from videobench.data.index import index_videos
from videobench.data.transforms import to_network_input
from videobench.data.video_set import VideoSet
from videobench.evaluation.scores_in_memory import ScoresInMemory
from videobench.evaluation.views import View
from videobench.models.classifier import Classifier
from videobench.models.folding import folded
from videobench.models.video_resnet import video_resnet
from videobench.runner.inputs import Input
from videobench.runner.measure import predict_views
from videobench.runner.wanted import wanted_views
from videobench.spec.clip import Clip
from videobench.spec.protocol import Protocol

CLIP = Clip(frames=16)
CPU = torch.device("cpu")
NAMES = ("ours", "torchvision-style", "alone")
# Width -> (at least so many times as fast as torchvision-style, at least this part of the network alone's speed).
GOALS: dict[int, tuple[float, float | None]] = {64: (1.4, 0.85), 8: (4.0, None)}


def main() -> None:
    """Compare at each width, print a table, maybe write JSON."""
    arguments = _arguments()
    torch.set_num_threads(arguments.threads)
    figures: dict[str, Any] = {**surroundings(), "torchvision": VERSION, "threads": arguments.threads}
    videos = _videos(arguments.folder, arguments.videos)
    wanted = wanted_views(videos, CLIP, Protocol(clips=10))
    figures["videos"] = list(wanted)
    figures["widths"] = {width: _compare(width, videos, wanted, rounds=arguments.rounds) for width in arguments.width}
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    print_table(
        ["width", *(f"{name} ms/clip" for name in NAMES), "times faster", "part of alone", "logits differ"],
        [_row(width, found) for width, found in figures["widths"].items()],
    )


def _row(width: int, found: dict[str, Any]) -> list[str]:
    faster, part = GOALS.get(width, (None, None))
    return [
        str(width),
        *(f"{statistics.median(found['milliseconds per clip'][name]):.1f}" for name in NAMES),
        f"{found['times faster than torchvision-style']:.2f}" + (f" (goal {faster:g})" if faster else ""),
        f"{found['part of the speed of the network alone']:.2f}" + (f" (goal {part:g})" if part else ""),
        f"{found['largest difference of logits']:.0e}",
    ]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="surveillance_fights, as downloaded (with splits/)")
    parser.add_argument("--videos", type=int, default=8, help="how many of the test videos, spread evenly")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--width", type=int, nargs="+", default=list(GOALS), help="channels of the first layers")
    parser.add_argument("--threads", type=int, default=2, help="of torch and of FFmpeg")
    parser.add_argument("--json", type=Path, help="where to write all figures")
    return parser.parse_args()


def _videos(folder: Path, num_videos: int) -> VideoSet:
    test = split_lists(folder, name=folder.name, lists=folder / "splits", split=1, subset="test")
    chosen = test.videos[:: max(1, len(test.videos) // num_videos)][:num_videos]
    with TemporaryDirectory() as cache:
        return index_videos(VideoSet(test.name, test.classes, chosen), cache=Path(cache))


def _compare(width: int, videos: VideoSet, wanted: dict[str, list[View]], *, rounds: int) -> dict[str, Any]:
    torch.manual_seed(0)
    num_classes = len(videos.classes)
    model = video_resnet("R(2+1)D", num_classes=num_classes, frames=CLIP.frames, width=width, flavour="torchvision")
    theirs = r2plus1d_18(model, width=width, num_classes=num_classes)
    data = Input(videos, CLIP, None)
    clips = {video: _clips(data, video, views) for video, views in wanted.items()}
    batch_views = _batch_views_of(model, data, wanted)
    network = folded(model.eval(), torch.zeros(1, 3, CLIP.frames, CLIP.crop, CLIP.crop))

    def contestants(wanted: dict[str, list[View]]) -> dict[str, Callable[[], object]]:
        in_memory = torch.cat([clips[video][: len(views)] for video, views in wanted.items()])
        return {
            "ours": lambda: predict_views(model, wanted, data, ScoresInMemory(), CPU, None),
            "torchvision-style": lambda: _torchvision_style(theirs, data, wanted),
            "alone": lambda: _forward(network, in_memory, batch_views=batch_views),
        }

    in_turn(contestants({video: views[:1] for video, views in wanted.items()}), rounds=1)  # to warm up
    spent = in_turn(contestants(wanted), rounds=rounds)
    ours, style, alone = (spent[name].wall for name in NAMES)
    num_clips = sum(len(of_video) for of_video in clips.values())
    sample = torch.stack([of_video[0] for of_video in clips.values()])
    difference = _forward(network, sample, batch_views=batch_views) - _forward(theirs, sample, batch_views=1)
    return {
        "milliseconds per clip": {name: [1000 * s / num_clips for s in spent[name].wall] for name in NAMES},
        "CPU milliseconds per clip": {name: [1000 * s / num_clips for s in spent[name].cpu] for name in NAMES},
        "times faster than torchvision-style": median_ratio(style, ours),
        "part of the speed of the network alone": median_ratio(alone, ours),
        "largest difference of logits": float(difference.abs().max()),
        "views in a batch": batch_views,
    }


def _clips(data: Input, video: str, views: Sequence[View]) -> Tensor:
    """Decode the views of a video, centre-cropped: uint8 [V, T, h, w, 3], in their order."""
    read = dict(data.read(video, [view.clip for view in views]))
    top, left = ((size - CLIP.crop) // 2 for size in CLIP.resize)
    clips = [read[place][:, top : top + CLIP.crop, left : left + CLIP.crop] for place in range(len(views))]
    return torch.from_numpy(np.stack(clips))


def _batch_views_of(model: Classifier, data: Input, wanted: dict[str, list[View]]) -> int:
    """The size of the batches in which our evaluation sends views through the network."""
    sizes: list[int] = []
    hook = model.register_forward_pre_hook(lambda _, inputs: sizes.append(len(inputs[0])))
    video = next(iter(wanted))
    predict_views(model, {video: wanted[video]}, data, ScoresInMemory(), CPU, None)
    hook.remove()
    return max(sizes)


@torch.inference_mode()
def _forward(model: nn.Module, clips: Tensor, *, batch_views: int) -> Tensor:
    """Logits [V, K] of uint8 clips [V, T, h, w, 3]."""
    logits = []
    for batch in torch.split(clips, batch_views):
        crop = (CLIP.crop, CLIP.crop)
        offsets, flips = torch.zeros(len(batch), 2, dtype=torch.int64), torch.zeros(len(batch), dtype=torch.bool)
        logits.append(model(to_network_input(batch, offsets, flips, crop=crop, mean=CLIP.mean, std=CLIP.std)))
    return torch.cat(logits)


@torch.inference_mode()
def _torchvision_style(model: nn.Module, data: Input, wanted: dict[str, list[View]]) -> list[Tensor]:
    """Logits [V, K] of each video: for every clip open the file, decode, resize, forward."""
    from torchcodec.decoders import VideoDecoder  # a peer: the other parts work without it

    logits = []
    for video, views in wanted.items():
        scores = []
        for view in views:
            decoder = VideoDecoder(data.by_id[video].path, num_ffmpeg_threads=torch.get_num_threads())
            frames = decoder.get_frames_in_range(view.start, view.start + view.frames).data  # uint8 [T, C, H, W]
            scores.append(model(_torchvision_input(frames)))
        logits.append(torch.cat(scores))
    return logits


def _torchvision_input(frames: Tensor) -> Tensor:
    """What torchvision's weights for video ask for: uint8 [T, C, H, W] to [1, C, T, h, w].

    Its resize works in floating point without antialiasing and rounds back to bytes.
    """
    resized = nn.functional.interpolate(frames.float(), CLIP.resize, mode="bilinear", align_corners=False)
    top, left = ((size - CLIP.crop) // 2 for size in CLIP.resize)
    cropped = resized.round().to(torch.uint8)[:, :, top : top + CLIP.crop, left : left + CLIP.crop]
    mean, std = (torch.tensor(values).reshape(1, -1, 1, 1) for values in (CLIP.mean, CLIP.std))
    return ((cropped.float() / 255 - mean) / std).transpose(0, 1)[None]


if __name__ == "__main__":
    main()
