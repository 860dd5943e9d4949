"""Turning validation failures into sentences a person can act on: what is wrong, what is legal, what was meant."""

import difflib
import json
import types
import typing
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from videobench.errors import ConfigError
from videobench.spec.base import Spec
from videobench.spec.reading import KeyPath

AnySpec = TypeVar("AnySpec", bound=Spec)


class Problems:
    """Mistakes gathered on the way, each once, raised together."""

    def __init__(self) -> None:
        self._lines: dict[str, None] = {}

    def add(self, where: str, message: str) -> None:
        self._lines[f"{where}: {message}"] = None

    def __bool__(self) -> bool:
        return bool(self._lines)

    def raise_any(self) -> None:
        """Raise one ConfigError that lists every mistake."""
        if not self._lines:
            return
        lines = sorted(self._lines, key=_natural)
        if len(lines) == 1:
            raise ConfigError(lines[0])
        raise ConfigError(f"{len(lines)} mistakes:\n" + "\n".join(f"  {line}" for line in lines))


def validate(model: type[AnySpec], raw: Mapping[str, Any]) -> tuple[AnySpec | None, list[tuple[KeyPath, str]]]:
    """Return the value and no mistakes, or None and every mistake with the path of its field."""
    try:
        # Through JSON, because pydantic's strict mode otherwise refuses a YAML list where a tuple is declared.
        return model.model_validate_json(json.dumps(raw)), []
    except ValidationError as error:
        return None, [_explain(detail, model) for detail in error.errors()]


def nearest(word: str, legal: Iterable[str]) -> str:
    """Return a hint: the closest legal word if one is close, and all of them."""
    words = [str(item) for item in legal]
    lower = {item.lower(): item for item in words}
    close = difflib.get_close_matches(word.lower(), lower, n=1, cutoff=0.6)
    meant = f"did you mean {lower[close[0]]}? " if close else ""
    return f"{meant}legal: {', '.join(words)}" if words else ""


def _explain(detail: ErrorDetails, model: type[BaseModel]) -> tuple[KeyPath, str]:
    path, owner = _resolve(detail["loc"], model)
    kind, value = detail["type"], detail["input"]
    context = detail.get("ctx", {})
    shown = json.dumps(value, ensure_ascii=False, default=str)
    if kind == "extra_forbidden":
        return path, f"unknown field; {nearest(path[-1], owner.model_fields if owner else [])}"
    if kind == "missing":
        return path, "this field is required"
    if kind == "literal_error":
        return path, f"{shown} is not legal; {nearest(str(value), _literals(str(context.get('expected', ''))))}"
    if kind == "union_tag_invalid":
        tag = context.get("tag", value)
        return (
            *path,
            "type",
        ), f"{tag!r} is not legal; {nearest(str(tag), _literals(str(context.get('expected_tags', ''))))}"
    if kind == "union_tag_not_found":
        return (*path, "type"), "this field is required"
    if kind == "value_error":
        return path, str(context.get("error", detail["msg"]))
    message = detail["msg"].removeprefix("Input ").replace("should", "must", 1)
    return path, f"{shown} {message}" if not isinstance(value, dict) else message


def _literals(expected: str) -> list[str]:
    """Read pydantic's list of legal values: "'a', 'b' or 'c'"."""
    return [part.strip().strip("'") for part in expected.replace(" or ", ", ").split(",") if part.strip()]


def _resolve(loc: tuple[int | str, ...], model: type[BaseModel]) -> tuple[KeyPath, type[BaseModel] | None]:
    """Drop the union tags pydantic puts into ``loc`` and find the model that owns the last field."""
    path: list[str] = []
    owner: type[BaseModel] | None = model
    candidates: list[type[BaseModel]] = []
    last_owner: type[BaseModel] | None = model
    for step in loc:
        if candidates and isinstance(step, str):
            chosen = [item for item in candidates if step in _tags(item)]
            candidates = []
            if chosen:
                owner = chosen[0]
                continue
        path.append(str(step))
        last_owner = owner
        field = owner.model_fields.get(str(step)) if owner else None
        found = _models(field.annotation) if field else []
        candidates = found if len(found) > 1 else []
        owner = found[0] if len(found) == 1 else None
    return tuple(path), last_owner


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if typing.get_origin(annotation) in (typing.Union, types.UnionType, typing.Annotated):
        return [model for part in typing.get_args(annotation) for model in _models(part)]
    return []


def _tags(model: type[BaseModel]) -> tuple[str, ...]:
    field = model.model_fields.get("type")
    return (model.__name__, *typing.get_args(field.annotation)) if field else (model.__name__,)


def _natural(line: str) -> list[tuple[int, str]]:
    """Sort key that puts line 9 before line 10."""
    return [(int(part), "") if part.isdigit() else (0, part) for part in line.replace(":", " : ").split()]
