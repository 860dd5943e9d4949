"""Reading YAML without its traps.

Scalars follow YAML 1.2's core rules, so ``1e-4`` is a number, ``12:30`` and ``no`` are text and ``017`` is
seventeen; dates stay text; ``1_000_000`` is a million. Duplicate keys, anchors, aliases and tags are refused.
Every key keeps its line.
"""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from videobench.errors import ConfigError

KeyPath = tuple[str, ...]

DEEPEST = 20
"""Levels of nesting; the vocabulary needs five."""

LONGEST = 18
"""Digits of a whole number: what fits into 64 bits."""

_DECIMAL = re.compile(r"[-+]?[0-9](?:_?[0-9])*")
_OCTAL = re.compile(r"0o[0-7]+")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+")
_NUMBER = re.compile(r"[-+]?(?:\.[0-9]+|[0-9](?:_?[0-9])*(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")

_LEFT_OUT = object()
"""Stands for a value that was refused, so that nothing more is said about it."""


@dataclass(frozen=True)
class Document:
    """A parsed file: plain values, the line of every key, and what was wrong with it so far."""

    path: Path
    content: dict[str, Any]
    lines: Mapping[KeyPath, int] = field(default_factory=dict)
    problems: tuple[tuple[int, str], ...] = ()
    faulty: frozenset[KeyPath] = frozenset()
    """Fields that were refused, and left out of ``content``."""


