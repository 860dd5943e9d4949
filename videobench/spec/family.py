"""An experiment file together with the one it extends, at one scale: the layers from which its rows are made."""

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from videobench.errors import ConfigError
from videobench.spec.experiment import (
    SCALES,
    NamedRow,
    PublishedCells,
    Scale,
    ScaleBlock,
    Source,
    find_experiment,
    plain_word,
    read_experiment,
    read_shared_scale,
)
from videobench.spec.merge import Fragment, Layer, Leaves, covers, flatten, from_folder, overlay
from videobench.spec.problems import Problems, nearest
from videobench.spec.reading import KeyPath

SCALE_MAY_CHANGE: tuple[KeyPath, ...] = (
    ("data",), ("subset",), ("clip", "resize"), ("clip", "crop"), ("network", "width"), ("recipe",), ("init",),
    ("evaluate", "data"), ("evaluate", "subset"), ("evaluate", "clip", "resize"), ("evaluate", "clip", "crop"),
    ("evaluate", "protocol", "flip"), ("select", "subset"), ("validation",),
)  # fmt: skip
"""What another scale may change; anything else would make it another experiment."""

NETWORK_TYPE: KeyPath = ("network", "type")

WITH_ANOTHER_NETWORK: tuple[KeyPath, ...] = (("network",), ("clip", "frames"))
"""What a scale may change besides when it names another type of network: P2's backbones don't get small enough."""

MOST_ROWS = 10_000
"""More than this is a matrix that multiplies by mistake."""


@dataclass(frozen=True)
class Choice:
    """One value of an axis: a named row, or a value of the matrix."""

    word: str
    layer: Layer


Combination = dict[str, Choice]
"""One choice per axis: of a row (under ``row``) and of a value per matrix setting."""


@dataclass(frozen=True)
class _ScaleLayer:
    """A scale block and the file it stands in."""

    block: ScaleBlock
    source: Source
    prefix: KeyPath

    @cached_property
    def base(self) -> Layer:
        return flatten(self.source.fragment(self.block.base, *self.prefix, "base"))

    @cached_property
    def another_network(self) -> Layer | None:
        """The network that stands for that of every row at this scale, whatever they say of it."""
        if NETWORK_TYPE not in self.base.leaves:
            return None
        leaves = {path: leaf for path, leaf in self.base.leaves.items() if _lies_in(path, WITH_ANOTHER_NETWORK)}
        return Layer(leaves, replaced=frozenset({("network",)}))

    @cached_property
    def rows(self) -> dict[str, Layer]:
        """Row pattern -> changes."""
        return {
            pattern: flatten(self.source.fragment(content, *self.prefix, "rows", pattern))
            for pattern, content in self.block.rows.items()
        }


