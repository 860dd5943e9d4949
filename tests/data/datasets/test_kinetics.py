"""Kinetics by the official CSVs, by others' lists and by folders: one set of classes, one way to name videos."""

from pathlib import Path

import pytest
from trees import ANNOTATIONS, touch, write_kinetics_csv, write_lines

from videobench.data.datasets.kinetics import OFFICIAL_COUNTS, folder_spelling, kinetics
from videobench.data.datasets.on_disk import missing_files
from videobench.data.video_set import VideoSet
from videobench.errors import DataError

ROWS = [
    ("air drumming", "-3B32lodo2M", 59),
    ("zumba", "_dbcJuKJQNs", 7),
    ("massaging person's head", "0wR5jVB-WPk", 417),
]
NAMES = ["-3B32lodo2M_000059_000069", "_dbcJuKJQNs_000007_000017", "0wR5jVB-WPk_000417_000427"]
LABELS = [1, 399, 196]


def read(root: Path, **changed) -> VideoSet:
    return kinetics(root, **{"num_classes": 400, "subset": "validation", **changed})


def rows_of(videos: VideoSet) -> list[tuple[str, int, str | None]]:
    return [(video.id, video.labels[0], video.source) for video in videos.videos]


EXPECTED = [(name, label, name[:11]) for name, label in zip(NAMES, LABELS, strict=True)]


def flat(root: Path, *, suffix: str = ".mp4") -> None:
    touch(root / "val", *(f"{name}{suffix}" for name in NAMES), "._" + NAMES[0] + ".mp4")


def in_classes(root: Path) -> None:
    touch(root / "val", *(f"{label}/{name}.mp4" for (label, *_), name in zip(ROWS, NAMES, strict=True)))


def in_underscored_classes(root: Path) -> None:
    folders = [label.replace(" ", "_").replace("'", "") for label, *_ in ROWS]
    touch(root / "videos_val", *(f"{folder}/{name}.mp4" for folder, name in zip(folders, NAMES, strict=True)))


def as_frames(root: Path) -> None:
    touch(root / "rawframes_val", *(f"{ROWS[i][0]}/{name}/img_00001.jpg" for i, name in enumerate(NAMES)))


@pytest.mark.parametrize("lay_out", [flat, in_classes, in_underscored_classes, as_frames])
def test_the_official_csv(tmp_path: Path, lay_out) -> None:
    """Files are found flat, in folders of classes and as frames; labels are the official numbers."""
    write_kinetics_csv(tmp_path / "annotations" / "val.csv", ROWS)
    lay_out(tmp_path)
    videos = read(tmp_path)
    assert rows_of(videos) == EXPECTED
    assert not missing_files(videos)
    assert (videos.name, len(videos.classes)) == ("kinetics400", 400)


@pytest.mark.parametrize("path", ["val.csv", "kinetics400/validate.csv", "kinetics_val.csv", "kinetics-400_val.csv"])
def test_names_of_the_official_csv(tmp_path: Path, path: str) -> None:
    """CVDF, DeepMind and others call it differently."""
    write_kinetics_csv(tmp_path / path, ROWS)
    flat(tmp_path)
    assert rows_of(read(tmp_path)) == EXPECTED


def test_names_that_differ_in_time_and_replacements(tmp_path: Path) -> None:
    """A file whose start differs from the list is found by its YouTube id; one that CVDF replaced is the new one."""
    write_kinetics_csv(tmp_path / "annotations" / "val.csv", ROWS)
    touch(tmp_path / "val", "-3B32lodo2M_000060_000070.mp4", f"{NAMES[1]}.mp4")
    touch(tmp_path / "replacement" / "replacement_for_corrupted_k400", f"{NAMES[1]}.mp4")
    videos = read(tmp_path)
    assert rows_of(videos) == EXPECTED
    assert videos.videos[0].path.name == "-3B32lodo2M_000060_000070.mp4"
    assert videos.videos[1].path.parent.name == "replacement_for_corrupted_k400"
    assert [video.path for video in missing_files(videos)] == [tmp_path / "val" / f"{NAMES[2]}.mp4"]


def pyslowfast(root: Path) -> None:
    write_lines(root / "val.csv", [f"val/{name}.mp4 {label}" for name, label in zip(NAMES, LABELS, strict=True)])


def pyslowfast_with_commas(root: Path) -> None:
    write_lines(root / "val.csv", [f"{root}/val/{name}.mp4,{label}" for name, label in zip(NAMES, LABELS, strict=True)])


def mmaction2(root: Path) -> None:
    lines = [f"{name}.mp4 {label}" for name, label in zip(NAMES, LABELS, strict=True)]
    write_lines(root / "kinetics400_val_list_videos.txt", lines)


def mmaction2_frames(root: Path) -> None:
    lines = [f"{name} 300 {label}" for name, label in zip(NAMES, LABELS, strict=True)]
    write_lines(root / "kinetics400_val_list_rawframes.txt", lines)


@pytest.mark.parametrize("write_list", [pyslowfast, pyslowfast_with_commas, mmaction2, mmaction2_frames])
def test_lists_of_paths_and_labels(tmp_path: Path, write_list) -> None:
    """Videos have the same ids and labels as by the CSV, wherever paths start from."""
    write_list(tmp_path)
    flat(tmp_path)
    videos = read(tmp_path)
    assert rows_of(videos) == EXPECTED
    assert not missing_files(videos)


