"""The papers' printed numbers as data: looked up by the columns that name a row, never typed into code."""

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from videobench.errors import ConfigError

Status = Literal["verified", "prose", "unverified"]
Value = str | int | float | bool | tuple[str | int, ...]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class Claim(_Part):
    """A paper's conclusion: each ``better`` row lies above each ``worse`` row in each of ``columns``."""

    id: str
    text: str
    columns: tuple[str, ...]
    better: tuple[dict[str, str | None], ...]
    worse: tuple[dict[str, str | None], ...]


class Parameters(_Part):
    """The column that prints parameters in millions, and what it counts."""

    column: str
    counts: Literal["parameters", "conv_fc_weights"]


class PublishedTable(_Part):
    """One published table or figure; numbers are strings as printed, None is a dash in the paper.

    ``keys`` are the columns that name a row. ``protocol`` holds the flat fields of a resolved evaluation that
    a fair comparison needs; ``column_protocol`` adds some for one column, ``row_protocol`` maps a key column
    to the evaluation field whose value it prints. ``num_videos``: distinct test videos behind a column.
    """

    id: str
    name: str
    status: Status
    dataset: str | None = None
    setting: str | None = None
    units: dict[str, str] = Field(default_factory=dict)
    keys: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[tuple[str | None, ...], ...]
    parameters: Parameters | None = None
    protocol: dict[str, Value] = Field(default_factory=dict)
    column_protocol: dict[str, dict[str, Value]] = Field(default_factory=dict)
    row_protocol: dict[str, str] = Field(default_factory=dict)
    num_videos: dict[str, int] = Field(default_factory=dict)
    claims: tuple[Claim, ...] = ()
    notes: str | None = None
    sources: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _refers_to_what_exists(self) -> Self:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"row {row} has {len(row)} cells for {len(self.columns)} columns")
        named = {*self.keys, *self.column_protocol, *self.row_protocol, *self.num_videos, *self.units}
        named |= {column for claim in self.claims for column in claim.columns}
        if self.parameters:
            named.add(self.parameters.column)
        if unknown := named - set(self.columns):
            raise ValueError(f"no such column: {', '.join(sorted(unknown))}")
        names = [tuple(self.key_of(row).items()) for row in self.rows]
        if len(set(names)) != len(names):
            raise ValueError("two rows have the same keys")
        for claim in self.claims:
            for where in (*claim.better, *claim.worse):
                if tuple((key, where.get(key)) for key in self.keys) not in names:
                    raise ValueError(f"claim {claim.id}: no row {where}")
        return self

    def key_of(self, row: tuple[str | None, ...]) -> dict[str, str | None]:
        """The key columns of a row."""
        cells = dict(zip(self.columns, row, strict=True))
        return {key: cells[key] for key in self.keys}

    def row(self, where: Mapping[str, str | None]) -> dict[str, str | None]:
        """The one row whose cells equal ``where``, by column; ConfigError when none or several do."""
        for column in where:
            self._index(column)
        rows = [dict(zip(self.columns, row, strict=True)) for row in self.rows]
        found = [row for row in rows if all(row[column] == text for column, text in where.items())]
        if len(found) == 1:
            return found[0]
        legal = "\n".join(f"  {_braces({key: row[key] for key in self.keys})}" for row in found or rows)
        many = "several rows match" if found else "no row matches"
        raise ConfigError(
            f"{many} {_braces(where)}",
            where=f"published table {self.id}",
            hint=f"Name one of:\n{legal}",
        )

    def cell(self, *, where: Mapping[str, str | None], column: str) -> str | None:
        """The printed string at a row and column, None where the paper has a dash."""
        self._index(column)
        return self.row(where)[column]

    def expected(self, *, where: Mapping[str, str | None], column: str) -> dict[str, Value]:
        """The flat evaluation fields under which the cell at this row and column was measured."""
        row = self.row(where)
        fields = {**self.protocol, **self.column_protocol.get(column, {})}
        for key, name in self.row_protocol.items():
            if (text := row[key]) is not None:
                fields[name] = int(text)
        return fields

    def _index(self, column: str) -> int:
        if column not in self.columns:
            raise ConfigError(
                f"no column {column!r}",
                where=f"published table {self.id}",
                hint=f"Its columns are {', '.join(self.columns)}.",
            )
        return self.columns.index(column)


class Paper(_Part):
    """One paper and its tables by id."""

    title: str
    arxiv: str
    venue: str
    tables: dict[str, PublishedTable]

    def table(self, table_id: str) -> PublishedTable:
        """The table with this id; ConfigError names the legal ones."""
        if table_id not in self.tables:
            raise ConfigError(
                f"no published table {table_id!r}",
                where=self.title,
                hint=f"It has {', '.join(self.tables)}.",
            )
        return self.tables[table_id]


CATALOGUE = "weights_catalogue"
"""The one file here that holds no tables."""


def paper_names() -> tuple[str, ...]:
    """The papers whose numbers travel with videobench."""
    files = resources.files("videobench.published").iterdir()
    names = {file.name.removesuffix(".yaml") for file in files if file.name.endswith(".yaml")}
    return tuple(sorted(names - {CATALOGUE}))


@cache
def load_paper(name: str) -> Paper:
    """Load a paper by its name ('closer_look', 'late_temporal')."""
    if name not in paper_names():
        raise ConfigError(f"no published numbers of {name!r}", hint=f"There are those of {', '.join(paper_names())}.")
    text = resources.files("videobench.published").joinpath(f"{name}.yaml").read_text(encoding="utf-8")
    return parse_paper(text, where=f"{name}.yaml")


def parse_paper(text: str, *, where: str) -> Paper:
    """Parse a paper's YAML text; ConfigError names each faulty field."""
    try:
        content: Any = yaml.load(text, Loader=_Loader)
        fields = {**content["paper"], "tables": {table["id"]: table for table in content["tables"]}}
        # By way of JSON, in which strict pydantic takes a list for a tuple but still no 64.8 for "64.8".
        return Paper.model_validate_json(json.dumps(fields))
    except ValidationError as error:
        faults = "\n".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise ConfigError(faults, where=where) from error
    except (yaml.YAMLError, KeyError, TypeError) as error:
        raise ConfigError(f"not a file of published numbers: {error}", where=where) from error


# libyaml's loader where PyYAML was built with it: five times faster
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _braces(where: Mapping[str, str | None]) -> str:
    return "{" + ", ".join(f"{key}: {'null' if text is None else text}" for key, text in where.items()) + "}"
