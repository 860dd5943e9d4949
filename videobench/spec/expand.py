"""From an experiment file to its rows: the trainings and evaluations that fill one table.

The order of layers, each over the one before: base of the extended file, base, the scale (shared, then extended
file's, then own), the row, its matrix values, the scale's changes to that row, ``--set``, then the split and seed.
"""

import fnmatch
import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from videobench.errors import ConfigError
from videobench.spec.base import Spec, digest
from videobench.spec.experiment import PublishedCells, PublishedCheck, Scale, Settings
from videobench.spec.family import Combination, Family, read_family
from videobench.spec.merge import Fragment, Leaves, nested, overlay
from videobench.spec.problems import Problems, nearest, validate
from videobench.spec.reading import KeyPath, parse_value
from videobench.spec.units import Evaluation, Training, WeightsFile


@dataclass(frozen=True)
class Replica:
    """One row at one seed and split: what is trained and what is measured."""

    seed: int
    split: int | None
    training: Training | None
    evaluation: Evaluation

    @cached_property
    def digest(self) -> str:
        """Digest of the evaluation: the name of its record."""
        return digest(self.evaluation)


@dataclass(frozen=True)
class Row:
    """One line of a table."""

    name: str
    labels: Mapping[str, str]
    """What tells it from the other rows: the last word of each matrix setting -> value, ``row`` -> a named row."""
    settings: Mapping[str, Any]
    """Every resolved setting by its dotted name."""
    origins: Mapping[str, str]
    """Where each setting that was given stands; the others are defaults."""
    published: Mapping[str, str | None] | None
    """Key columns of the published row."""
    cells: Mapping[str, str]
    """Metric -> published column."""
    replicas: tuple[Replica, ...]


@dataclass(frozen=True)
class Experiment:
    """An experiment at one scale, ready to be planned."""

    name: str
    title: str
    path: Path
    scale: Scale
    table: str | None
    """Published table, as ``closer_look/table2``."""
    show: tuple[str, ...]
    """Further columns of the record that belong into the table."""
    rows: tuple[Row, ...]


def load_experiment(
    name: str,
    *,
    scale: Scale | None = None,
    settings: Sequence[str] = (),
    check_published: PublishedCheck | None = None,
) -> Experiment:
    """Read the experiment ``name`` (a path or a shipped name) and resolve all its rows.

    ``settings`` are overrides of the form ``recipe.epochs=2``. Raises one ConfigError that lists every mistake.
    """
    problems = Problems()
    overrides = Fragment(_parse_overrides(settings, problems), "--set")
    family = read_family(name, scale, problems)
    rows: list[Row] = []
    if family:
        if family.published and check_published:
            where = family.own.origin(("published",))
            for message in check_published(family.published):
                problems.add(where, f"published: {message}")
        expansion = _Expansion(family, overrides, problems)
        combinations = family.combinations(problems)
        family.check_scale(list(combinations), problems)
        found = (expansion.row(row_name, combination) for row_name, combination in combinations.items())
        rows = [row for row in found if row]
    problems.raise_any()
    assert family is not None  # its absence is among the problems
    published = family.published
    return Experiment(
        name=family.own.name, title=family.own.file.title, path=family.own.document.path, scale=family.scale,
        table=published.table if published else None, show=published.show if published else (), rows=tuple(rows),
    )  # fmt: skip


def row_matches(name: str, pattern: str) -> bool:
    """``R3D`` matches ``R3D`` and ``R3D/8``; ``*/8`` matches every row that ends so; brackets are plain."""
    return name == pattern or name.startswith(f"{pattern}/") or fnmatch.fnmatchcase(name, pattern.replace("[", "[[]"))


