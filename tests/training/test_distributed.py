"""Processes that torchrun starts stay in step: what one of them meets, all of them know."""

import multiprocessing
import os
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest

from videobench.errors import ConfigError, DataError, Interrupted, VideobenchError
from videobench.training.distributed import Ranks, launched_ranks

PATIENCE_SECONDS = 120

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["torch.distributed"])


def on_ranks(play: Callable[[Ranks], Any], size: int = 2) -> list[Any]:
    """Run ``play`` on ``size`` ranks and return what each returned; None of one that ended otherwise."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    pipes, processes = [], []
    for rank in range(size):
        ours, theirs = _FORKS.Pipe()
        processes.append(_FORKS.Process(target=_play, args=(play, rank, size, port, theirs)))
        processes[-1].start()
        theirs.close()
        pipes.append(ours)
    deadline = time.monotonic() + PATIENCE_SECONDS
    try:
        return [_result(pipe, deadline) for pipe in pipes]
    finally:
        for process in processes:
            process.kill()
            process.join()


def _result(pipe: Any, deadline: float) -> Any:
    assert pipe.poll(deadline - time.monotonic()), "a rank waits for ever"
    try:
        return pipe.recv()
    except EOFError:
        return None


def _play(play: Callable[[Ranks], Any], rank: int, size: int, port: int, pipe: Any) -> None:
    numbers = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": size, "MASTER_PORT": port}
    os.environ.update({name: str(number) for name, number in numbers.items()})
    os.environ.update(MASTER_ADDR="127.0.0.1", TORCHELASTIC_RUN_ID="test")
    with launched_ranks() as ranks:
        pipe.send(play(ranks))
        ranks.gather(None)  # the first one holds the store, which others may still ask


def raised(work: Callable[[], object]) -> tuple[type, str] | None:
    try:
        work()
    except VideobenchError as error:
        return type(error), str(error)
    return None


def exchange(ranks: Ranks) -> Any:
    squares = ranks.gather(ranks.rank**2)
    from_first = ranks.first(lambda: f"decided by {ranks.rank}")
    return ranks.rank, ranks.local_rank, ranks.size, ranks.is_first, squares, from_first


def test_values_go_round() -> None:
    """Every rank gets every rank's value in order, and what the first one decides."""
    assert on_ranks(exchange, size=3) == [
        (rank, rank, 3, rank == 0, [0, 1, 4], "decided by 0") for rank in range(3)
    ]  # fmt: skip


def fail_apart(ranks: Ranks) -> Any:
    def step(errors: dict[int, VideobenchError]) -> None:
        with ranks.in_step():
            if ranks.rank in errors:
                raise errors[ranks.rank]

    def decide() -> None:
        raise ConfigError("no", where="there", hint="do this")

    return [
        raised(lambda: step({1: DataError("broken", where="v.mp4")})),
        raised(lambda: step({0: Interrupted("stopped"), 1: DataError("broken")})),
        raised(lambda: step({1: Interrupted("stopped")})),
        raised(lambda: ranks.first(decide)),
        raised(lambda: step({})),
    ]


def test_an_error_of_one_is_an_error_of_all() -> None:
    """Kind, place and hint arrive on the others; a failure counts more than having been stopped; then they go on."""
    expected = [
        (DataError, "v.mp4: broken"),
        (DataError, "broken"),
        (Interrupted, "stopped"),
        (ConfigError, "there: no\ndo this"),
        None,
    ]
    assert on_ranks(fail_apart) == [expected, expected]


def fail_early(ranks: Ranks) -> Any:
    def work() -> None:
        with ranks.in_step():
            if ranks.rank == 1:
                raise DataError("broken")
            while not ranks.is_in_vain():
                time.sleep(0.01)
            raise Interrupted("not needed any more")

    return raised(work), ranks.is_in_vain()


def test_nobody_finishes_what_is_in_vain() -> None:
    """A rank at work sees that another one has failed; in the next step that is forgotten."""
    assert on_ranks(fail_early) == [((DataError, "broken"), False)] * 2


def vanish(ranks: Ranks) -> Any:
    if ranks.rank == 1:
        os._exit(1)
    return raised(lambda: ranks.gather(0))


def test_a_rank_that_is_gone_stops_the_others() -> None:
    """Waiting for one that was killed ends with what to do."""
    (kind, text), nothing = on_ranks(vanish)
    assert kind is Interrupted
    assert "another process of this run has gone" in text
    assert nothing is None


def test_alone_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without torchrun, or with one process under it, there is one rank, and no group of processes is made."""
    import torch.distributed

    monkeypatch.delattr(torch.distributed, "init_process_group")

    def check() -> None:
        with launched_ranks() as ranks:
            assert (ranks.rank, ranks.size, ranks.is_first, ranks.is_in_vain()) == (0, 1, True, False)
            assert ranks.gather("me") == ["me"]
            assert ranks.first(lambda: 3) == 3
            error = DataError("broken")
            with pytest.raises(DataError) as caught, ranks.in_step():
                raise error
            assert caught.value is error

    monkeypatch.delenv("TORCHELASTIC_RUN_ID", raising=False)
    check()
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "test")
    monkeypatch.setenv("WORLD_SIZE", "1")
    check()
