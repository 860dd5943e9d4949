"""Turn the signals that end a job into a question that the training loop asks after every step."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

# SIGTERM: a scheduler or a user ends the job; SIGINT: Ctrl-C; SIGUSR1: Slurm's warning (--signal=USR1@60).
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)


@contextmanager
def stop_on_signals() -> Iterator[Callable[[], bool]]:
    """Yield ``should_stop``: False until one of ``STOP_SIGNALS`` arrives, True from then on.

    A second Ctrl-C doesn't wait: it raises ``KeyboardInterrupt``. The handlers that stood before are put back
    at the end. Python takes signals in the main thread only; in another one ``should_stop`` stays False.
    """
    received: set[int] = set()

    def remember(number: int, _: FrameType | None) -> None:
        if number == signal.SIGINT and signal.SIGINT in received:
            raise KeyboardInterrupt
        received.add(number)

    def should_stop() -> bool:
        return bool(received)

    if threading.current_thread() is not threading.main_thread():
        yield should_stop
        return
    before = {number: signal.signal(number, remember) for number in STOP_SIGNALS}
    try:
        yield should_stop
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
