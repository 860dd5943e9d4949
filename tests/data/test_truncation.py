"""Containers that say how long they are give away that their end is missing."""

from pathlib import Path

import av
import pytest
from painted_videos import write_painted

from videobench.data.decode import probe
from videobench.data.truncation import num_missing_bytes
from videobench.errors import DataError

KINDS = {
    "a.avi": {"codec": "mpeg4", "options": {"qscale": "3", "flags": "+qscale"}, "max_b_frames": 0},
    "a.mkv": {},
    "a.webm": {"codec": "libvpx", "options": {"deadline": "realtime", "cpu-used": "8"}, "max_b_frames": 0},
}


@pytest.mark.parametrize("name", KINDS)
def test_a_missing_end_is_an_error_that_names_the_frame(tmp_path: Path, name: str) -> None:
    """Wherever the file is cut between its first frame and its last; FFmpeg would just give what is there."""
    path = write_painted(tmp_path / name, 40, **KINDS[name])
    data = path.read_bytes()
    assert num_missing_bytes(path) == 0
    assert probe(path).num_frames == 40
    with av.open(str(path)) as container:
        packets = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
    for place, size in (packets[20], packets[39]):
        path.write_bytes(data[:place])
        with pytest.raises(DataError, match=rf"{name}: frame \d+ can't be decoded \(the file lacks its last \d+ b"):
            probe(path)
        path.write_bytes(data[: place + size // 2])
        with pytest.raises(DataError, match=rf"{name}: frame \d+ can't be decoded"):
            probe(path)


def test_an_index_is_not_needed(tmp_path: Path) -> None:
    """Of an AVI all frames come without it."""
    path = write_painted(tmp_path / "a.avi", 40, **KINDS["a.avi"])
    path.write_bytes(path.read_bytes()[:-200])
    assert probe(path).num_frames == 40


def test_a_wrong_length_is_no_truncation(tmp_path: Path) -> None:
    """Where all frames come that the header counts, the length is what is wrong."""
    path = write_painted(tmp_path / "a.avi", 40, **KINDS["a.avi"])
    data = bytearray(path.read_bytes())
    place = data.index(b"movi") - 4
    data[place : place + 4] = (len(data) + 1000).to_bytes(4, "little")
    path.write_bytes(data)
    assert num_missing_bytes(path) > 0
    assert probe(path).num_frames == 40


@pytest.mark.parametrize("container", ["matroska", "avi"])
def test_what_was_written_into_a_pipe_does_not_say(tmp_path: Path, container: str) -> None:
    """Its writer couldn't go back to fill the length in."""
    path = tmp_path / "piped"
    write_painted(tmp_path / "a.mkv", 20, codec="mpeg4", max_b_frames=0, options={})

    class Pipe:
        def __init__(self) -> None:
            self.file = path.open("wb")
            self.write = self.file.write

    pipe = Pipe()
    with av.open(str(tmp_path / "a.mkv")) as source, av.open(pipe, "w", format=container) as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                target.mux(packet)
    pipe.file.close()
    assert num_missing_bytes(path) == 0
    assert probe(path).num_frames == 20
    path.write_bytes(path.read_bytes()[:-1000])
    assert num_missing_bytes(path) == 0


def test_other_files_do_not_say(tmp_path: Path) -> None:
    """Nothing is read into a file of another kind, or one that is cut in its first bytes."""
    for content in (
        b"",
        b"RIFF",
        b"RIFF\0\0\0\0WAVE",
        b"RIFF\0\0\0\0AVI LIST",
        b"\x1a\x45\xdf\xa3",
        b"\x1a\x45\xdf\xa3\x80????",
    ):
        (tmp_path / "a").write_bytes(content)
        assert num_missing_bytes(tmp_path / "a") == 0
