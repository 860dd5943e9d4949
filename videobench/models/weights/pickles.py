"""Looking a pickle over before anything unpickles it: which names it asks for, and whether it is a bomb."""

import pickletools
from collections.abc import Callable
from typing import IO

from videobench.errors import WeightsError

# A large network with its optimiser's state takes some hundred thousand operations and a tuple or five a tensor.
MAX_OPERATIONS = 2_000_000
MAX_TUPLES = 50_000  # the hash of tuples within tuples recurses in C: some 200,000 overflow its stack

# What builds numbers, texts and containers of them, and calls what `is_allowed` lets pass.
OPERATIONS = frozenset(
    """
    PROTO FRAME STOP MARK POP POP_MARK DUP NONE NEWTRUE NEWFALSE INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT
    BINFLOAT STRING BINSTRING SHORT_BINSTRING BINBYTES SHORT_BINBYTES BINBYTES8 UNICODE SHORT_BINUNICODE BINUNICODE
    BINUNICODE8 EMPTY_LIST LIST APPEND APPENDS EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 EMPTY_DICT DICT SETITEM SETITEMS
    EMPTY_SET ADDITEMS PUT BINPUT LONG_BINPUT MEMOIZE GET BINGET LONG_BINGET GLOBAL STACK_GLOBAL REDUCE NEWOBJ BUILD
    BINPERSID
    """.split()  # noqa: SIM905 (a list of them would be five times as long)
)
MAX_NAMED = 5


def look_over(stream: IO[bytes], *, is_allowed: Callable[[str], bool], where: str) -> None:
    """Read one pickle's operations off `stream`, up to its end, without doing any of them.

    WeightsError for an operation or a name outside what weights need (each name is given), and for a pickle that
    would cost memory or stack out of all proportion. Names that are put together while unpickling (STACK_GLOBAL)
    can't be seen here: whoever unpickles must check them.
    """
    foreign: dict[str, None] = {}
    tuples = 0
    try:
        for count, (operation, argument, _) in enumerate(pickletools.genops(stream), start=1):
            name = operation.name
            tuples += name.startswith("TUPLE")
            if name not in OPERATIONS:
                foreign[f"the operation {name}"] = None
            elif name == "GLOBAL" and not is_allowed(asked := python_3(str(argument).replace(" ", "."))):
                foreign[asked] = None
            # A place in the unpickler's table beyond all that was made so far makes it allocate the whole table.
            bomb = "PUT" in name and int(str(argument)) > count
            if bomb or count > MAX_OPERATIONS or tuples > MAX_TUPLES:
                raise WeightsError("it is larger or deeper than weights ever are; it was not unpickled", where=where)
    except WeightsError:
        raise
    except Exception as error:  # pickletools fails on damaged files with many kinds of exception
        raise WeightsError(f"the file is damaged: {error}", where=where, hint="Copy or download it again.") from error
    if foreign:
        refuse(list(foreign), where=where)


def python_3(name: str) -> str:
    return name.replace("__builtin__.", "builtins.")


def refuse(names: list[str], *, where: str) -> None:
    """Raise the WeightsError for a pickle that asks for more than data."""
    more = ", ..." if len(names) > MAX_NAMED else ""
    raise WeightsError(
        f"it holds more than tensors: it asks for {', '.join(names[:MAX_NAMED])}{more}; nothing of it was run",
        where=where,
        hint="Weights from a source you trust: save their state dict alone, where its code is at hand. "
        "Others: leave the file.",
    )
