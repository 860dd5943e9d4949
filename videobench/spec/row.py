"""One line of a table: what it trains and measures, or joins, at every seed and split."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from videobench.errors import ConfigError
from videobench.spec.base import digest
from videobench.spec.fusion import Fusion
from videobench.spec.units import Evaluation, Training


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

    @property
    def measured(self) -> "tuple[Replica, ...]":
        """The evaluations that its result comes from."""
        return (self,)


@dataclass(frozen=True)
class FusedReplica:
    """One row at one seed and split that joins the scores of several evaluations."""

    seed: int
    split: int | None
    streams: Mapping[str, Replica]
    names: Mapping[str, str]
    """Stream -> the row it is, as ``experiment#row``."""
    fusion: Fusion

    @cached_property
    def digest(self) -> str:
        """Digest of the fusion: the name of its record."""
        return digest(self.fusion)

    @property
    def measured(self) -> tuple[Replica, ...]:
        return tuple(self.streams.values())


@dataclass(frozen=True)
class Row:
    """One line of a table."""

    name: str
    labels: Mapping[str, str]
    """What tells it from the other rows: the last word of each matrix setting -> value, ``row`` -> a named row."""
    settings: Mapping[str, Any]
    """Every resolved setting by its dotted name, at the first seed and split; of a fused row, those of its streams."""
    origins: Mapping[str, str]
    """Where each setting that was given stands; the others are defaults."""
    published: Mapping[str, str | None] | None
    """Key columns of the published row; None where the paper has no such row."""
    cells: Mapping[str, str]
    """Metric -> published column."""
    replicas: tuple[Replica, ...] | tuple[FusedReplica, ...]

    @property
    def is_fused(self) -> bool:
        return isinstance(self.replicas[0], FusedReplica)


def replica_at(replicas: Sequence[Replica], reference: str, seed: int, split: int | None) -> Replica:
    """Return the replica at this seed and split; one that is alone serves all."""
    seeds, splits = {replica.seed for replica in replicas}, {replica.split for replica in replicas}
    for replica in replicas:
        if (replica.seed == seed or len(seeds) == 1) and (replica.split == split or len(splits) == 1):
            return replica
    has = f"{reference} has the seeds {', '.join(map(str, sorted(seeds)))}"
    if len(splits) > 1:
        has += f" and splits {', '.join(map(str, sorted(map(int, filter(None, splits)))))}"
    raise ConfigError(f"{has}; this row is at seed {seed}" + ("" if split is None else f" and split {split}"))