class _Expansion:
    """Resolves the rows of one family; ``on_the_way`` are the rows whose ``init`` led here."""

    def __init__(
        self, family: Family, overrides: Fragment, problems: Problems, on_the_way: tuple[str, ...] = ()
    ) -> None:
        self.family = family
        self.overrides = overrides
        self.problems = problems
        self.on_the_way = on_the_way

    def row(self, name: str, combination: Combination) -> Row | None:
        """Resolve one row at all its seeds and splits, or None after reporting what is wrong."""
        leaves, own_key = self._leaves(name, combination)
        settings: list[Settings] = []
        replicas: list[Replica] = []
        for split, seed in itertools.product(self.family.own.file.splits or (None,), self.family.seeds):
            resolved = self._settings(leaves, seed, split, name)
            if resolved is None:
                return None
            settings.append(resolved)
            replicas.append(self._replica(resolved, split, leaves))
        flat = _flatten(settings[0])
        key, cells = self._published(name, flat, own_key)
        origins = {".".join(path): leaf.origin for path, leaf in _with_evaluation(leaves).items()}
        labels = {axis.rsplit(".", 1)[-1]: str(value) for axis, value in combination.items()} or {"row": name}
        return Row(name, labels, flat, origins, key, cells, tuple(replicas))

    def training(self, name: str, combination: Combination, seed: int, split: int | None) -> Training | None:
        """Resolve one row's training alone: the start of another row."""
        leaves, _ = self._leaves(name, combination)
        settings = self._settings(leaves, seed, split, name)
        return self._replica(settings, split, leaves).training if settings else None

    def _leaves(self, name: str, combination: Combination) -> tuple[Leaves, dict[str, str | None]]:
        """Return the row's settings, and apart from them its own key into the published table."""
        leaves = self.family.leaves(name, combination, self.overrides)
        key = {path[1]: leaf.value for path, leaf in leaves.items() if path[0] == "published" and len(path) == 2}
        return {path: leaf for path, leaf in leaves.items() if path[0] != "published"}, key

    def _settings(self, leaves: Leaves, seed: int, split: int | None, name: str) -> Settings | None:
        """Validate one row at one seed and split; mistakes are reported with the line they stand in."""
        extra: dict[str, Any] = {} if ("seed",) in leaves else {"seed": seed}
        if split is not None:
            extra["data.split"] = split
        complete = _with_evaluation(overlay(leaves, Fragment(extra, "seeds and splits")))
        settings, mistakes = validate(Settings, nested(complete))
        reported = {path for path, _ in mistakes}
        for path, message in mistakes:
            if path[0] == "evaluate" and path[1:] in reported:
                continue  # inherited from the training's data or clip, where it is reported already
            origin = _origin(complete, path) or f"{self.family.own.label} row {name}"
            self.problems.add(origin, f"{'.'.join(path)}: {message}")
        return settings

    def _replica(self, settings: Settings, split: int | None, leaves: Leaves) -> Replica:
        measured = settings.evaluate
        training = None
        if settings.weights is None:
            training = Training(
                data=settings.data, subset=settings.subset, clip=settings.clip, network=settings.network,
                recipe=settings.recipe, init=self._init(settings, split, leaves), seed=settings.seed,
                validation=settings.validation,
            )  # fmt: skip
        weights = settings.weights or training
        assert weights is not None
        evaluation = Evaluation(
            weights=weights, network=settings.network, data=measured.data, subset=measured.subset,
            clip=measured.clip, protocol=measured.protocol,
        )  # fmt: skip
        return Replica(settings.seed, split, training, evaluation)

    def _init(self, settings: Settings, split: int | None, leaves: Leaves) -> Training | WeightsFile | None:
        start = settings.init
        if start is None:
            return None
        if start.file is not None:
            return WeightsFile(file=start.file, sha256=start.sha256)
        assert start.run is not None  # Start has exactly one of the two
        where = _origin(leaves, ("init", "run")) or self.family.own.label
        try:
            return self._source_training(start.run, settings.seed, split)
        except ConfigError as error:
            self.problems.add(where, f"init.run: {error}")
            return None

    def _source_training(self, reference: str, seed: int, split: int | None) -> Training | None:
        """Return the training of ``experiment#row`` at this scale, seed and split; the file defaults to this one."""
        name, _, row = reference.partition("#")
        here = f"{name or self.family.own.name}#{row}"
        if here in self.on_the_way:
            raise ConfigError(f"{' -> '.join((*self.on_the_way, here))} goes round in a circle")
        family: Family | None = self.family
        if name:
            family = read_family(name, self.family.scale, self.problems, beside=self.family.own)
        if family is None:
            return None
        combinations = family.combinations(self.problems)
        if row not in combinations:
            raise ConfigError(f"{family.own.name} has no row {row!r}; {nearest(row, combinations)}")
        overrides = self.overrides if family is self.family else Fragment({}, "")
        expansion = _Expansion(family, overrides, self.problems, (*self.on_the_way, here))
        return expansion.training(row, combinations[row], seed, split)

    def _published(
        self, name: str, settings: Mapping[str, Any], own_key: Mapping[str, str | None]
    ) -> tuple[dict[str, str | None] | None, dict[str, str]]:
        published: PublishedCells | None = self.family.published
        if published is None:
            return None, {}
        where = self.family.own.origin(("published",))
        quotable = {"row": name, **settings}
        wanted = {**published.row, **own_key}
        key = {column: text and self._quoted(text, quotable, where) for column, text in wanted.items()}
        cells = {metric: self._quoted(text, quotable, where) for metric, text in published.cells.items()}
        return key, cells

    def _quoted(self, text: str, settings: Mapping[str, Any], where: str) -> str:
        """Fill ``{network.name}`` from the row's settings."""
        for name in re.findall(r"\{([^{}]+)\}", text):
            if name not in settings:
                self.problems.add(where, f"published: there is no setting {name!r}; {nearest(name, settings)}")
        return re.sub(r"\{([^{}]+)\}", lambda match: str(settings.get(match[1])), text)


def _with_evaluation(leaves: Leaves) -> Leaves:
    """Let the evaluation's data and clip start from the training's."""
    result = dict(leaves)
    own, other = leaves.get(("data", "type")), leaves.get(("evaluate", "data", "type"))
    same_type = other is None or own is None or other.value == own.value
    for path, leaf in leaves.items():
        if path[0] == "clip" or (path[0] == "data" and same_type):
            result.setdefault(("evaluate", *path), leaf)
    return result


def _origin(leaves: Leaves, path: KeyPath) -> str | None:
    """Return where the field stands; a field that is missing or inherited stands where its neighbours do."""
    for length in range(len(path), 0, -1):
        for other, leaf in leaves.items():
            if other[:length] == path[:length]:
                return leaf.origin
    return None


def _flatten(spec: Spec, prefix: str = "") -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name in type(spec).model_fields:
        value = getattr(spec, name)
        if isinstance(value, Spec):
            result.update(_flatten(value, f"{prefix}{name}."))
        else:
            result[f"{prefix}{name}"] = value
    return result


def _parse_overrides(settings: Sequence[str], problems: Problems) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for text in settings:
        field, equals, value = text.partition("=")
        if not equals or not field:
            problems.add(f"--set {text}", "write field=value, for example recipe.epochs=2")
        else:
            result[field.strip()] = parse_value(value)
    return result
