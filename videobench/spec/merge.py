"""Laying fragments of settings over each other while remembering where every value came from.

A fragment is a nested mapping as read from YAML; keys may also be dotted (``network.name: R3D``). A mapping that
names another ``type`` than the one below replaces it whole, because the fields of one type mean nothing to another.
So do another ``run``, ``file`` or ``released`` in ``init`` and ``weights``, and a protocol given by its name.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from videobench.spec.protocol import PRESETS
from videobench.spec.reading import KeyPath

PATH_FIELDS: tuple[KeyPath, ...] = (
    ("data", "root"), ("evaluate", "data", "root"), ("data", "flow"), ("evaluate", "data", "flow"),
    ("init", "file"), ("weights", "file"),
)  # fmt: skip
"""Fields that hold a path; written in a file, it is meant from that file's folder."""

SOURCES = ("run", "file", "released")
SOURCE_FIELDS: tuple[KeyPath, ...] = tuple((start, source) for start in ("init", "weights") for source in SOURCES)
"""Fields that, like ``type``, decide what their neighbours mean."""

TYPE_WITHOUT_WORDS: dict[KeyPath, str] = {
    ("network",): "video_resnet", ("head",): "average", ("recipe", "optimiser"): "sgd", ("recipe", "schedule"): "step",
}  # fmt: skip
"""What a mapping is whose ``type`` isn't written."""


@dataclass(frozen=True)
class Leaf:
    """A value and where it stands, such as ``experiments/demo.yaml:7`` or ``--set``."""

    value: Any
    origin: str
    places: tuple[str, ...]
    """Where each word of the field's dotted name stands; a value of the matrix stands elsewhere."""


Leaves = dict[KeyPath, Leaf]


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


@dataclass(frozen=True)
class Layer:
    """A fragment taken apart, ready to be laid over others."""

    leaves: Leaves
    replaced: frozenset[KeyPath] = frozenset()
    """Mappings that it replaces whole whatever stood there."""
    contradictions: tuple[tuple[str, str], ...] = ()
    """Fields that it gives twice: where, and what is wrong."""


def flatten(fragment: Fragment) -> Layer:
    """Take a fragment apart into its leaves."""
    leaves: Leaves = {}
    replaced: set[KeyPath] = set()
    contradictions: list[tuple[str, str]] = []
    given: dict[KeyPath, str] = {}
    for path, value, places in _walk(fragment.content, fragment):
        origin = places[-1]
        twice = next((other for other in given if covers(other, path) or covers(path, other)), None)
        if twice is not None:
            message = f"{'.'.join(path)} is given twice; also as {'.'.join(twice)} in {given[twice]}"
            contradictions.append((origin, message))
            continue
        given[path] = origin
        if path[-1] == "protocol" and isinstance(value, str) and value in PRESETS:
            replaced.add(path)
            for name, setting in PRESETS[value].items():
                leaves[(*path, name)] = Leaf(setting, f"{origin} ({value})", (*places, origin))
        else:
            leaves[path] = Leaf(_from_folder(path, value, fragment.folder), origin, places)
    return Layer(leaves, frozenset(replaced), tuple(contradictions))


def overlay(base: Leaves, layer: Layer) -> Leaves:
    """Return ``base`` with ``layer`` laid over it; what was laid last stands last."""
    replaced = {*layer.replaced, *layer.leaves}
    enclosing: set[KeyPath] = set()
    for path, leaf in layer.leaves.items():
        enclosing.update(path[:length] for length in range(1, len(path)))
        below = base[path].value if path in base else None
        if path[-1] == "type":
            below = below or TYPE_WITHOUT_WORDS.get(path[:-1], leaf.value)
        is_another_source = path in SOURCE_FIELDS and any((path[0], name) in base for name in SOURCES)
        if (is_another_source or path[-1] == "type") and below != leaf.value:
            replaced.add(path[:-1])
    # A value replaces whatever stood below or above it: `init: null` over `init.run`, a mapping over null.
    kept = {
        path: leaf
        for path, leaf in base.items()
        if path not in enclosing and not any(path[:length] in replaced for length in range(1, len(path) + 1))
    }
    return {**kept, **layer.leaves}


def nested(leaves: Leaves) -> dict[str, Any]:
    """Return the leaves as the nested mapping they came from."""
    result: dict[str, Any] = {}
    for path, leaf in leaves.items():
        target = result
        for key in path[:-1]:
            target = target.setdefault(key, {})
        target[path[-1]] = leaf.value
    return result


def from_folder(reference: str, folder: Path) -> str:
    """Resolve a reference to an experiment (``other.yaml``, ``other.yaml#row``); shipped names stay as they are."""
    name, hash_sign, row = reference.rpartition("#") if "#" in reference else (reference, "", "")
    return f"{_resolved(name, folder)}{hash_sign}{row}" if name.endswith((".yaml", ".yml")) else reference


def _from_folder(path: KeyPath, value: Any, folder: Path) -> Any:
    if not isinstance(value, str) or not value:
        return value
    if path in (("init", "run"), ("weights", "run")):
        return from_folder(value, folder)
    return _resolved(value, folder) if path in PATH_FIELDS else value


def _resolved(path: str, folder: Path) -> str:
    try:
        return str(folder / Path(path).expanduser())
    except RuntimeError:  # `~name` of nobody on this machine: no such file, which is said where it is needed
        return str(folder / path)


def covers(path: KeyPath, other: KeyPath) -> bool:
    """Tell whether ``other`` is ``path`` or lies inside it."""
    return other[: len(path)] == path


def _walk(
    content: Mapping[str, Any], fragment: Fragment, path: KeyPath = (), raw: KeyPath = (), places: tuple[str, ...] = ()
) -> Iterator[tuple[KeyPath, Any, tuple[str, ...]]]:
    """Yield the path, the value and the places of everything that is no mapping."""
    for key, value in content.items():
        words, raw_here = key.split("."), (*raw, key)
        here, places_here = (*path, *words), (*places, *[fragment.origin(raw_here)] * len(words))
        if isinstance(value, Mapping):
            yield from _walk(value, fragment, here, raw_here, places_here)
        else:
            yield here, value, places_here