def read_yaml(path: Path) -> Document:
    """Read a mapping from ``path``.

    Raises ConfigError for a file that is missing, unreadable or not YAML; smaller mistakes (duplicate keys, anchors)
    are listed in ``problems`` so that they can be reported together with those of the content.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError("there is no such file", where=str(path)) from None
    except UnicodeDecodeError:
        raise ConfigError("it is not text in UTF-8", where=str(path)) from None
    except OSError as error:
        raise ConfigError(f"it cannot be read ({error.strerror})", where=str(path)) from None
    reader = _Reader(text)
    try:
        content = reader.read()
    except _NotYamlError as error:
        where = f"{path}:{error.line}" if error.line else str(path)
        raise ConfigError(f"this is not YAML: {error}", where=where) from None
    if content is None and not reader.problems:
        raise ConfigError("the file is empty", where=str(path))
    if not isinstance(content, dict):
        raise ConfigError("the top of the file must be a mapping of fields", where=f"{path}:1")
    return Document(path, content, reader.lines, tuple(reader.problems), frozenset(reader.faulty))


def parse_value(text: str) -> Any:
    """Turn the right-hand side of ``--set field=value`` into a value: a scalar, a list or a mapping.

    A leading ``#`` begins no comment here: ``init.run=#row`` is text. Raises ConfigError for what is no value.
    """
    if text.lstrip().startswith("#"):
        return text.strip()
    reader = _Reader(text)
    try:
        value = reader.read()
    except _NotYamlError as error:
        raise ConfigError(f"{text!r} is not a YAML value: {error}") from None
    if reader.problems:
        raise ConfigError("; ".join(message for _, message in reader.problems))
    return value


def parse_scalar(text: str) -> Any:
    """Turn the text of an unquoted scalar into null, a truth value, a number or text.

    Raises ValueError for a number too large to be meant.
    """
    if text in ("", "~", "null", "Null", "NULL"):
        return None
    if text in ("true", "True", "TRUE"):
        return True
    if text in ("false", "False", "FALSE"):
        return False
    number: int | float
    if _DECIMAL.fullmatch(text):
        number = int(text) if len(text) <= LONGEST else math.inf
    elif _OCTAL.fullmatch(text) or _HEXADECIMAL.fullmatch(text):
        number = int(text, 0) if len(text) <= LONGEST else math.inf
    elif _NUMBER.fullmatch(text):
        number = float(text)
    else:
        return text
    if math.isinf(number):
        raise ValueError(f"{text[:LONGEST]}{'...' * (len(text) > LONGEST)} is too large a number")
    return number


class _NotYamlError(Exception):
    """The text doesn't follow YAML's grammar; ``line`` counts from 1."""

    def __init__(self, message: str, line: int | None) -> None:
        super().__init__(message)
        self.line = line


class _Reader:
    """Builds plain values from the parser's events, collecting lines and problems."""

    def __init__(self, text: str) -> None:
        self.lines: dict[KeyPath, int] = {}
        self.problems: list[tuple[int, str]] = []
        self.faulty: set[KeyPath] = set()
        self._text = text
        self._events: Iterator[yaml.Event] = yaml.parse(text, Loader=yaml.SafeLoader)

    def read(self) -> Any:
        """Return the value of the only document, None when there is none."""
        try:
            value = None
            next(self._events)  # the start of the stream
            if isinstance(next(self._events), yaml.DocumentStartEvent):
                value = self._value(next(self._events), ())
                next(self._events)  # the document's end
                after = next(self._events)
                if isinstance(after, yaml.DocumentStartEvent):
                    self._refuse(after, "a second document begins here; one file holds one")
        except yaml.reader.ReaderError as error:
            line = self._text.count("\n", 0, error.position) + 1
            raise _NotYamlError(f"the character {chr(error.character)!r} is not allowed", line) from None
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            raise _NotYamlError(error.problem or str(error), mark.line + 1 if mark else None) from None
        except (ValueError, OverflowError):  # what the parser makes of "\U00110000"
            raise _NotYamlError("an escape stands for no character", None) from None
        return None if value is _LEFT_OUT else value

    def _value(self, event: yaml.Event, path: KeyPath) -> Any:
        self.lines.setdefault(path, _line(event))
        if not self._is_plain(event):
            self._skip(event)
            return _LEFT_OUT
        if len(path) > DEEPEST:
            self._refuse(event, f"this is nested deeper than {DEEPEST} levels")
            self._skip(event)
            return _LEFT_OUT
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(path)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(path)
        assert isinstance(event, yaml.ScalarEvent)
        return self._scalar(event)

    def _mapping(self, path: KeyPath) -> dict[str, Any]:
        result: dict[str, Any] = {}
        while not isinstance(key_event := next(self._events), yaml.MappingEndEvent):
            line = _line(key_event)
            key = self._key(key_event)
            if key is None:
                self._skip(next(self._events))
            elif key in result:
                first = self.lines[(*path, key)]
                self.problems.append((line, f"{key} stands here a second time; the first is in line {first}"))
                self._skip(next(self._events))
            else:
                self.lines[(*path, key)] = line
                value = self._value(next(self._events), (*path, key))
                if value is _LEFT_OUT:
                    self.faulty.add((*path, key))
                else:
                    result[key] = value
        return result

    def _key(self, event: yaml.Event) -> str | None:
        if not isinstance(event, yaml.ScalarEvent):
            self._refuse(event, "a key must be a single word or number")
            self._skip(event)
            return None
        if not self._is_plain(event) or self._scalar(event) is _LEFT_OUT:
            return None
        return str(event.value)

    def _sequence(self, path: KeyPath) -> list[Any]:
        result: list[Any] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            value = self._value(event, (*path, str(len(result))))
            if value is _LEFT_OUT:
                self.faulty.add((*path, str(len(result))))
            else:
                result.append(value)
        return result

    def _scalar(self, event: yaml.ScalarEvent) -> Any:
        if any("\ud800" <= character <= "\udfff" for character in event.value):
            self._refuse(event, "an escape stands for half a character")
            return _LEFT_OUT
        if event.style is not None:
            return event.value
        try:
            return parse_scalar(event.value)
        except ValueError as error:
            self._refuse(event, str(error))
            return _LEFT_OUT

    def _is_plain(self, event: yaml.Event) -> bool:
        """Refuse anchors, aliases and tags; the value under an anchor is read all the same."""
        if isinstance(event, yaml.AliasEvent):
            self._refuse(event, f"aliases (*{event.anchor}) are not allowed; use base: or extends:")
            return False
        assert isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent)
        if event.anchor is not None:
            self._refuse(event, f"anchors (&{event.anchor}) are not allowed; use base: or extends:")
        if event.tag is not None:
            self._refuse(event, f"tags ({event.tag}) are not allowed; a value's type follows from the field")
        return event.tag is None

    def _refuse(self, event: yaml.Event, message: str) -> None:
        self.problems.append((_line(event), message))

    def _skip(self, event: yaml.Event) -> None:
        """Read over the rest of a value that is left out."""
        depth = 0
        while True:
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth == 0:
                return
            event = next(self._events)


def _line(event: yaml.Event) -> int:
    assert event.start_mark is not None
    return event.start_mark.line + 1
