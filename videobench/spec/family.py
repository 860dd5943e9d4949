"""An experiment file together with the one it extends, at one scale: the layers from which its rows are made."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from videobench.errors import ConfigError
from videobench.spec.experiment import (
    SCALES,
    PublishedCells,
    Scalar,
    Scale,
    ScaleBlock,
    Source,
    find_experiment,
    read_experiment,
    read_shared_scale,
)
from videobench.spec.merge import Fragment, Leaves, overlay
from videobench.spec.problems import Problems, nearest
from videobench.spec.reading import KeyPath

Combination = dict[str, Scalar]
"""One choice of a row (under ``row``) and of a value per matrix setting."""

SCALE_MAY_CHANGE: tuple[KeyPath, ...] = (
    ("data",), ("subset",), ("clip", "resize"), ("clip", "crop"), ("network", "width"), ("recipe",), ("init",),
    ("evaluate", "data"), ("evaluate", "subset"), ("evaluate", "clip", "resize"), ("evaluate", "clip", "crop"),
    ("validation",),
)  # fmt: skip
"""What another scale may change; anything else would make it another experiment."""


@dataclass(frozen=True)
class _ScaleLayer:
    """A scale block and the file it stands in."""

    block: ScaleBlock
    source: Source
    prefix: KeyPath

    def base(self) -> Fragment:
        return self.source.fragment(self.block.base, *self.prefix, "base")

    def row(self, pattern: str) -> Fragment:
        return self.source.fragment(self.block.rows[pattern], *self.prefix, "rows", pattern)


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
    def published(self) -> PublishedCells | None:
        return next((source.file.published for source in reversed(self.sources) if source.file.published), None)

    @property
    def seeds(self) -> tuple[int, ...]:
        for layer in reversed(self.scale_layers):
            if layer.block.seeds:
                return layer.block.seeds
        return self.own.file.seeds

    def combinations(self, problems: Problems) -> dict[str, Combination]:
        """Return every row of the table by name, in file order, without the excluded."""
        file = self.own.file
        axes: dict[str, Sequence[Scalar]] = {"row": tuple(file.rows)} if file.rows else {}
        axes.update(file.matrix)
        for number, entry in enumerate(file.exclude):
            for key in sorted(set(entry) - set(axes)):
                where = self.own.origin(("exclude", str(number), key))
                problems.add(where, f"exclude: {key} is not in the matrix; {nearest(key, axes)}")
        product = (dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values()))
        kept = [combination for combination in product if not any(_fits(combination, entry) for entry in file.exclude)]
        single = self.own.name.rsplit("/", 1)[-1].removesuffix(".yaml")
        return {"/".join(map(str, combination.values())) or single: combination for combination in kept}

    def leaves(self, name: str, combination: Combination, overrides: Fragment) -> Leaves:
        """Lay all layers of one row over each other."""
        own = self.own
        leaves: Leaves = {}
        for source in self.sources:
            leaves = overlay(leaves, source.fragment(source.file.base, "base"))
        for layer in self.scale_layers:
            leaves = overlay(leaves, layer.base())
        for key, value in combination.items():
            if key == "row":
                leaves = overlay(leaves, own.fragment(own.file.rows[str(value)], "rows", str(value)))
            else:
                leaves = overlay(leaves, own.fragment({key: value}, "matrix"))
        for layer in self.scale_layers:
            for pattern in layer.block.rows:
                if _is_row(name, pattern):
                    leaves = overlay(leaves, layer.row(pattern))
        return overlay(leaves, overrides)

    def check_scale(self, row_names: Sequence[str], problems: Problems) -> None:
        """Report what a scale may not change, and its changes to rows that don't exist."""
        for layer in self.scale_layers:
            for fragment in (layer.base(), *map(layer.row, layer.block.rows)):
                for path, leaf in overlay({}, fragment).items():
                    if not any(path[: len(prefix)] == prefix for prefix in SCALE_MAY_CHANGE):
                        legal = ", ".join(".".join(prefix) for prefix in SCALE_MAY_CHANGE)
                        message = f"{'.'.join(path)}: a scale may not change this, only {legal}"
                        problems.add(leaf.origin, message)
            for pattern in layer.block.rows if layer.source is self.own else ():
                if not any(_is_row(name, pattern) for name in row_names):
                    where = self.own.origin((*layer.prefix, "rows", pattern))
                    problems.add(where, f"there is no row {pattern}; {nearest(pattern, row_names)}")


def read_family(name: str, scale: Scale | None, problems: Problems, *, beside: Source | None = None) -> Family | None:
    """Read an experiment (a path or a shipped name), what it extends, and the layers of ``scale``.

    Mistakes inside the files go to ``problems``. Raises ConfigError when there is no such experiment or scale.
    """
    shown, path = find_experiment(name, beside=beside.document.path.parent if beside else None)
    own = read_experiment(shown, path, problems)
    if own is None:
        return None
    sources = (*_extended(own, problems), own)
    scale = scale or own.file.scale
    legal = {own.file.scale, *(key for source in sources for key in source.file.scales)}
    if scale not in legal:
        names = [key for key in SCALES if key in legal]
        raise ConfigError(f"{own.name} has no scale {scale!r}", where=own.label, hint=nearest(scale, names))
    layers: list[_ScaleLayer] = []
    if scale != own.file.scale:
        shared = read_shared_scale(scale, problems)
        if shared:
            layers.append(_ScaleLayer(shared.block, shared, ()))
        layers.extend(
            _ScaleLayer(source.file.scales[scale], source, ("scales", scale))
            for source in sources
            if scale in source.file.scales
        )
    return Family(sources, scale, tuple(layers))


def _extended(own: Source, problems: Problems) -> tuple[Source, ...]:
    if own.file.extends is None:
        return ()
    where = own.origin(("extends",))
    try:
        name, path = find_experiment(own.file.extends, beside=own.document.path.parent)
        parent = read_experiment(name, path, problems)
    except ConfigError as error:
        problems.add(where, f"extends: {error}")
        return ()
    if parent and parent.file.extends:
        problems.add(where, f"extends: {name} itself extends another file; one level is allowed")
    return (parent,) if parent else ()


def _fits(combination: Mapping[str, Scalar], entry: Mapping[str, Scalar]) -> bool:
    return all(combination.get(key) == value for key, value in entry.items())


def _is_row(name: str, pattern: str) -> bool:
    """``R3D`` means ``R3D`` and every row ``R3D/...``."""
    return name == pattern or name.startswith(f"{pattern}/")
