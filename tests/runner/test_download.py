"""Fetching files: whole and checked, or an error; what broke off goes on where it stopped."""

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from videobench.errors import WeightsError
from videobench.runner.download import PART, download

CONTENT = bytes(range(256)) * 20_000  # 5 MB
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@dataclass
class Host:
    """How the server behaves, and what it was asked for."""

    url: str = ""
    content: bytes = CONTENT
    status: int = 200
    knows_ranges: bool = True
    content_type: str = "application/octet-stream"
    breaks_after: list[int] = field(default_factory=list)
    """How many bytes it sends before it hangs up, for each of the first requests."""
    ranges: list[str | None] = field(default_factory=list)


@pytest.fixture
def host() -> Iterator[Host]:
    """A server of one file on this machine."""
    state = Host()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers.get("Range")
            state.ranges.append(asked)
            if state.status != 200:
                self.send_error(state.status)
                return
            start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and state.knows_ranges else 0
            if start >= len(state.content):
                self.send_error(416)
                return
            rest = state.content[start:]
            self.send_response(206 if start else 200)
            self.send_header("Content-Type", state.content_type)
            self.send_header("Content-Length", str(len(rest)))
            self.end_headers()
            self.wfile.write(rest[: state.breaks_after.pop(0)] if state.breaks_after else rest)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_port}/weights.pth"
    yield state
    server.shutdown()
    thread.join()
    server.server_close()


def fetch(host: Host, path: Path, sha256: str | None = SHA256) -> list[tuple[int, int | None]]:
    """Download, and return what was told on the way."""
    told: list[tuple[int, int | None]] = []
    found = download(host.url, path, sha256=sha256, progress=lambda *now: told.append(now), first_pause=0.001)
    assert found == SHA256
    assert path.read_bytes() == CONTENT
    assert not path.with_name(path.name + PART).exists()
    return told


@pytest.mark.parametrize("sha256", [SHA256, SHA256[:8], None])
def test_a_file_arrives_whole(tmp_path: Path, host: Host, sha256: str | None) -> None:
    """Its sum is checked as far as it is known, and returned; progress ends at the file's size."""
    told = fetch(host, tmp_path / "deep" / "weights.pth", sha256)
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert host.ranges == [None]


def test_what_breaks_off_goes_on_by_itself(tmp_path: Path, host: Host) -> None:
    """Each attempt asks only for what is lacking."""
    host.breaks_after = [2_000_000, 1_000_000]
    fetch(host, tmp_path / "weights.pth")
    assert host.ranges == [None, "bytes=2000000-", "bytes=3000000-"]


def test_a_killed_download_goes_on_with_the_next_call(tmp_path: Path, host: Host) -> None:
    """What lies there from before is kept, unless the host sends all of it again."""
    path = tmp_path / "weights.pth"
    path.with_name(path.name + PART).write_bytes(CONTENT[:1_234_567])
    told = fetch(host, path)
    assert host.ranges == ["bytes=1234567-"]
    assert told[0][0] > 1_234_567


@pytest.mark.parametrize("here", [1_000_000, len(CONTENT), len(CONTENT) + 5])
def test_hosts_without_ranges_send_all_again(tmp_path: Path, host: Host, here: int) -> None:
    """Nothing is appended to what was there, nor does more stay than the file has."""
    host.knows_ranges = False
    path = tmp_path / "weights.pth"
    path.with_name(path.name + PART).write_bytes(b"x" * here)
    fetch(host, path)


def test_a_finished_part_is_taken_again_from_the_host(tmp_path: Path, host: Host) -> None:
    """Where nothing is left to send, the host refuses the range; it is asked for the whole file then."""
    path = tmp_path / "weights.pth"
    path.with_name(path.name + PART).write_bytes(CONTENT)
    fetch(host, path)
    assert host.ranges == [f"bytes={len(CONTENT)}-", None]


def test_another_file_than_stated_is_thrown_away(tmp_path: Path, host: Host) -> None:
    """Neither the file nor the part of it stays, so that the next call begins anew."""
    host.content = CONTENT[::-1]
    with pytest.raises(WeightsError, match=f"should begin with {SHA256[:8]}"):
        download(host.url, tmp_path / "weights.pth", sha256=SHA256[:8], progress=lambda *_: None)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("status", [403, 404, 410])
def test_a_file_that_is_gone_is_an_error_at_once(tmp_path: Path, host: Host, status: int) -> None:
    """The host's answer is in the message; it is asked once."""
    host.status = status
    with pytest.raises(WeightsError, match=f"answers {status}(.|\n)*moved or taken away"):
        download(host.url, tmp_path / "weights.pth", sha256=None, progress=lambda *_: None)
    assert len(host.ranges) == 1


def test_a_host_in_trouble_is_asked_again(tmp_path: Path, host: Host) -> None:
    """Its own errors may pass; in the end the message has them."""
    host.status = 503
    with pytest.raises(WeightsError, match="answers 503"):
        download(host.url, tmp_path / "weights.pth", sha256=None, progress=lambda *_: None, first_pause=0.001)
    assert len(host.ranges) == 4


def test_a_web_page_is_not_a_file(tmp_path: Path, host: Host) -> None:
    """Hosts that show a page first are named as such, and nothing of it is kept as weights."""
    host.content_type = "text/html; charset=utf-8"
    with pytest.raises(WeightsError, match="is a web page, not a file"):
        download(host.url, tmp_path / "weights.pth", sha256=None, progress=lambda *_: None)
    assert list(tmp_path.iterdir()) == []


def test_without_a_network_the_message_says_so(tmp_path: Path) -> None:
    """Nobody listens on this port; the message has the way round it."""
    with pytest.raises(WeightsError, match=r"broke off(.|\n)*Is there a network\?(.|\n)*or put the file to"):
        download("http://127.0.0.1:9/a", tmp_path / "a", sha256=None, progress=lambda *_: None, first_pause=0.001)
