"""Every mistake a user can make ends in one message that says what, where and what to do, and its exit code."""

import errno
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from commands import BASE, Result, call, write_experiment, write_videos

from videobench.evaluation.score_store import ScoreStore


@pytest.fixture
def small(tmp_path: Path) -> Path:
    return write_experiment(tmp_path)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which the small experiment is done."""
    home = tmp_path_factory.mktemp("trained")
    assert call("train", write_experiment(home), "--home", home).code == 0
    return home


@pytest.fixture
def home(trained: Path, tmp_path: Path) -> Path:
    shutil.copytree(trained, tmp_path / "home")
    return tmp_path / "home"


def says(result: Result, code: int, *texts: str) -> None:
    """The command ended with this code, and its message has all of these texts."""
    assert result.code == code, result.err
    assert "error: " in result.err
    for text in texts:
        assert text in result.err


def test_no_such_experiment(tmp_path: Path) -> None:
    """A missing file is named; of a misspelt shipped name, the nearest is offered."""
    says(call("train", tmp_path / "nothing.yaml"), 2, "nothing.yaml", "no such experiment file")
    says(call("plan", "closer_look/tabel2"), 2, "closer_look/tabel2", "did you mean closer_look/table2")


def test_seven_mistakes_are_seven_lines(tmp_path: Path) -> None:
    """One run names every mistake of a file with its line."""
    base = (
        BASE.replace("resize: [16, 16]", "resize: [16, big]")
        .replace("name: R3D", "name: R4D")
        .replace("width: 2", "widht: 2")
        .replace("protocol: clip", "protocl: clip")
        .replace("batch: 4, micro_batch: 4", "batch: 4, micro_batch: 3")
        .replace("learning_rate: 0.001", "learning_rate: no")
        .replace("validation: {videos: 0}", "validation: {videos: -1}")
    )
    result = call("train", write_experiment(tmp_path, base=base), "--home", tmp_path)
    says(result, 2, "7 mistakes", "widht", "R4D", "protocl", "micro_batch 3", "learning_rate", "videos", "resize")
    assert len([line for line in result.err.splitlines() if "small.yaml:" in line]) == 7
    assert not (tmp_path / "runs").exists()


def test_settings_and_rows(small: Path) -> None:
    """A setting that isn't one and a row that isn't one are errors with the nearest name."""
    says(call("train", small, "--set", "recipe.epoch=2"), 2, "--set", "epoch", "did you mean epochs")
    says(call("train", small, "--set", "recipe.epochs"), 2, "field=value")
    says(call("plan", "demo", "--only", "R3B"), 2, "--only R3B", "did you mean R3D")


def test_usage() -> None:
    """What the command line itself refuses exits with 2 as well."""
    for arguments in (("train",), ("nothing",), ("train", "demo", "--jobs", "0"), ("train", "demo", "--scale", "big")):
        result = call(*arguments)
        assert result.code == 2, arguments
        assert "rror" in result.err


def test_no_such_device(small: Path, tmp_path: Path) -> None:
    """A device this machine lacks is refused before anything is prepared, and is no failure of a training."""
    says(call("train", small, "--home", tmp_path, "--device", "gpu"), 2, "no device 'gpu'", "legal: auto, cpu")
    says(call("train", small, "--home", tmp_path, "--device", "mps"), 2, "has no mps device")
    assert not (tmp_path / "runs").exists()


def test_data_that_is_not_there(tmp_path: Path) -> None:
    """A missing folder is named with the ways to give it; so is a subset that the data lacks."""
    path = write_experiment(tmp_path, base=BASE.replace("root: videos", "root: elsewhere"))
    says(call("train", path, "--home", tmp_path), 3, "elsewhere", "small is not here", "VIDEOBENCH_DATA/small")
    path = write_experiment(tmp_path, base=BASE.replace(", root: videos", ""))
    says(call("train", path, "--home", tmp_path), 3, "small is not here", "--set data.root=")
    path = write_experiment(tmp_path)
    shutil.rmtree(tmp_path / "videos" / "test")
    says(call("train", path, "--home", tmp_path), 3, "test", "videos")


def test_a_broken_video_is_named(small: Path, tmp_path: Path) -> None:
    """A file that can't be decoded stops the run before it starts, by its name."""
    (tmp_path / "videos" / "train" / "dark" / "1.mp4").write_bytes(b"no video")
    says(call("train", small, "--home", tmp_path), 3, "train/dark/1.mp4", "1 of 4 videos")


