"""Where the data set says so, what can't be read is read again after a pause."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from videobench.data import retry
from videobench.data.retry import retried, retried_stream
from videobench.data.video_set import Video
from videobench.errors import DataError


class Flaky:
    """Fails so many times, then reads."""

    def __init__(self, num_failures: int) -> None:
        self.num_failures = num_failures
        self.asked: list[list[int]] = []

    def _fail(self) -> None:
        if self.num_failures:
            self.num_failures -= 1
            raise DataError("the server doesn't answer")

    def read(self) -> str:
        self._fail()
        return "pixels"

    def stream(self, indices: Sequence[int]) -> Iterator[tuple[int, str]]:
        self.asked.append(list(indices))
        for index in indices[:2]:
            yield index, f"frame {index}"
        self._fail()
        for index in indices[2:]:
            yield index, f"frame {index}"


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that are made, none of them waited for."""
    made: list[float] = []
    monkeypatch.setattr(retry.time, "sleep", made.append)
    return made


def video(*, again: bool) -> Video:
    return Video("a", Path("a.mp4"), (0,), retry=again)


def test_reading_is_tried_again(pauses: list[float]) -> None:
    """As often as there are pauses, then the error is told."""
    assert retried(video(again=True), Flaky(2).read) == "pixels"
    assert pauses == [1.0, 5.0]
    assert retried(video(again=True), Flaky(3).read) == "pixels"
    with pytest.raises(DataError, match="doesn't answer"):
        retried(video(again=True), Flaky(4).read)


def test_usually_reading_is_not_tried_again(pauses: list[float]) -> None:
    """A broken file costs no pause."""
    with pytest.raises(DataError, match="doesn't answer"):
        retried(video(again=False), Flaky(1).read)
    with pytest.raises(DataError, match="doesn't answer"):
        list(retried_stream(video(again=False), [0, 1], Flaky(1).stream))
    assert pauses == []


def test_a_stream_goes_on_where_it_broke_off(pauses: list[float]) -> None:
    """No frame comes twice and none is lost."""
    flaky = Flaky(2)
    frames = list(retried_stream(video(again=True), [3, 5, 6, 8, 9, 11], flaky.stream))
    assert frames == [(index, f"frame {index}") for index in (3, 5, 6, 8, 9, 11)]
    assert flaky.asked == [[3, 5, 6, 8, 9, 11], [6, 8, 9, 11], [9, 11]]
    assert pauses == [1.0, 5.0]
    with pytest.raises(DataError, match="doesn't answer"):
        list(retried_stream(video(again=True), range(20), Flaky(4).stream))