@dataclass(frozen=True)
class Family:
    """``sources`` holds the extended file, if any, and the file itself last."""

    sources: tuple[Source, ...]
    scale: Scale
    scale_layers: tuple[_ScaleLayer, ...]

    @property
    def own(self) -> Source:
        return self.sources[-1]

    @property
    def published(self) -> tuple[PublishedCells, str] | None:
        """The reference to published numbers and where it stands."""
        for source in reversed(self.sources):
            if source.file.published:
                return source.file.published, source.origin(("published",))
        return None

    @property
    def seeds(self) -> tuple[tuple[int, ...], str | None]:
        """The seeds every row runs at, and where they are given."""
        return self._replication("seeds", self.own.file.seeds)

    @property
    def splits(self) -> tuple[tuple[int, ...], str | None]:
        """The splits every row runs at, if any, and where they are given."""
        return self._replication("splits", self.own.file.splits)

    def _replication(self, field: str, values: tuple[int, ...]) -> tuple[tuple[int, ...], str | None]:
        for layer in reversed(self.scale_layers):
            given: tuple[int, ...] | None = getattr(layer.block, field)
            if given is not None:
                return given, layer.source.origin((*layer.prefix, field))
        return values, self.own.origin((field,)) if field in self.own.file.model_fields_set else None

    @cached_property
    def axes(self) -> dict[str, tuple[Choice, ...]]:
        """What the rows are combinations of: the named rows, then the settings of the matrix."""
        own, axes = self.own, {}
        if own.file.rows:
            rows = {
                row: {k: v for k, v in content.items() if k not in NamedRow.model_fields}
                for row, content in own.file.rows.items()
            }
            axes["row"] = tuple(Choice(row, flatten(own.fragment(rows[row], "rows", row))) for row in rows)
        for setting, values in own.file.matrix.items():
            if setting != "row":
                layers = (self._matrix_layer(setting, number) for number in range(len(values)))
                axes[setting] = tuple(map(Choice, map(plain_word, values), layers))
        return axes

    def _matrix_layer(self, setting: str, number: int) -> Layer:
        """Return one value of the matrix as a layer that knows the value's own line."""
        own, value = self.own, self.own.file.matrix[setting][number]
        at: KeyPath = ("matrix", setting)
        lines = {at: own.document.lines.get((*at, str(number)), own.document.lines.get(at, 1))}
        layer = flatten(Fragment({setting: value}, own.label, lines, ("matrix",), own.document.path.parent))
        leaves = {path: replace(leaf, places=(own.origin(at),) * len(path)) for path, leaf in layer.leaves.items()}
        return replace(layer, leaves=leaves)

    @property
    def _num_combinations(self) -> int:
        return math.prod(map(len, self.axes.values()))

    @cached_property
    def _named_combinations(self) -> list[tuple[str, Combination]]:
        excluded = [{key: plain_word(value) for key, value in entry.items()} for entry in self.own.file.exclude]
        found: list[tuple[str, Combination]] = []
        if self._num_combinations > MOST_ROWS:
            return found
        for choices in itertools.product(*self.axes.values()):
            combination = dict(zip(self.axes, choices, strict=True))
            words = {axis: choice.word for axis, choice in combination.items()}
            if not any(entry.items() <= words.items() for entry in excluded):
                found.append(("/".join(words.values()) or self.own.document.path.stem, combination))
        return found

    @cached_property
    def rows(self) -> dict[str, Combination]:
        """Every row of the table by name, in file order, without the excluded."""
        return dict(self._named_combinations)

    def named_row(self, name: str) -> NamedRow | None:
        """Return what row ``name`` says beside its settings; None where there is a mistake in it."""
        choice = self.rows[name].get("row")
        return self.own.named_rows[choice.word] if choice else NamedRow()

    def fuses(self, name: str) -> bool:
        """Tell whether row ``name`` joins the scores of others."""
        named = self.named_row(name)
        return named is None or named.fuse is not None

    @cached_property
    def foundation(self) -> Leaves:
        """What all rows start from: the bases and the scale's."""
        leaves: Leaves = {}
        for layer in self._base_layers():
            leaves = overlay(leaves, layer)
        return leaves

    def _base_layers(self) -> Iterator[Layer]:
        for source in self.sources:
            yield flatten(source.fragment(source.file.base, "base"))
        for scale_layer in self.scale_layers:
            yield scale_layer.base

    def leaves(self, name: str, overrides: tuple[Layer, ...]) -> Leaves:
        """Lay all layers of one row over each other."""
        leaves = self.foundation
        for choice in self.rows[name].values():
            leaves = overlay(leaves, choice.layer)
        for scale_layer in self.scale_layers:
            if scale_layer.another_network:
                leaves = overlay(leaves, scale_layer.another_network)
        for scale_layer in self.scale_layers:
            for pattern, layer in scale_layer.rows.items():
                if _is_row(name, pattern):
                    leaves = overlay(leaves, layer)
        for layer in overrides:
            leaves = overlay(leaves, layer)
        return leaves

    def check(self, problems: Problems) -> None:
        """Report what is wrong with the file beyond the values of its settings."""
        scale_layers = {
            (layer.source.label, layer.prefix): layer for layer in (*self.scale_layers, *_own_scales(self.own))
        }
        changes = [layer for block in scale_layers.values() for layer in (block.base, *block.rows.values())]
        choices = [choice.layer for axis in self.axes.values() for choice in axis]
        for layer in (*self._base_layers(), *choices, *changes):
            for where, message in layer.contradictions:
                problems.add(where, message)
        types = [
            layer.leaves[NETWORK_TYPE].value
            for layer in (*self._base_layers(), *choices)
            if NETWORK_TYPE in layer.leaves
        ]
        for layer in changes:
            named = layer.leaves.get(NETWORK_TYPE)
            _check_legal_at_scale(
                layer, problems, another_network=bool(named and any(other != named.value for other in types))
            )
        if not self.own.faulty & {"rows", "matrix", "exclude"}:
            self._check_table(problems)
            for block in _own_scales(self.own):
                self._check_patterns(block, problems)

    def _check_table(self, problems: Problems) -> None:
        own = self.own
        if "row" in own.file.matrix:
            problems.add(own.origin(("matrix", "row")), "matrix.row: row means the named rows; write them under rows")
        for number, entry in enumerate(own.file.exclude):
            for key, value in entry.items():
                where = own.origin(("exclude", str(number), key))
                words = [choice.word for choice in self.axes.get(key, ())]
                if not words:
                    problems.add(where, f"exclude: {key} is not in the matrix; {nearest(key, self.axes)}")
                elif plain_word(value) not in words:
                    hint = nearest(plain_word(value), words)
                    problems.add(where, f"exclude: {key} is never {plain_word(value)}; {hint}")
        if self._num_combinations > MOST_ROWS:
            message = f"matrix: {self._num_combinations} combinations; at most {MOST_ROWS}"
            problems.add(own.origin(("matrix",)), message)
        elif not self.rows:
            problems.add(own.origin(("exclude",)), "exclude: no row is left")
        names = [name for name, _ in self._named_combinations]
        for name in self.rows:
            if names.count(name) > 1:
                problems.add(own.origin(("matrix",)), f"matrix: {names.count(name)} rows are called {name}")

    def _check_patterns(self, block: _ScaleLayer, problems: Problems) -> None:
        for pattern in block.rows:
            where = self.own.origin((*block.prefix, "rows", pattern))
            reached = [name for name in self.rows if _is_row(name, pattern)]
            if not reached:
                problems.add(where, f"there is no row {pattern}; {nearest(pattern, self.rows)}")
            elif all(map(self.fuses, reached)):
                problems.add(where, f"{pattern} fuses other rows and has no settings to change")