def test_an_unknown_class_in_a_list(tmp_path: Path) -> None:
    """A split list's unknown class is named with its file and line and the nearest class."""
    data = "{type: split_lists, name: lists, root: videos, lists: lists}"
    base = BASE.replace("{type: class_folders, name: small, root: videos}", data)
    path = write_experiment(tmp_path, base=base)
    (tmp_path / "videos" / "lists").mkdir()
    (tmp_path / "videos" / "lists" / "classInd.txt").write_text("1 dark\n2 bright\n")
    (tmp_path / "videos" / "lists" / "trainlist01.txt").write_text("dark/0.mp4 1\nbrigth/0.mp4 2\n")
    (tmp_path / "videos" / "lists" / "testlist01.txt").write_text("dark/1.mp4\n")
    says(call("train", path, "--home", tmp_path), 3, "trainlist01.txt: line 2", "'brigth'", "'bright'")


def test_results_that_cannot_be_written(small: Path, tmp_path: Path) -> None:
    """A file where the results' folder should be is found before anything is computed."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "results").write_text("in the way")
    says(call("train", small, "--home", home), 3, "nothing can be written here", "--home")
    assert list((home / "runs").iterdir()) == []


def test_a_full_disk(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the disk fills up, the message says so; after making room, the same command goes on."""

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "shard.parquet")

    monkeypatch.setattr(ScoreStore, "write", full)
    says(call("train", small, "--home", tmp_path), 3, "shard.parquet: the disk takes no more", "make room")
    monkeypatch.undo()
    assert call("train", small, "--home", tmp_path).code == 0


def test_a_full_disk_in_another_process(tmp_path: Path) -> None:
    """Where files may not grow beyond 25 kB, weights can't be saved: the workers' errors arrive, with no traceback."""
    path = write_experiment(tmp_path, "matrix:\n  network.name: [R3D, rMC2]\n")
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (25_000, 25_000));"
        "from videobench_cli.app import main; main()"
    )
    command = [sys.executable, "-c", code, "train", str(path), "--home", str(tmp_path), "--jobs", "2"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)
    says(Result(done.returncode, done.stdout, done.stderr), 3, "the disk takes no more (File too large)", "make room")
    assert "Traceback" not in done.stderr
    assert not list((tmp_path / "runs" / "trainings").glob("*/weights.*"))


def test_a_plan_names_the_row_whose_network_cannot_be(tmp_path: Path) -> None:
    """A network that takes no clips of this length says so with its row, before anything runs."""
    path = write_experiment(tmp_path, "rows:\n  odd: {network: {type: slowfast}, clip: {frames: 6}}\n")
    says(call("plan", path, "--home", tmp_path), 2, "odd: SlowFast takes clips of a multiple of 8 frames, not of 6")


def test_weights_that_do_not_fit(home: Path) -> None:
    """Weights that are missing, damaged or of other classes exit with 4 and are named."""
    path = home / "small.yaml"
    (weights,) = (home / "runs" / "trainings").glob("*/weights.safetensors")
    says(call("finetune", path, "--home", home, "--from", "nothing.pth"), 4, "nothing.pth", "experiment#row")
    other = write_experiment(home, f"  weights: {{file: {weights}}}\n")
    write_videos(home / "others", classes=("dark", "light"))
    says(
        call("eval", other, "--home", home, "--set", f"data.root={home / 'others'}", "--set", "data.name=others"),
        4,
        "trained for 2 classes",
        "lacks bright; the network lacks light",
        "weights.safetensors",
    )
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    says(call("eval", write_experiment(home), "--home", home, "--set", "evaluate.protocol=video_10"), 4, "sha256")


def test_eval_never_trains(small: Path, tmp_path: Path) -> None:
    """Rows that aren't trained are named, and nothing is begun."""
    says(call("eval", small, "--home", tmp_path), 4, "1 trainings are not finished: small", "videobench train")
    assert not (tmp_path / "runs").exists()


def test_a_damaged_record(home: Path) -> None:
    """A record that isn't whole is named by its file."""
    (record,) = (home / "results" / "records").glob("*.json")
    record.write_text(record.read_text()[:100])
    says(call("table", home / "small.yaml", "--home", home), 3, record.name)


def test_a_record_of_another_version_does_not_stop_a_plan(home: Path) -> None:
    """Times are taken from records that this version understands; the others are left aside."""
    (record,) = (home / "results" / "records").glob("*.json")
    content = json.loads(record.read_text())
    content["record"]["training"]["recipe"] = {"steps": 5}
    record.write_text(json.dumps(content))
    assert call("plan", home / "small.yaml", "--home", home).code == 0


def test_the_gate_fails_on_what_is_pending(small: Path, tmp_path: Path) -> None:
    """table --check exits with 6 when there is nothing to compare."""
    says(call("table", small, "--home", tmp_path, "--check"), 6, "pending")
