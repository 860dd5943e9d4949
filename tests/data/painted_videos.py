"""Videos made in a test, each frame with its own number painted in, so that a wrong frame gives itself away."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from videobench.data.video_set import Video, VideoSet

HEIGHT, WIDTH = 48, 64
_BLOCK = 16  # px; bit b of the number is the b-th block, row by row: white is 1
_NUM_BITS = (HEIGHT // _BLOCK) * (WIDTH // _BLOCK)


def painted(number: int) -> NDArray[np.uint8]:
    """Return the frame [H, W, 3] that shows this number."""
    bits = [(number >> bit) & 1 for bit in range(_NUM_BITS)]
    grid = np.array(bits, np.uint8).reshape(HEIGHT // _BLOCK, WIDTH // _BLOCK) * 190 + 30
    return np.repeat(np.kron(grid, np.ones((_BLOCK, _BLOCK), np.uint8))[:, :, None], 3, axis=2)


def numbers(clip: NDArray[np.uint8]) -> list[int]:
    """Read the numbers off decoded frames [T, H, W, 3], of the size they were painted at."""
    assert clip.shape[1:] == (HEIGHT, WIDTH, 3)
    shown = []
    for frame in clip:
        blocks = frame[:, :, 1].reshape(HEIGHT // _BLOCK, _BLOCK, WIDTH // _BLOCK, _BLOCK).mean(axis=(1, 3))
        shown.append(sum(1 << bit for bit, value in enumerate(blocks.ravel()) if value > 125))
    return shown


def write_painted(
    path: Path,
    num_frames: int,
    *,
    first_number: int = 0,
    codec: str = "libx264",
    options: Mapping[str, str] | None = None,
    gop: int = 250,
    max_b_frames: int = 2,
    times: Sequence[int] | None = None,
    pixel_format: str = "yuv420p",
    container_options: Mapping[str, str] | None = None,
) -> Path:
    """Write frames first_number, first_number + 1, ... at 25 fps, or shown at ``times`` (in 1/25 s)."""
    if options is None:
        options = {"preset": "veryfast", "crf": "20"} if codec == "libx264" else {}
    with av.open(str(path), "w", options=dict(container_options or {})) as container:
        stream = container.add_stream(codec, rate=25, options=dict(options))
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, pixel_format
        stream.codec_context.gop_size = gop
        stream.codec_context.max_b_frames = max_b_frames
        stream.codec_context.thread_count = 1
        for place in range(num_frames):
            frame = av.VideoFrame.from_ndarray(painted(first_number + place), format="rgb24")
            frame.time_base = Fraction(1, 25)
            frame.pts = place if times is None else times[place]
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def painted_set(root: Path, lengths: Sequence[int] = (20, 9, 33, 12), *, name: str = "painted") -> VideoSet:
    """Write a set of two classes; video v counts on from 100 v, so that a number tells video and frame."""
    videos = []
    for place, length in enumerate(lengths):
        path = write_painted(root / f"v{place}.mp4", length, first_number=100 * place)
        videos.append(Video(id=f"v{place}", path=path, labels=(place % 2,)))
    return VideoSet(name=name, classes=("even", "odd"), videos=tuple(videos))


def truncated(source: Path, target: Path, share: float) -> Path:
    """Write the beginning of a file, this share of its bytes."""
    data = source.read_bytes()
    target.write_bytes(data[: int(len(data) * share)])
    return target
