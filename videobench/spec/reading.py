"""Reading YAML without its traps.

Scalars follow YAML 1.2's core rules, so ``1e-4`` is a number, ``12:30`` and ``no`` are text and ``017`` is
seventeen; dates stay text. Duplicate keys, anchors and tags that build objects are refused. Every key keeps its line.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from videobench.errors import ConfigError

KeyPath = tuple[str, ...]

_INTEGER = re.compile(r"[-+]?[0-9](?:_?[0-9])*")
_NUMBER = re.compile(r"[-+]?(?:\.[0-9]+|[0-9](?:_?[0-9])*(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")


@dataclass(frozen=True)
class Document:
    """A parsed file: plain values, the line of every key, and what was wrong with it so far."""

    path: Path
    content: dict[str, Any]
    lines: Mapping[KeyPath, int] = field(default_factory=dict)
    problems: tuple[tuple[int, str], ...] = ()


def read_yaml(path: Path) -> Document:
    """Read a mapping from ``path``.

    Raises ConfigError for a file that is missing, unreadable or not YAML; smaller mistakes (duplicate keys, anchors)
    are listed in ``problems`` so that they can be reported together with those of the content.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError("there is no such file", where=str(path)) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"it cannot be read ({error})", where=str(path)) from None
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark else str(path)
        problem = getattr(error, "problem", None) or str(error)
        raise ConfigError(f"this is not YAML: {problem}", where=where) from None
    if root is None:
        raise ConfigError("the file is empty", where=str(path))
    if not isinstance(root, yaml.MappingNode):
        raise ConfigError("the top of the file must be a mapping of fields", where=f"{path}:1")
    reader = _Reader()
    content = reader.value(root, ())
    return Document(path, content, reader.lines, tuple(reader.problems))


def parse_scalar(text: str) -> Any:
    """Turn the text of an unquoted scalar into null, a truth value, a number or text."""
    if text in ("", "~", "null", "Null", "NULL"):
        return None
    if text in ("true", "True", "TRUE"):
        return True
    if text in ("false", "False", "FALSE"):
        return False
    if _INTEGER.fullmatch(text):
        return int(text)
    if _NUMBER.fullmatch(text):
        return float(text)
    return text


def parse_value(text: str) -> Any:
    """Turn the right-hand side of ``--set field=value`` into a value: a scalar, a list or a mapping."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise ConfigError(f"{text!r} is not a YAML value", hint=str(error)) from None
    return None if node is None else _Reader().value(node, ())


class _Reader:
    """Walks the node tree once, collecting values, lines and problems."""

    def __init__(self) -> None:
        self.lines: dict[KeyPath, int] = {}
        self.problems: list[tuple[int, str]] = []
        self._seen: set[int] = set()

    def value(self, node: yaml.Node, path: KeyPath) -> Any:
        line = node.start_mark.line + 1
        self.lines.setdefault(path, line)
        if id(node) in self._seen:
            self.problems.append((line, "anchors and aliases (& and *) are not allowed; use base: or extends:"))
            return None
        self._seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*path, str(number))) for number, item in enumerate(node.value)]
        if node.tag.startswith("!") or "python" in node.tag:
            self.problems.append((line, f"the tag {node.tag} is not allowed"))
            return None
        return parse_scalar(node.value) if getattr(node, "style", None) is None else node.value

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                self.problems.append((line, "a key must be a single word or number"))
                continue
            key = key_node.value
            if key in result:
                self.problems.append(
                    (line, f"{key} stands here a second time; the first is in line {self.lines[(*path, key)]}")
                )
                continue
            self.lines[(*path, key)] = line
            result[key] = self.value(value_node, (*path, key))
        return result
