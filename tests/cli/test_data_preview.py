"""`videobench data preview`: a picture on disk, and errors before any work."""

import os
from pathlib import Path

import pytest
from commands import call, write_experiment


@pytest.fixture
def small(tmp_path: Path) -> Path:
    return write_experiment(tmp_path)


def test_a_picture_is_written(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a display, in a folder that is made for it, and with a line that says what is on it."""
    monkeypatch.delenv("DISPLAY", raising=False)
    out = tmp_path / "new" / "sheet.png"
    done = call("data", "preview", small, "--home", tmp_path, "--videos", "2", "--out", out)
    assert (done.code, done.err) == (0, "")
    assert done.out == f"2 videos of small, train: {out}\n"
    assert out.read_bytes().startswith(b"\x89PNG")
    vector = tmp_path / "sheet.svg"
    call("data", "preview", small, "--home", tmp_path, "--subset", "test", "--protocol", "ten_crop", "--out", vector)
    assert "10 views a clip" in _words(vector)


def _words(path: Path) -> str:
    """Return the texts of an SVG: each is drawn as curves with the text beside it as a comment."""
    return " ".join(path.read_text(encoding="utf-8").split())


def test_what_is_left_out_is_said(small: Path, tmp_path: Path) -> None:
    """A broken video that the data set does without is named."""
    (tmp_path / "videos" / "train" / "dark" / "1.mp4").write_bytes(b"not a video")
    out = tmp_path / "sheet.png"
    done = call("data", "preview", small, "--home", tmp_path, "--out", out, "--set", "data.on_error=skip")
    assert done.code == 0
    assert "left out train/dark/1.mp4: " in done.err
    assert done.out.startswith("3 videos")


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--video", "train/drak/0.mp4"], 2, "has no video 'train/drak/0.mp4' here\nthe nearest: train/dark/0.mp4"),
        (["--protocol", "ten_corp"], 2, "did you mean ten_crop?"),
        (["--out", "sheet.gif"], 2, ".gif is no picture"),
        (["--out", "small.yaml/sheet.png"], 2, "there can't be a file here"),
        (["--out", "closed/sheet.png"], 2, "closed: this folder is not writable"),
        (["--subset", "validation"], 3, "no folder"),
    ],
)
def test_errors(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], code: int, message: str
) -> None:
    """Each says what is wrong and what is legal."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "access", lambda path, _: path.name != "closed")
    done = call("data", "preview", small, "--home", tmp_path, *options)
    assert done.code == code
    assert message in done.err
