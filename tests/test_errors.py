"""Errors for users carry what, where and what to do, wherever they travel."""

import pickle

import pytest

from videobench import errors
from videobench.errors import VideobenchError

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, VideobenchError)]


@pytest.mark.parametrize("kind", KINDS)
def test_they_cross_processes_whole(kind: type[VideobenchError]) -> None:
    """Pickled and read back, an error has its kind, parts, text and exit code."""
    sent = kind("what", where="where", hint="hint")
    arrived = pickle.loads(pickle.dumps(sent))
    assert type(arrived) is kind
    assert (arrived.what, arrived.where, arrived.hint) == ("what", "where", "hint")
    assert str(arrived) == str(sent) == "where: what\nhint"


def test_exit_codes_are_frozen() -> None:
    """Scripts rely on the exit codes that the README lists."""
    found = {kind.__name__: kind.exit_code for kind in KINDS}
    assert found == {
        "VideobenchError": 2, "ConfigError": 2, "DataError": 3, "WeightsError": 4, "IncompleteError": 5,
        "RegressionError": 6, "Interrupted": 75,
    }  # fmt: skip
