"""From an experiment file to its rows: the trainings and evaluations that fill one table.

The order of layers, each over the one before: base of the extended file, base, the scale (shared, then extended
file's, then own), the row, its matrix values, the scale's changes to that row, ``--set``. Then every split and seed
is filled in, unless ``--set`` picks one.
"""

import fnmatch
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from videobench.errors import ConfigError
from videobench.spec.experiment import PublishedCheck, Scale
from videobench.spec.family import Families
from videobench.spec.merge import Fragment, Layer, flatten
from videobench.spec.problems import Problems
from videobench.spec.published_key import check_quotations, check_references
from videobench.spec.reading import parse_value
from videobench.spec.row import FusedReplica, Replica, Row
from videobench.spec.rows import SET, Expansion, Shared

__all__ = ["Experiment", "FusedReplica", "Replica", "Row", "load_experiment", "row_matches"]


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
    overrides = _parse_overrides(settings, problems)
    families = Families(problems)
    family = families.get(name, scale)
    rows: list[Row] = []
    if family:
        check_quotations(family, problems)
        if check_published:
            check_references(family, check_published, problems)
        shared = Shared(problems, families)
        expansion = Expansion(family, overrides, shared)
        rows = [row for row_name in family.rows if (row := expansion.row(row_name))]
        shared.report_missing()
    problems.raise_any()
    assert family is not None  # a file that can't be used is among the problems
    published = family.published[0] if family.published else None
    return Experiment(
        name=family.own.name, title=family.own.file.title, path=family.own.document.path, scale=family.scale,
        table=published.table if published else None, show=published.show if published else (), rows=tuple(rows),
    )  # fmt: skip


def row_matches(name: str, pattern: str) -> bool:
    """``R3D`` matches ``R3D`` and ``R3D/8``; ``*/8`` matches every row that ends so; brackets are plain."""
    return name == pattern or name.startswith(f"{pattern}/") or fnmatch.fnmatchcase(name, pattern.replace("[", "[[]"))


def _parse_overrides(settings: Sequence[str], problems: Problems) -> tuple[Layer, ...]:
    """Return one layer per ``field=value``, in order."""
    layers: list[Layer] = []
    for text in settings:
        field, equals, value = text.partition("=")
        field = field.strip()
        if not equals or not all(field.split(".")):
            problems.add(f"{SET} {text}", "write field=value, for example recipe.epochs=2")
            continue
        try:
            layers.append(flatten(Fragment({field: parse_value(value)}, SET)))
        except ConfigError as error:
            problems.add_error(SET, field, error)
    for layer in layers:
        for where, message in layer.contradictions:
            problems.add(where, message)
    return tuple(layers)
