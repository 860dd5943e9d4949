import os
import signal
import threading

import pytest

from videobench.training.signals import STOP_SIGNALS, stop_on_signals


@pytest.mark.parametrize("number", STOP_SIGNALS)
def test_a_signal_becomes_a_wish_to_stop(number: signal.Signals) -> None:
    """The process lives on, ``should_stop`` turns true, and the old handlers are back afterwards."""
    before = [signal.getsignal(one) for one in STOP_SIGNALS]
    with stop_on_signals() as should_stop:
        assert not should_stop()
        os.kill(os.getpid(), number)
        assert should_stop()
    assert [signal.getsignal(one) for one in STOP_SIGNALS] == before


def test_the_second_interrupt_does_not_wait() -> None:
    """Ctrl-C twice raises ``KeyboardInterrupt``; SIGTERM before it doesn't count as the first."""
    with stop_on_signals() as should_stop:
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)
        assert should_stop()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_other_threads_leave_the_handlers_alone() -> None:
    """Outside the main thread, where Python can't take signals, nothing is installed and nothing breaks."""
    answers: list[bool] = []

    def ask() -> None:
        with stop_on_signals() as should_stop:
            answers.append(should_stop())

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    assert answers == [False]
    assert signal.getsignal(signal.SIGTERM) == before