class Families:
    """Reads every experiment once and keeps it, for one expansion."""

    def __init__(self, problems: Problems) -> None:
        self._problems = problems
        self._sources: dict[Path, Source | None] = {}
        self._families: dict[tuple[Path, Scale], Family] = {}

    def get(self, name: str, scale: Scale | None) -> Family | None:
        """Return an experiment (a path or a shipped name) at ``scale``, or at the one it is written for.

        Mistakes inside the files go to ``problems``. Raises ConfigError when there is no such experiment or scale.
        """
        own = self._read(name)
        if own is None:
            return None
        parent = self._extended(own)
        sources = (parent, own) if parent else (own,)
        scale = scale or own.file.scale
        legal = {own.file.scale, *(key for source in sources for key in source.file.scales)}
        if scale not in legal:
            names = [key for key in SCALES if key in legal]
            raise ConfigError(f"{own.name} has no scale {scale!r}", where=own.label, hint=nearest(scale, names))
        key = own.document.path.resolve(), scale
        if key not in self._families:
            family = Family(sources, scale, self._scale_layers(sources, scale))
            family.check(self._problems)
            self._families[key] = family
        return self._families[key]

    def _read(self, name: str) -> Source | None:
        shown, path = find_experiment(name)
        key = path.resolve()
        if key not in self._sources:
            self._sources[key] = read_experiment(shown, path, self._problems)
        return self._sources[key]

    def _extended(self, own: Source) -> Source | None:
        if own.file.extends is None:
            return None
        where = own.origin(("extends",))
        try:
            parent = self._read(from_folder(own.file.extends, own.document.path.parent))
        except ConfigError as error:
            self._problems.add_error(where, "extends", error)
            return None
        if parent and parent.file.extends:
            message = f"extends: {parent.name} itself extends another file; one level is allowed"
            self._problems.add(where, message)
        if parent and parent.file.scale != own.file.scale:
            message = (
                f"extends: the base of {parent.name} describes scale {parent.file.scale}, this one {own.file.scale}"
            )
            self._problems.add(where, message)
        return parent

    def _scale_layers(self, sources: tuple[Source, ...], scale: Scale) -> tuple[_ScaleLayer, ...]:
        if scale == sources[-1].file.scale:
            return ()
        shared = read_shared_scale(scale, self._problems)
        layers = [_ScaleLayer(shared[1], shared[0], ())] if shared else []
        layers.extend(layer for source in sources for layer in _own_scales(source) if layer.prefix[1] == scale)
        return tuple(layers)


def _own_scales(source: Source) -> list[_ScaleLayer]:
    return [_ScaleLayer(block, source, ("scales", scale)) for scale, block in source.file.scales.items()]


def _check_legal_at_scale(layer: Layer, problems: Problems, *, another_network: bool) -> None:
    legal = (*SCALE_MAY_CHANGE, *(WITH_ANOTHER_NETWORK if another_network else ()))
    for path, leaf in layer.leaves.items():
        if not _lies_in(path, legal):
            names = ", ".join(".".join(prefix) for prefix in legal)
            problems.add(leaf.places[-1], f"{'.'.join(path)}: a scale may not change this, only {names}")


def _lies_in(path: KeyPath, prefixes: tuple[KeyPath, ...]) -> bool:
    return any(covers(prefix, path) for prefix in prefixes)


def _is_row(name: str, pattern: str) -> bool:
    """``R3D`` means ``R3D`` and every row ``R3D/...``."""
    return name == pattern or name.startswith(f"{pattern}/")
