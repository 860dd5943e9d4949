"""`videobench data`: files are counted once, and what is wrong with them is said before anything is trained."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from commands import BASE, call, write_experiment, write_videos

from videobench.data import index


@pytest.fixture
def small(tmp_path: Path) -> Path:
    return write_experiment(tmp_path)


def checked(path: Path, home: Path, *more: str) -> tuple[int, dict]:
    """Return the exit code and the JSON of a check."""
    result = call("data", "check", path, "--home", home, "--jobs", "1", "--json", *more)
    return result.code, json.loads(result.out)


def kinds(report: dict) -> list[tuple[str, str, list[str]]]:
    return [(finding["kind"], finding["in"], finding["videos"]) for finding in report["findings"]]


def test_index_counts_every_file_once(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second call opens nothing, whatever the clip; one more file is one more file to open."""
    first = call("data", "index", small, "--home", tmp_path, "--jobs", "1")
    assert first.code == 0
    assert "small, train" in first.out
    opened: list[str] = []
    probe = index.probe

    def spy(path: Path, *how):
        opened.append(path.name)
        return probe(path, *how)

    monkeypatch.setattr(index, "probe", spy)
    shutil.copy(tmp_path / "videos" / "train" / "dark" / "0.mp4", tmp_path / "videos" / "train" / "dark" / "new.mp4")
    again = call("data", "index", small, "--home", tmp_path, "--jobs", "1", "--json", "--set", "clip.frames=4")
    assert opened == ["new.mp4"]
    assert json.loads(again.out) == [
        {"data": "small, train", "listed": 5, "usable": 5, "missing": 0, "broken": 0},
        {"data": "small, test", "listed": 4, "usable": 4, "missing": 0, "broken": 0},
    ]


def test_index_says_what_it_could_not_use(small: Path, tmp_path: Path) -> None:
    """It goes on past broken files, counts them, and ends with 3."""
    (tmp_path / "videos" / "test" / "dark" / "1.mp4").write_bytes(b"not a video")
    result = call("data", "index", small, "--home", tmp_path, "--jobs", "1")
    assert result.code == 3
    assert "videobench data check" in result.err
    assert [line.split()[-4:] for line in result.out.splitlines() if "test" in line] == [["4", "3", "0", "1"]]


