"""What every part of the vocabulary shares: strict, frozen values, rules between fields, and the digest."""

import hashlib
import json
from collections.abc import Iterable
from typing import Annotated, Any, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Discriminator, Field, model_validator

SCHEMA_VERSION = 1
"""Raised when the meaning or a default of a field changes, so that older results are not mistaken for new ones."""

DIGEST_LENGTH = 16


class BrokenRule(NamedTuple):
    """A sentence about fields that don't go together, and those fields (dotted, from the model that says so)."""

    message: str
    fields: tuple[str, ...]


class BrokenRulesError(ValueError):
    """Raised inside a model for all rules that its values break."""

    def __init__(self, rules: tuple[BrokenRule, ...]) -> None:
        super().__init__("; ".join(rule.message for rule in rules))
        self.rules = rules


class Spec(BaseModel):
    """A frozen value that refuses unknown fields, silent conversions and infinite numbers."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)

    def broken_rules(self) -> Iterable[BrokenRule]:
        """Return what is wrong between fields that are each legal alone."""
        return ()

    @model_validator(mode="after")
    def _keeps_its_rules(self) -> Self:
        if rules := tuple(self.broken_rules()):
            raise BrokenRulesError(rules)
        return self


class OutsideDigest:
    """Marks a field that cannot change the numbers: where a file lies, how often to validate.

    With ``values``, only these make no difference to the default.
    """

    def __init__(self, *values: object) -> None:
        self.values = values

    def covers(self, value: object) -> bool:
        return not self.values or value in self.values


def type_or(default: str) -> Discriminator:
    """Tell the tagged models of a union apart by their field ``type``; one given without it is of type ``default``."""

    def type_of(value: Any) -> str:
        return str(value.get("type", default) if isinstance(value, dict) else getattr(value, "type", ""))

    return Discriminator(type_of)


PathText = Annotated[str, OutsideDigest(), Field(min_length=1)]
"""A path as written in an experiment file. It says where, never what, so it stays outside the digest."""

OptionalPathText = Annotated[Annotated[str, Field(min_length=1)] | None, OutsideDigest()]


def identity(spec: Spec) -> dict[str, Any]:
    """Return the fields of ``spec`` that can change the numbers, without those left at their default.

    Leaving defaults out means that a field added later, with a default, orphans no earlier result.
    """
    kept: dict[str, Any] = {}
    for name, field in type(spec).model_fields.items():
        value = getattr(spec, name)
        if any(isinstance(mark, OutsideDigest) and mark.covers(value) for mark in field.metadata):
            continue
        if not field.is_required() and value == field.get_default(call_default_factory=True, validated_data=dict(spec)):
            continue
        kept[name] = identity(value) if isinstance(value, Spec) else value
    return kept


def digest(spec: Spec) -> str:
    """Return 16 hexadecimal digits that identify everything in ``spec`` that can change the numbers."""
    content = {"schema": SCHEMA_VERSION, "unit": type(spec).__name__, "fields": identity(spec)}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:DIGEST_LENGTH]
