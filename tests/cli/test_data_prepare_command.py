"""`videobench data prepare`: a copy of a data set that the same experiment reads."""

import json
import shutil
from pathlib import Path

import pytest
from commands import BASE, call, write_experiment, write_videos

from videobench.data.decode import probe


@pytest.fixture
def small(tmp_path: Path) -> Path:
    return write_experiment(tmp_path)


def prepared(path: Path, home: Path, *more: str) -> dict:
    result = call("data", "prepare", path, "--out", home / "copy", "--home", home, "--jobs", "1", "--json", *more)
    assert result.code == 0, result.err
    return json.loads(result.out)


def test_the_copy_trains_like_the_original(small: Path, tmp_path: Path) -> None:
    """The same experiment runs on it with data.root, and its record tells that these were other files."""
    facts = prepared(small, tmp_path)
    assert facts["data"] == "small"
    assert [facts[name] for name in ("videos", "frames", "broken", "missing")] == [8, 48, 0, 0]
    assert facts["bytes"] == sum(path.stat().st_size for path in (tmp_path / "copy").rglob("*.mp4"))
    fingerprints, notes = set(), []
    for home, root in (("one", tmp_path / "videos"), ("two", tmp_path / "copy")):
        done = call("train", small, "--home", tmp_path / home, "--set", f"data.root={root}")
        assert done.code == 0, done.err
        (record,) = (tmp_path / home / "results" / "records").glob("*.json")
        content = json.loads(record.read_text())["record"]
        fingerprints.add(content["data"]["fingerprint"])
        notes.append(content["notes"])
    assert len(fingerprints) == 2
    assert notes == [[], ["trained and measured on copies made by data prepare (16x16, crf 18)"]]
    (weights,) = (tmp_path / "one" / "runs" / "trainings").glob("*/weights.safetensors")
    crossed = (
        "--home",
        tmp_path / "three",
        "--set",
        f"data.root={tmp_path / 'copy'}",
        "--set",
        f"weights.file={weights}",
    )
    done = call("eval", small, *crossed)
    assert done.code == 0, done.err
    assert "measured on copies made by data prepare (16x16, crf 18)" in call("table", small, *crossed).out


def test_size_and_quality(small: Path, tmp_path: Path) -> None:
    """By default the clips' size; what was done is not done again, and nothing else goes into the same folder."""
    prepared(small, tmp_path, "--size", "8x10", "--crf", "30")
    copy = tmp_path / "copy" / "train" / "dark" / "0.mp4"
    assert (probe(copy).height, probe(copy).width) == (8, 10)
    made = copy.stat().st_mtime_ns
    prepared(small, tmp_path, "--size", "8x10", "--crf", "30")
    assert copy.stat().st_mtime_ns == made
    arguments = ("data", "prepare", small, "--out", tmp_path / "copy", "--home", tmp_path)
    refused = call(*arguments)
    assert refused.code == 2
    assert "holds other copies: size [8, 10], not [16, 16]; crf 30, not 18" in refused.err
    nonsense = call(*arguments, "--size", "8x")
    assert (nonsense.code, "'8x' is no size" in nonsense.err) == (2, True)


def test_clips_of_several_sizes(tmp_path: Path) -> None:
    """The size is then for the user to say."""
    path = write_experiment(tmp_path, "rows:\n  one: {}\n  two:\n    clip: {resize: [20, 16]}\n")
    result = call("data", "prepare", path, "--out", tmp_path / "copy", "--home", tmp_path)
    assert result.code == 2
    assert "clips differ in resize: (16, 16), (20, 16)" in result.err
    assert "--size" in result.err
    assert prepared(path, tmp_path, "--size", "16")["videos"] == 8


def test_broken_and_missing_videos(tmp_path: Path) -> None:
    """They end the command, the broken when all others are done; skipped, the copy has the same trouble."""
    videos = write_videos(tmp_path / "videos")
    for subset in ("train", "test"):
        files = sorted((videos / subset).rglob("*.mp4"))
        lines = [f"{file.relative_to(videos)} {number % 2}" for number, file in enumerate(files)]
        (videos / f"{subset}.lst").write_text("\n".join(lines))
    manifest = "{type: manifest, name: small, root: videos, train: train.lst, test: test.lst}"
    path = write_experiment(tmp_path, base=BASE.replace("{type: class_folders, name: small, root: videos}", manifest))
    (videos / "test" / "dark" / "1.mp4").write_bytes(b"not a video")
    arguments = ("data", "prepare", path, "--out", tmp_path / "copy", "--home", tmp_path, "--jobs", "1")
    broken = call(*arguments)
    assert broken.code == 3
    assert "1 of 8 videos can't be used" in broken.err
    assert "can't be opened as a video" in broken.err
    assert len(list((tmp_path / "copy").rglob("*.mp4"))) == 7
    (videos / "train" / "dark" / "1.mp4").unlink()
    missing = call(*arguments)
    assert missing.code == 3
    assert "1 of 4 listed videos are missing: train/dark/1.mp4" in missing.err
    shutil.rmtree(tmp_path / "copy")
    facts = prepared(path, tmp_path, "--set", "data.on_error=skip")
    assert (facts["videos"], facts["broken"], facts["missing"]) == (7, 1, 1)
    reports = []
    for root in (videos, tmp_path / "copy"):
        checked = call("data", "check", path, "--home", tmp_path, "--set", f"data.root={root}", "--json")
        reports.append([(each["kind"], each["videos"]) for each in json.loads(checked.out)["findings"]])
    assert reports[0] == reports[1] == [("missing", ["train/dark/1.mp4"]), ("unreadable", ["test/dark/1.mp4"])]


def test_a_copy_that_would_read_as_another_set_is_refused(small: Path, tmp_path: Path) -> None:
    """Classes come from all folders, so leaving out a subset with a class of its own would renumber the others."""
    shutil.copytree(tmp_path / "videos" / "test" / "dark", tmp_path / "videos" / "val" / "a class of its own")
    result = call("data", "prepare", small, "--out", tmp_path / "copy", "--home", tmp_path, "--jobs", "1")
    assert result.code == 3
    assert "does not read as the same train videos: 4 in 2 classes, not 4 in 3" in result.err


def test_what_can_not_be_copied(small: Path, tmp_path: Path) -> None:
    """Synthetic videos, folders of frames, several data sets at once."""
    (tmp_path / "demo").mkdir()
    synthetic = call("data", "prepare", "demo", "--out", tmp_path / "copy", "--home", tmp_path)
    assert (synthetic.code, "reads no video files of yours" in synthetic.err) == (2, True)
    picture = tmp_path / "videos" / "train" / "dark" / "frames" / "img_00001.jpg"
    picture.parent.mkdir()
    picture.write_bytes(b"")
    pictures = call("data", "prepare", small, "--out", tmp_path / "copy", "--home", tmp_path, "--jobs", "1")
    assert (pictures.code, "is a folder of frames" in pictures.err) == (3, True)
    write_videos(tmp_path / "other")
    rows = "rows:\n  one: {}\n  two:\n    data: {type: class_folders, name: second, root: other}\n"
    two = write_experiment(tmp_path, rows)
    several = call("data", "prepare", two, "--out", tmp_path / "copies", "--home", tmp_path)
    assert (several.code, "reads several data sets: second, small" in several.err) == (2, True)
