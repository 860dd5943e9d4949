"""What an experiment reads is worked out from its rows, and compared with what there should be."""

from pathlib import Path
from typing import Any

import pytest
from small_experiment import load, write_experiment, write_videos

from videobench.data import check
from videobench.errors import DataError, Interrupted
from videobench.runner.build import list_videos
from videobench.runner.data_sets import DataSets, Use, official_count, uses_of
from videobench.runner.plan import make_plan
from videobench.runner.workspace import Workspace
from videobench.spec.dataset import HMDB51, UCF101, ClassFolders, Kinetics


def uses(path: Path, home: Path) -> list[Use]:
    plan = make_plan(load(path), Workspace(home))
    return uses_of([*plan.trainings, *plan.evaluations])


def data_sets(home: Path, **changed: Any) -> DataSets:
    return DataSets(
        **{"workspace": Workspace(home), "jobs": 1, "report": lambda _: None, "should_stop": bool, **changed}
    )


def test_subsets_are_read_once_over_the_longest_clip(tmp_path: Path) -> None:
    """Four rows on one data set, trained and measured on other clips, are two subsets."""
    rest = "matrix:\n  clip.frames: [2, 4]\n  evaluate.clip.stride: [1, 5]\n"
    found = uses(write_experiment(tmp_path, rest), tmp_path)
    assert [(use.subset, use.span) for use in found] == [("train", 4), ("test", 16)]
    assert found[0].label == "small, train"


@pytest.mark.parametrize(
    ("data", "subset", "count"),
    [
        (UCF101(type="ucf101", split=2), "train", 9586),
        (UCF101(type="ucf101", only_classes=("Archery",)), "train", None),
        (HMDB51(type="hmdb51", split=3), "test", 1530),
        (Kinetics(type="kinetics400"), "validation", 19906),
        (Kinetics(type="kinetics600"), "validation", None),
        (ClassFolders(type="class_folders", name="x"), "train", None),
    ],
)
def test_official_counts(data: Any, subset: Any, count: int | None) -> None:
    """Of whole official sets; a part of one has no official number."""
    assert official_count(data, subset) == count


def kinetics(folder: Path, *, lines: int) -> Use:
    videos = write_videos(folder / "videos", classes=("abseiling",), per_class=1)
    clip = (videos / "train" / "abseiling" / "0.mp4").rename(folder / "videos" / "-3B32lodo2M_000059_000069.mp4")
    (folder / "videos" / "val.csv").write_text(f"{clip.name} 0\n" * lines)
    return Use(Kinetics(type="kinetics400", root=str(folder / "videos")), "validation", 8)


def test_another_number_of_kinetics_is_worth_knowing(tmp_path: Path) -> None:
    """Copies of Kinetics differ, so the count alone is no fault."""
    (result,) = data_sets(tmp_path).check([kinetics(tmp_path, lines=1)], deep=False)
    assert [(finding.kind, finding.is_problem) for finding in result.findings] == [("count", False)]
    assert "1 videos are listed, officially there are 19906" in result.findings[0].what
    assert (result.facts["official"], result.facts["examples"][0]["classes"]) == (19906, ["abseiling"])


def test_lists_with_a_video_twice(tmp_path: Path) -> None:
    """What makes a subset unreadable is a finding."""
    (result,) = data_sets(tmp_path).check([kinetics(tmp_path, lines=2)], deep=False)
    assert [(finding.kind, finding.is_problem) for finding in result.findings] == [("list", True)]
    assert "occurs twice" in result.findings[0].what


def test_folds_decode_a_video_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every fold has all videos in one subset or the other; a deep check looks at each file once, and tells each."""
    root = write_videos(tmp_path / "videos", per_class=2) / "train"
    (root / "dark" / "1.mp4").write_bytes(b"not a video")
    decoded: list[str] = []
    decode = check._decode
    monkeypatch.setattr(check, "_decode", lambda video: (decoded.append(video.id), decode(video))[1])
    folds = [ClassFolders(type="class_folders", name="x", root=str(root), folds=2, split=split) for split in (1, 2)]
    found = [Use(data, subset, 2) for data in folds for subset in ("train", "test")]
    results = list(data_sets(tmp_path).check(found, deep=True))
    assert sorted(decoded) == ["bright/0.mp4", "bright/1.mp4", "dark/0.mp4", "red/0.mp4", "red/1.mp4"]
    assert [finding.videos for result in results for finding in result.findings] == [("dark/1.mp4",)] * 2
    assert results[0].label == "x, split 1, train"


def test_stopping(tmp_path: Path) -> None:
    """A signal ends the work after the video in hand."""
    with pytest.raises(Interrupted, match="what was done is kept"):
        data_sets(tmp_path, should_stop=lambda: True).index(kinetics(tmp_path, lines=1))


def test_a_subset_that_the_type_lacks(tmp_path: Path) -> None:
    """UCF101 has no validation videos."""
    with pytest.raises(DataError, match="ucf101: has no subset validation; legal: train, test"):
        list_videos(UCF101(type="ucf101", root=str(tmp_path)), "validation", Workspace(tmp_path))