def test_a_list_in_another_order_of_classes(tmp_path: Path) -> None:
    """A number that contradicts the folder of its video is an error, before a network is trained on it."""
    write_lines(tmp_path / "val.csv", [f"air_drumming/{NAMES[0]}.mp4 1", f"zumba/{NAMES[1]}.mp4 398"])
    with pytest.raises(DataError, match=r"val.csv: line 2: number 398 is 'yoga', but .* 'zumba', which is 399"):
        read(tmp_path)
    write_lines(tmp_path / "val.csv", [f"{NAMES[0]}.mp4 400"])
    with pytest.raises(DataError, match=r"line 1: there is no class number 400\n.*the last of 400 is 399"):
        read(tmp_path)


def test_frames_in_folders_of_classes_alone(tmp_path: Path) -> None:
    """mmaction2's rawframes need no list either."""
    as_frames(tmp_path)
    assert sorted(rows_of(read(tmp_path))) == sorted(EXPECTED)


def test_folders_of_classes_alone(tmp_path: Path) -> None:
    """Without lists, three folders of 400 keep the numbers of their classes."""
    in_underscored_classes(tmp_path)
    touch(tmp_path / "videos_val" / "zumba", "renamed.mp4")
    assert sorted(rows_of(read(tmp_path))) == sorted([*EXPECTED, ("zumba/renamed.mp4", 399, None)])
    touch(tmp_path / "videos_val" / "zumbaa", "v.mp4")
    with pytest.raises(DataError, match=r"zumbaa: there is no class 'zumbaa'\n.*'zumba'"):
        read(tmp_path)


def test_spellings_tell_all_classes_apart(tmp_path: Path) -> None:
    """No two of the 400 classes are alike when blanks, quotes and brackets are spelled otherwise."""
    in_classes(tmp_path)
    classes = read(tmp_path).classes
    assert len({folder_spelling(name) for name in classes}) == 400
    assert list(classes) == sorted(classes)


def test_other_versions_need_all_class_names(tmp_path: Path) -> None:
    """Kinetics-600 and -700 take them from all CSVs together, or from a file; too few would renumber the rest."""
    classes = [f"class {number:03}" for number in range(600)]
    ids = [f"{number:011}" for number in range(600)]
    write_kinetics_csv(tmp_path / "annotations" / "train.csv", [(classes[i], ids[i], 0) for i in range(599)])
    write_kinetics_csv(tmp_path / "annotations" / "val.csv", [(classes[599], ids[599], 0)])
    assert rows_of(read(tmp_path, num_classes=600)) == [(f"{ids[599]}_000000_000010", 599, ids[599])]
    (tmp_path / "annotations" / "train.csv").unlink()
    with pytest.raises(DataError, match=r"names 1 classes instead of 600\n.*data.class_names"):
        read(tmp_path, num_classes=600)
    names = write_lines(tmp_path / "label_map_k600.txt", classes)
    assert rows_of(read(tmp_path, num_classes=600, class_names=names))[0][1] == 599


def test_wrong_csvs_are_errors(tmp_path: Path) -> None:
    """Labels that were held back, classes nobody knows, times that are none, and no videos at all."""
    path = tmp_path / "annotations" / "test.csv"
    write_lines(path, ["youtube_id,time_start,time_end,split", "--6bJUbfpnQ,17,27,test"])
    with pytest.raises(DataError, match=r"test.csv: has no column label\n.*held back"):
        read(tmp_path, subset="test")
    write_kinetics_csv(path, [("air drummin", "--6bJUbfpnQ", 17)])
    with pytest.raises(DataError, match=r"line 2: there is no class 'air drummin'\n.*'air drumming'"):
        read(tmp_path, subset="test")
    write_lines(path, ["label,youtube_id,time_start,time_end", "zumba,--6bJUbfpnQ,?,27"])
    with pytest.raises(DataError, match=r"line 2: has no start and end"):
        read(tmp_path, subset="test")
    with pytest.raises(DataError, match="has no train videos"):
        read(tmp_path, subset="train")


@pytest.mark.skipif(not ANNOTATIONS.exists(), reason="needs the official lists of ../shared/annotations")
def test_official_kinetics_400(tmp_path: Path) -> None:
    """19,906 clips of 400 classes in alphabetical order; a tiny list of another origin has the same numbers."""
    (tmp_path / "kinetics-400_val.csv").symlink_to((ANNOTATIONS / "kinetics" / "kinetics-400_val.csv").resolve())
    videos = read(tmp_path)
    assert len(videos.videos) == OFFICIAL_COUNTS["validation"] == len({video.source for video in videos.videos})
    assert {video.labels[0] for video in videos.videos} == set(range(400))
    assert list(videos.classes) == (ANNOTATIONS / "kinetics_label_map_k400.txt").read_text().splitlines()
    assert [videos.classes[number] for number in (0, 1, 399)] == ["abseiling", "air drumming", "zumba"]
    tiny = tmp_path / "tiny"
    (tiny / "annotations").mkdir(parents=True)
    (tiny / "annotations" / "val.csv").symlink_to((ANNOTATIONS / "kinetics" / "tramac_tiny_val.csv").resolve())
    assert [video.labels[0] for video in read(tiny).videos] == list(range(400))
