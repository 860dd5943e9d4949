"""Fetching a file over HTTP: whole and checked, or not at all; what broke off goes on where it stopped."""

import contextlib
import hashlib
import os
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from http.client import HTTPException, HTTPResponse
from pathlib import Path

from videobench.errors import WeightsError

PART = ".part"
CHUNK = 1 << 20  # bytes
TIMEOUT = 30.0  # seconds without a byte
ATTEMPTS = 4
FIRST_PAUSE = 1.0  # seconds before the second attempt; each later pause is twice as long

Progress = Callable[[int, int | None], None]
"""Told how many bytes are here, of how many."""


def download(url: str, path: Path, *, sha256: str | None, progress: Progress, first_pause: float = FIRST_PAUSE) -> str:
    """Fetch `url` to `path` and return the sha256 of all of it; `sha256` may be known, or its beginning.

    What arrives is kept beside `path` until it is whole, so that another call goes on where this one stopped.
    WeightsError when the host can't be reached, has no such file, or sends another one than is stated.
    """
    part = path.with_name(path.name + PART)
    path.parent.mkdir(parents=True, exist_ok=True)
    for attempt in range(ATTEMPTS):
        try:
            _fetch_rest(url, part, progress)
            break
        except urllib.error.HTTPError as error:
            if error.code < 500 or attempt == ATTEMPTS - 1:
                raise _refused(url, error) from error
        except (OSError, HTTPException) as error:
            offline = isinstance(getattr(error, "reason", None), socket.gaierror)
            if offline or attempt == ATTEMPTS - 1:
                raise WeightsError(
                    f"the download broke off: {getattr(error, 'reason', error)}",
                    where=url,
                    hint=f"Is there a network? The same command goes on where it stopped; or put the file to {path}.",
                ) from error
        time.sleep(first_pause * 2**attempt)
    with part.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if sha256 is not None and not found.startswith(sha256):
        part.unlink()
        hint = "What came was thrown away: it is another file, or it was damaged on the way. Try again, or look at it."
        raise WeightsError(f"its sha256 is {found}, it should begin with {sha256}", where=url, hint=hint)
    part.replace(path)
    return found


def _fetch_rest(url: str, part: Path, progress: Progress) -> None:
    """Append to `part` what it lacks; OSError or HTTPException when it stays incomplete."""
    have = part.stat().st_size if part.exists() else 0
    with _opened(url, have) as (response, start):
        length = response.headers.get("Content-Length")
        total = None if length is None else start + int(length)
        if response.headers.get_content_type() == "text/html":
            page = f"{url} is a web page, not a file: fetch the file with a browser"
            raise WeightsError(page, where=url)
        with part.open("r+b" if start else "wb") as file:
            file.seek(start)
            file.truncate()
            while chunk := response.read(CHUNK):
                file.write(chunk)
                progress(file.tell(), total)
            file.flush()
            os.fsync(file.fileno())
            if total is not None and file.tell() < total:
                raise ConnectionError(f"{file.tell()} of {total} bytes came")


@contextlib.contextmanager
def _opened(url: str, have: int) -> Iterator[tuple[HTTPResponse, int]]:
    """Ask for the bytes after the first `have`; also yielded is from which byte on they come."""
    headers = {"User-Agent": "videobench"} | ({"Range": f"bytes={have}-"} if have else {})
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=TIMEOUT) as response:
            # A host that knows no ranges sends all of it again.
            yield response, have if response.status == 206 else 0
    except urllib.error.HTTPError as error:
        if error.code != 416 or not have:
            raise
        with urllib.request.urlopen(url, timeout=TIMEOUT) as response:  # nothing after what is here, or another file
            yield response, 0


def _refused(url: str, error: urllib.error.HTTPError) -> WeightsError:
    hint = "The file was moved or taken away: look at its page (videobench weights ls --json)."
    return WeightsError(f"the host answers {error.code} {error.reason}", where=url, hint=hint)
