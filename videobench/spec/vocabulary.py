"""What the models say about a field: its type, the words it may hold, the names in it."""

import types
import typing
from typing import Any

from pydantic import BaseModel, Tag

from videobench.spec.reading import KeyPath


def resolve_location(loc: tuple[int | str, ...], model: type[BaseModel]) -> tuple[KeyPath, type[BaseModel] | None, Any]:
    """Return the path without pydantic's own words, the model that owns its last field, and the field's type."""
    path: list[str] = []
    owner: type[BaseModel] | None = None
    annotation: Any = model
    before: Any = None
    for step in loc:
        models = models_in(annotation)
        if len(models) > 1 and step in [tag for item in models for tag in tags_of(item)]:
            annotation = next(item for item in models if step in tags_of(item))
        elif step in _alternatives(annotation):
            continue
        elif step == "[key]":
            annotation = _content(before, 0)
        else:
            path.append(str(step))
            before, owner = annotation, models[0] if len(models) == 1 else None
            field = owner.model_fields.get(str(step)) if owner else None
            annotation = field.annotation if field else None if owner else _content(before, -1)
    return tuple(path), owner, annotation


def _alternatives(annotation: Any) -> list[str]:
    """Return what pydantic calls the members of a union that a function tells apart."""
    marks = [mark for member in typing.get_args(annotation) for mark in getattr(member, "__metadata__", ())]
    return [mark.tag for mark in marks if isinstance(mark, Tag)]


def _content(annotation: Any, which: int) -> Any:
    """Return the type of a mapping's keys (0) or of what is in a mapping or list (-1)."""
    for part in _parts(annotation):
        inner = [argument for argument in typing.get_args(part) if argument is not Ellipsis]
        if typing.get_origin(part) in (dict, tuple) and inner:
            return inner[which]
    return None


def models_in(annotation: Any) -> list[type[BaseModel]]:
    """Return the models that a value of this type may be."""
    return [part for part in _parts(annotation) if isinstance(part, type) and issubclass(part, BaseModel)]


def _parts(annotation: Any) -> list[Any]:
    """Take unions and annotations apart."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return [part for argument in typing.get_args(annotation) for part in _parts(argument)]
    if typing.get_origin(annotation) is typing.Annotated:
        return _parts(typing.get_args(annotation)[0])
    return [annotation]


def tags_of(model: type[BaseModel]) -> tuple[str, ...]:
    """Return the values of ``type`` that stand for ``model``."""
    field = model.model_fields.get("type")
    return typing.get_args(field.annotation) if field else ()


def field_names(model: type[BaseModel], prefix: str = "") -> set[str]:
    """Return the dotted names of all fields of ``model``, those of every type a field may have included."""
    names: set[str] = set()
    for name, field in model.model_fields.items():
        inner = models_in(field.annotation)
        names.update(*(field_names(item, f"{prefix}{name}.") for item in inner))
        names.update([] if inner else [f"{prefix}{name}"])
    return names


def length_due(annotation: Any) -> str:
    """Say how many values a list must have."""
    for part in _parts(annotation):
        if typing.get_origin(part) is tuple and Ellipsis not in typing.get_args(part):
            return f"{len(typing.get_args(part))} values"
    return "at least 1 value"


def literals(annotation: Any) -> list[str]:
    """Return the words that are legal for this type, and whether a number is as well."""
    parts = _parts(annotation)
    words = [str(word) for part in parts if typing.get_origin(part) is typing.Literal for word in typing.get_args(part)]
    return [*words, "a whole number"] if words and int in parts else words
