"""Real files, and files made to break readers, come out frame by frame or are named as broken."""

import random
from pathlib import Path

import numpy as np
import pytest
from decoded_plainly import reference

from videobench.data.decode import decode_frames, probe, stream_frames
from videobench.errors import DataError

SHARED = Path(__file__).parents[2] / ".." / "shared" / "videos"
NOT_SHARED = "needs the real videos of ../shared/videos, which are not part of the project"


def real_files(*folders: str) -> list[Path]:
    skip = ("EXPECTED.txt",)
    return [path for folder in folders for path in sorted((SHARED / folder).glob("*")) if path.name not in skip]


@pytest.mark.skipif(not SHARED.exists(), reason=NOT_SHARED)
def test_real_and_nasty_files_are_frame_exact_or_named_as_broken() -> None:
    """On every real file, frames equal those of decoding everything, or probe says at which frame it breaks."""
    broken = set()
    for path in real_files("clips", "nasty"):
        try:
            info = probe(path)
        except DataError:
            broken.add(path.name)
            continue
        frames = reference(path, size=(36, 44))
        assert info.num_frames == len(frames)
        draw = random.Random(path.name)
        for num_frames in (None, info.num_frames):
            start = draw.randrange(info.num_frames)
            indices = [index % info.num_frames for index in range(start, start + 8)]
            indices += [draw.randrange(info.num_frames) for _ in range(2)]
            clip = decode_frames(path, indices, size=(36, 44), num_frames=num_frames)
            assert np.array_equal(clip, frames[indices]), path.name
            rising = sorted(set(indices))
            streamed = stream_frames(path, rising, size=(36, 44), num_frames=num_frames)
            assert [index for index, _ in streamed] == rising, path.name
    assert broken == {
        "audio_only.mp4",
        "bitrot.mp4",
        "corrupted.mp4",
        "truncated_faststart.mp4",
        "truncated_no_moov.mp4",
    }


@pytest.mark.skipif(not SHARED.exists(), reason=NOT_SHARED)
def test_expected_counts_of_nasty_files() -> None:
    """Every count written down for the nasty files holds; where decoding fails the error names that frame."""
    for line in (SHARED / "nasty" / "EXPECTED.txt").read_text().splitlines():
        name, _, facts = line.partition(" | ")
        if " decoded=" not in facts:
            continue
        decoded = int(facts.split(" decoded=")[1].split()[0])
        if " ERR " in facts:
            with pytest.raises(DataError, match=f"frame {decoded} can't be decoded"):
                probe(SHARED / "nasty" / name)
        else:
            assert probe(SHARED / "nasty" / name).num_frames == decoded, name
