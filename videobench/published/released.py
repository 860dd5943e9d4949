"""The public files of weights: what each is, where it is, and what its makers measured with it."""

import json
from difflib import get_close_matches
from functools import cache
from importlib import resources
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

from videobench.errors import ConfigError
from videobench.published.paper import CATALOGUE


class ReleasedWeights(BaseModel):
    """One file; what its fields mean stands at the head of the catalogue."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z0-9_]+$")
    file: str
    page: str
    url: str | None = None
    sha256: str | None = Field(default=None, pattern=r"^([0-9a-f]{8}|[0-9a-f]{64})$")
    layout: str
    network: str
    clip: str
    modality: Literal["rgb", "flow"] = "rgb"
    data: str
    classes: int | None = None
    pretraining: str | None = None
    accuracy: dict[str, str] = {}
    protocol: str | None = None
    licence: str | None = None


@cache
def all_released_weights() -> tuple[ReleasedWeights, ...]:
    """The whole catalogue, in its order."""
    text = resources.files("videobench.published").joinpath(f"{CATALOGUE}.yaml").read_text(encoding="utf-8")
    return tuple(ReleasedWeights.model_validate_json(json.dumps(entry)) for entry in yaml.safe_load(text))


def released_weights(name: str) -> ReleasedWeights:
    """The entry of this name; ConfigError with the nearest ones for another."""
    entries = {entry.name: entry for entry in all_released_weights()}
    if name not in entries:
        near = get_close_matches(name, entries, n=3, cutoff=0.4)
        hint = (f"Did you mean {', '.join(near)}? " if near else "") + "`videobench weights ls` has all names."
        raise ConfigError(f"there are no public weights called {name!r}", hint=hint)
    return entries[name]
