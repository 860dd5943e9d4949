"""Every error a user can meet: what happened, where, and what to do about it.

The command line prints these without a traceback and exits with ``exit_code``; anything else that
escapes is a bug in videobench and keeps its traceback.
"""


class VideobenchError(Exception):
    """Base of all errors meant for a user.

    ``what`` is one sentence; ``where`` names the file and field; ``hint`` says what is legal or what to do.
    """

    exit_code = 2

    def __init__(self, what: str, *, where: str | None = None, hint: str | None = None) -> None:
        self.what = what
        self.where = where
        self.hint = hint
        super().__init__(what)  # one argument, or it could not be sent from one process to another

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        return f"{text}\n{self.hint}" if self.hint else text


class ConfigError(VideobenchError):
    """A wrong command line, experiment file or setting."""

    exit_code = 2


class DataError(VideobenchError):
    """A data set or a video that is missing, broken or not what it claims to be."""

    exit_code = 3


class WeightsError(VideobenchError):
    """A checkpoint that is missing, damaged or does not fit the network."""

    exit_code = 4


class IncompleteError(VideobenchError):
    """An evaluation in which a video lacks some of its views, so no record was written."""

    exit_code = 5


class RegressionError(VideobenchError):
    """``table --check`` found a number outside its tolerance."""

    exit_code = 6


class Interrupted(VideobenchError):
    """The run saved its state and stopped on a signal; the same command goes on with it."""

    exit_code = 75
