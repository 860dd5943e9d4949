"""Turning validation failures into sentences a person can act on: what is wrong, what is legal, what was meant."""

import copy
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from videobench.spec.base import BrokenRulesError, Spec
from videobench.spec.problems import nearest
from videobench.spec.protocol import PRESETS, Protocol
from videobench.spec.reading import KeyPath, parse_scalar
from videobench.spec.vocabulary import length_due, literals, models_in, resolve_location, tags_of

AnySpec = TypeVar("AnySpec", bound=Spec)

_DUE = {
    "int_type": "a whole number", "int_from_float": "a whole number", "float_type": "a number",
    "bool_type": "true or false", "string_type": "text", "tuple_type": "a list", "dict_type": "a mapping",
    "model_type": "a mapping", "model_attributes_type": "a mapping", "finite_number": "a finite number",
}  # fmt: skip
_BOUNDS = {"greater_than_equal": ("at least", "ge"), "greater_than": ("more than", "gt"),
           "less_than_equal": ("at most", "le"), "less_than": ("less than", "lt")}  # fmt: skip


@dataclass(frozen=True)
class Mistake:
    """One thing that is wrong with the value at ``path``."""

    path: KeyPath
    message: str
    kind: str
    """Pydantic's word for it: ``missing``, ``extra_forbidden``, ``value_error`` and more."""
    fields: tuple[KeyPath, ...] = ()
    """The fields that don't go together, where a rule between fields is broken."""


def validate(model: type[AnySpec], raw: Mapping[str, Any]) -> tuple[AnySpec | None, list[Mistake]]:
    """Return the value and no mistakes, or None and every mistake with the path of its field.

    Rules between fields are tried a second time without the faulty fields, which hide them the first time.
    """
    value, mistakes = _validate_once(model, raw)
    if not mistakes:
        return value, []
    faulty = {
        mistake.path[:-1] if mistake.kind.startswith("union_tag") else mistake.path
        for mistake in mistakes
        if mistake.kind != "value_error"
    }
    _, further = _validate_once(model, without(raw, faulty)) if faulty else (None, [])
    known = {(mistake.path, mistake.message) for mistake in mistakes}
    for mistake in further:
        touched = any(path[: len(field)] == field for path in faulty for field in mistake.fields)
        if mistake.fields and not touched and (mistake.path, mistake.message) not in known:
            mistakes.append(mistake)
    return None, mistakes


def without(raw: Mapping[str, Any], paths: set[KeyPath]) -> dict[str, Any]:
    """Return a copy of ``raw`` that lacks the fields and list items at ``paths``."""
    result = copy.deepcopy(dict(raw))
    for path in sorted(paths, key=_last_items_first, reverse=True):
        target: Any = result
        for step in path[:-1]:
            target = _inside(target, step)
        if isinstance(target, dict):
            target.pop(path[-1] if path else "", None)
        elif isinstance(target, list) and path[-1].isdecimal() and int(path[-1]) < len(target):
            del target[int(path[-1])]
    return result


def _last_items_first(path: KeyPath) -> list[str]:
    """Sort key, to be reversed: taking away an item moves those after it."""
    return [f"{int(step):09}" if step.isdecimal() else step for step in path]


def _inside(target: Any, step: str) -> Any:
    if isinstance(target, dict):
        return target.get(step)
    if isinstance(target, list) and step.isdecimal() and int(step) < len(target):
        return target[int(step)]
    return None


def _validate_once(model: type[AnySpec], raw: Mapping[str, Any]) -> tuple[AnySpec | None, list[Mistake]]:
    try:
        # Through JSON, because pydantic's strict mode otherwise refuses a YAML list where a tuple is declared.
        return model.model_validate_json(json.dumps(raw)), []
    except ValidationError as error:
        return None, [mistake for detail in error.errors() for mistake in _explain(detail, model)]


def _explain(detail: ErrorDetails, model: type[BaseModel]) -> Iterator[Mistake]:
    path, owner, annotation = resolve_location(detail["loc"], model)
    kind, context = detail["type"], detail.get("ctx", {})
    rules = context.get("error")
    if isinstance(rules, BrokenRulesError):
        for rule in rules.rules:
            yield Mistake(path, rule.message, kind, tuple((*path, *field.split(".")) for field in rule.fields))
        return
    if kind == "too_short" and len(detail["input"]) >= context["min_length"]:
        return  # long enough, but for wrong items, which are reported themselves
    if kind == "default_factory_not_called":
        return  # it waited for a field that is wrong, which is reported itself
    if kind == "missing" and isinstance(detail["loc"][-1], int):
        path, _, annotation = resolve_location(detail["loc"][:-1], model)
        kind = "too_short"
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        if isinstance(detail["input"], dict):
            path = (*path, "type")
        else:
            kind = "model_type"
    if kind == "extra_forbidden":
        message = f"unknown field; {nearest(path[-1], owner.model_fields if owner else [])}"
    else:
        message = _sentence(kind, detail["input"], context, annotation) or f"{shown(detail['input'])}: {detail['msg']}"
    yield Mistake(path, message, kind)


def _sentence(kind: str, value: Any, context: Mapping[str, Any], annotation: Any) -> str:
    """Say what is wrong with ``value``, which was to be of the type ``annotation``."""
    tags = [tag for model in models_in(annotation) for tag in tags_of(model)]
    if kind == "missing":
        return "this field is required"
    if kind == "union_tag_not_found":
        return f"this field is required; {nearest('', tags)}"
    if kind == "union_tag_invalid":
        return f"{shown(value['type'])} is not legal; {nearest(str(value['type']), tags)}"
    if kind == "literal_error":
        return f"{shown(value)} is not legal; {_unquoted(value) or nearest(str(value), literals(annotation))}"
    if kind == "value_error":
        return str(context.get("error"))
    if kind in _BOUNDS:
        words, key = _BOUNDS[kind]
        return f"must be {words} {context[key]:g}, not {shown(value)}"
    if kind in ("too_short", "too_long"):
        return f"must have {length_due(annotation)}, not {shown(value)}"
    if kind == "string_too_short":
        return "must not be empty"
    if kind == "string_pattern_mismatch":
        return f"{shown(value)} doesn't fit the pattern {context['pattern']}"
    if kind in _DUE:
        return _wrong_type(kind, value, annotation)
    return ""


def _wrong_type(kind: str, value: Any, annotation: Any) -> str:
    if Protocol in models_in(annotation) and isinstance(value, str):
        return f"{shown(value)} is neither a mapping nor the name of a protocol; {nearest(value, PRESETS)}"
    sentence = f"must be {' or '.join(literals(annotation)) or _DUE[kind]}, not {shown(value)}"
    if value is None and _DUE[kind] == "a mapping":
        return f"{sentence}; {{}} is the empty mapping"
    if kind == "string_type" and isinstance(value, int | float):
        return f'{sentence}; in quotes it is text: "{shown(value)}"'
    hint = _unquoted(value) if kind in ("int_type", "float_type", "bool_type") else ""
    return f"{sentence}; {hint}" if hint else sentence


def _unquoted(value: Any) -> str:
    """Say that only its quotes make ``value`` text, if they do."""
    if not isinstance(value, str):
        return ""
    try:
        parsed = parse_scalar(value)
    except ValueError:
        return ""
    return "" if isinstance(parsed, str) or parsed is None else f"the quotes make it text: write {value}"


def shown(value: Any) -> str:
    """Return ``value`` as a file may hold it, shortened."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else f"{text[:57]}..."
