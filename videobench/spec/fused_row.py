"""A row that joins the scores of other rows: what it is made of at every seed and split."""

from collections.abc import Iterable, Mapping
from typing import Any

from videobench.errors import ConfigError
from videobench.spec.fusion import Fusion, FusionSettings, shares_of
from videobench.spec.row import FusedReplica, Replica, Row, replica_at


def fused_replicas(
    streams: Mapping[str, Row],
    names: Mapping[str, str],
    fusion: FusionSettings,
    splits_and_seeds: Iterable[tuple[int | None, int]],
) -> tuple[FusedReplica, ...]:
    """Join rows, called ``names``, split by split and seed by seed; one that has a single replica serves all of them.

    ConfigError where a row lacks a replica, and for rows that are not measured on the same videos.
    """
    shares = shares_of(streams, fusion.weights)
    found: dict[str, FusedReplica] = {}
    for split, seed in splits_and_seeds:
        members = {
            stream: replica_at([part for each in row.replicas for part in each.measured], names[stream], seed, split)
            for stream, row in streams.items()
        }
        _refuse_unlike(members)
        digests = {stream: member.digest for stream, member in members.items()}
        unit = Fusion(streams=digests, weights=shares, form=fusion.form)
        replica = FusedReplica(seed, split, members, names, unit)
        found.setdefault(replica.digest, replica)  # where every row has a single one, seeds make no difference
    return tuple(found.values())


def fused_settings(streams: Mapping[str, Row], names: Mapping[str, str], fusion: FusionSettings) -> dict[str, Any]:
    """Return how rows are joined, and their own settings: once where they agree, or the value that each stream has."""
    settings: dict[str, Any] = {f"fuse.{stream}": name for stream, name in names.items()}
    settings |= {f"fusion.{field}": value for field, value in fusion}
    for name in dict.fromkeys(name for row in streams.values() for name in row.settings):
        first, *others = values = [row.settings.get(name) for row in streams.values()]
        same = all(other == first for other in others)
        settings[name] = first if same else ", ".join(map("{} {}".format, streams, values))
    return settings


def _refuse_unlike(members: Mapping[str, Replica]) -> None:
    names = list(members)
    for number, name in enumerate(names):
        one, first = members[name], members[names[0]]
        if _videos(one) != _videos(first):
            raise ConfigError(f"{names[0]} is measured on {_videos(first)}, {name} on {_videos(one)}")
        if twin := next((known for known in names[:number] if members[known].digest == one.digest), None):
            raise ConfigError(f"{twin} and {name} are the same evaluation")


def _videos(replica: Replica) -> str:
    measured = replica.evaluation
    return f"the {measured.subset} videos of {measured.data.name}, {measured.data.partition}"