def test_an_interrupted_index_goes_on(small: Path, tmp_path: Path) -> None:
    """A signal ends it with 75; what was probed is in the index."""
    code = (
        "import os, signal, sys\n"
        "from videobench.data import index\n"
        "probe = index.probe\n"
        "def stopped(path, *how):\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    return probe(path, *how)\n"
        "index.probe = stopped\n"
        "from videobench_cli.app import main\n"
        f"sys.argv = ['videobench', 'data', 'index', {str(small)!r}, '--home', {str(tmp_path)!r}, '--jobs', '1']\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 75, done.stderr
    assert "what was done is kept" in done.stderr
    lines = (tmp_path / "runs" / "index" / "small.jsonl").read_text().split("\n")
    assert len([line for line in lines if line]) == 1


def test_nothing_is_wrong(small: Path, tmp_path: Path) -> None:
    """A whole set: exit 0, how many there are of what kind, and how the first were read."""
    result = call("data", "check", small, "--home", tmp_path, "--jobs", "1")
    assert result.code == 0
    for text in ("nothing is wrong", "6-6", "25.0", "16x16", "bright: train/bright/0.mp4"):
        assert text in result.out
    code, report = checked(small, tmp_path, "--deep")
    assert (code, report["ok"], report["findings"]) == (0, True, [])
    train, test = report["subsets"]
    assert (train["data"], train["subset"], train["listed"], train["usable"]) == ("small", "train", 4, 4)
    assert train["frames"] == {"min": 6, "median": 6, "max": 6}
    assert test["examples"][0]["classes"] == ["bright"]


def test_everything_is_wrong(small: Path, tmp_path: Path) -> None:
    """Each kind of fault is told with the videos it is about; short ones alone are none."""
    videos = tmp_path / "videos"
    code, report = checked(small, tmp_path, "--set", "clip.frames=7")
    assert (code, report["ok"], {kind for kind, *_ in kinds(report)}) == (0, True, {"short"})
    (videos / "test" / "dark" / "1.mp4").write_bytes(b"not a video")
    shutil.copy(videos / "train" / "dark" / "0.mp4", videos / "test" / "bright" / "copy.mp4")
    code, report = checked(small, tmp_path)
    assert (code, report["ok"]) == (3, False)
    assert kinds(report) == [
        ("unreadable", "small, test", ["test/dark/1.mp4"]),
        ("same content", "small, train and test", ["train/dark/0.mp4", "test/bright/copy.mp4"]),
    ]
    said = call("data", "check", small, "--home", tmp_path, "--jobs", "1")
    assert said.code == 3
    assert "small, test: 1 videos can't be decoded at all" in said.out
    assert "1.mp4: can't be opened as a video" in said.out


def test_lists_that_cannot_be_read(small: Path, tmp_path: Path) -> None:
    """A subset that isn't there doesn't keep the others from being checked."""
    shutil.rmtree(tmp_path / "videos" / "test")
    code, report = checked(small, tmp_path)
    assert code == 3
    assert [subset["subset"] for subset in report["subsets"]] == ["train"]
    assert kinds(report) == [("list", "small, test", [])]
    assert "no folder for subset 'test'" in report["findings"][0]["what"]


MANIFEST = "{type: manifest, name: listed, root: ., train: train.txt, test: test.txt}"


def test_missing_files(tmp_path: Path) -> None:
    """A check counts and names them all; a run ends with 3 before it reads anything, or goes on without them."""
    videos = write_videos(tmp_path / "videos")
    for subset in ("train", "test"):
        files = sorted((videos / subset).rglob("*.mp4"))
        lines = [f"{file.relative_to(tmp_path)} {number % 2}" for number, file in enumerate(files)]
        (tmp_path / f"{subset}.txt").write_text("\n".join(lines))
    path = write_experiment(tmp_path, base=BASE.replace("{type: class_folders, name: small, root: videos}", MANIFEST))
    for number in (0, 1):
        (videos / "train" / "dark" / f"{number}.mp4").unlink()
    code, report = checked(path, tmp_path)
    assert code == 3
    assert kinds(report) == [("missing", "listed, train", [f"videos/train/dark/{number}.mp4"]) for number in (0, 1)]
    refused = call("train", path, "--home", tmp_path)
    assert refused.code == 3
    assert "2 of 4 listed videos are missing: videos/train/dark/0.mp4, videos/train/dark/1.mp4" in refused.err
    assert not (tmp_path / "runs" / "trainings").exists()
    done = call("train", path, "--home", tmp_path, "--set", "data.on_error=skip")
    assert done.code == 0, done.err
    assert "2 of 4 videos skipped" in done.err


def test_only_some_classes(tmp_path: Path) -> None:
    """The others' videos are left out and the classes keep their numbers; a class that isn't one is an error."""
    write_videos(tmp_path / "videos", classes=("a", "b", "c"))
    path = write_experiment(tmp_path)
    code, report = checked(path, tmp_path, "--set", "data.only_classes=[c, a]")
    assert (code, report["subsets"][0]["classes"], report["subsets"][0]["listed"]) == (0, 3, 4)
    _, report = checked(path, tmp_path, "--set", "data.only_classes=[d]")
    assert "data.only_classes: there is no class 'd'" in report["findings"][0]["what"]


def test_a_killed_worker_is_told(small: Path, tmp_path: Path) -> None:
    """A process that reads videos and is killed from outside ends the command with a message."""
    write_videos(tmp_path / "videos", per_class=40)
    code = (
        "import sys, time\n"
        "from videobench_cli.app import main\n"
        f"sys.argv = ['videobench', 'data', 'check', {str(small)!r}, '--home', {str(tmp_path)!r}, '--jobs', '2']\n"
        "if __name__ == '__main__':\n    main()\n"
    )
    script = tmp_path / "check.py"
    script.write_text(code)
    process = subprocess.Popen([sys.executable, script], stderr=subprocess.PIPE, text=True)
    try:
        # Both workers; a moment later the second one has been given what it needs to begin.
        while len(children := _children(process.pid)) < 2 and process.poll() is None:
            time.sleep(0.01)
        time.sleep(0.2)
        for child in children:
            os.kill(child, signal.SIGKILL)
        _, error = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 2
    assert "killed from outside" in error
    assert "Traceback" not in error


def _children(pid: int) -> list[int]:
    """Return the processes that were spawned as workers."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in found if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]
