"""What every way of reading frames is compared with."""

from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray


def reference(path: Path, *, size: tuple[int, int] | None = None, filter: str = "FAST_BILINEAR") -> NDArray[np.uint8]:
    """Decode everything, in the plainest way: all frames [T, H, W, 3], turned as the metadata says."""
    frames = []
    with av.open(str(path), metadata_errors="replace") as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        for frame in container.decode(stream):
            turns = round(frame.rotation / 90) % 4
            height, width = (frame.height, frame.width) if size is None else size if turns % 2 == 0 else size[::-1]
            rgb = frame.reformat(width, height, "rgb24", interpolation=filter, threads=1)
            frames.append(np.rot90(rgb.to_ndarray(), turns))
    return np.stack(frames)
