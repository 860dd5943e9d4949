"""UCF101 as it is downloaded: the folder UCF-101 with a folder a class, and the lists of ucfTrainTestlist."""

from pathlib import Path
from typing import Final, Literal

from videobench.data.datasets.on_disk import first_folder, folder_with
from videobench.data.datasets.split_lists import split_lists
from videobench.data.video_set import VideoSet

Subset = Literal["train", "test"]

OFFICIAL_COUNTS: Final[dict[tuple[int, Subset], int]] = {
    (1, "train"): 9537, (1, "test"): 3783,
    (2, "train"): 9586, (2, "test"): 3734,
    (3, "train"): 9624, (3, "test"): 3696,
}  # fmt: skip
"""Videos of each split and subset."""


def ucf101(root: Path, *, split: int, subset: Subset, videos: Path | None = None) -> VideoSet:
    """Return one subset of one of the three splits (see ``split_lists``).

    Videos are looked for in ``videos``, or else in ``UCF-101``, ``videos`` or the root; the lists in
    ``ucfTrainTestlist`` below the root or beside it, in ``annotations``, or in the root.
    """
    lists = folder_with("classInd.txt", root, ("ucfTrainTestlist", "../ucfTrainTestlist", "annotations", "."))
    folder = videos or first_folder(root, ("UCF-101", "videos")) or root
    return split_lists(folder, name="ucf101", lists=lists, split=split, subset=subset)
