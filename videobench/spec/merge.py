"""Laying fragments of settings over each other while remembering where every value came from.

A fragment is a nested mapping as read from YAML; keys may also be dotted (``network.name: R3D``). A mapping that
names another ``type`` than the one below replaces it whole, because the fields of one type mean nothing to another.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from videobench.spec.protocol import PRESETS
from videobench.spec.reading import KeyPath


@dataclass(frozen=True)
class Leaf:
    """A value and its origin, such as ``experiments/demo.yaml:7`` or ``--set``."""

    value: Any
    origin: str


Leaves = dict[KeyPath, Leaf]


PATH_FIELDS: tuple[KeyPath, ...] = (
    ("data", "root"), ("evaluate", "data", "root"), ("init", "file"), ("weights", "file"),
)  # fmt: skip
"""Fields that hold a path; written in a file, it is meant from that file's folder."""


@dataclass(frozen=True)
class Fragment:
    """A nested mapping and where it stands: a file with the lines of its keys, or just a name."""

    content: Mapping[str, Any]
    source: str
    lines: Mapping[KeyPath, int] = field(default_factory=dict)
    prefix: KeyPath = ()
    folder: Path = Path()
    """What relative paths in it start from."""

    def origin(self, path: KeyPath) -> str:
        """Return ``file:line`` for the key at ``path``, or the nearest enclosing one that has a line."""
        full = (*self.prefix, *path)
        while full:
            if full in self.lines:
                return f"{self.source}:{self.lines[full]}"
            full = full[:-1]
        return self.source


def overlay(base: Leaves, fragment: Fragment) -> Leaves:
    """Return ``base`` with ``fragment`` laid over it."""
    result = dict(base)
    for path, leaf in _leaves(fragment.content, fragment, (), ()):
        if path[-1] == "type" and path in result and result[path].value != leaf.value:
            result = {old: kept for old, kept in result.items() if old[: len(path) - 1] != path[:-1]}
        # A value replaces whatever stood below or above it: `init: null` over `init.run`, a mapping over null.
        result = {old: kept for old, kept in result.items() if not _covers(path, old) and not _covers(old, path)}
        result[path] = leaf
    return result


def nested(leaves: Leaves) -> dict[str, Any]:
    """Return the leaves as the nested mapping they came from."""
    result: dict[str, Any] = {}
    for path, leaf in leaves.items():
        target = result
        for key in path[:-1]:
            target = target.setdefault(key, {})
        target[path[-1]] = leaf.value
    return result


def _covers(path: KeyPath, other: KeyPath) -> bool:
    return len(path) < len(other) and other[: len(path)] == path


def _leaves(
    content: Mapping[str, Any], fragment: Fragment, path: KeyPath, raw: KeyPath
) -> Iterator[tuple[KeyPath, Leaf]]:
    """Yield leaves with ``type`` first, so that a change of type clears the way for its fields."""
    for key in sorted(content, key=lambda name: name.split(".")[-1] != "type"):
        value = content[key]
        here, raw_here = (*path, *key.split(".")), (*raw, key)
        if here[-1] == "protocol" and isinstance(value, str) and value in PRESETS:
            yield here, Leaf(None, fragment.origin(raw_here))  # a named protocol replaces the one below it whole
            for name, setting in PRESETS[value].items():
                yield (*here, name), Leaf(setting, f"{fragment.origin(raw_here)} ({value})")
        elif isinstance(value, Mapping) and value:
            yield from _leaves(value, fragment, here, raw_here)
        elif not isinstance(value, Mapping):
            if here in PATH_FIELDS and isinstance(value, str):
                value = str(fragment.folder / Path(value).expanduser())
            yield here, Leaf(value, fragment.origin(raw_here))
