"""The rows of an experiment: what each trains and measures, at every seed and split."""

import hashlib
import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from videobench.errors import ConfigError
from videobench.spec.base import Spec
from videobench.spec.experiment import Scale
from videobench.spec.family import Combination, Families, Family
from videobench.spec.fused_row import fused_replicas, fused_settings
from videobench.spec.history import FORCE_HINT, leak, stages
from videobench.spec.merge import Fragment, Layer, Leaves, flatten, from_folder, overlay
from videobench.spec.problems import Problems, nearest
from videobench.spec.published_key import published_key
from videobench.spec.reading import KeyPath
from videobench.spec.resolve import place, resolve, with_evaluation
from videobench.spec.row import FusedReplica, Replica, Row, replica_at
from videobench.spec.settings import Settings, Start
from videobench.spec.units import Evaluation, Training, WeightsFile

SET = "--set"
"""The origin of settings from the command line."""

RUNS: tuple[KeyPath, ...] = (("init", "run"), ("weights", "run"))
SEED: KeyPath = ("seed",)
SPLIT: KeyPath = ("data", "split")

Weights = Training | WeightsFile


class Shared:
    """What the expansions of an experiment, and of those its rows start from, have in common."""

    def __init__(self, problems: Problems, families: Families) -> None:
        self.problems = problems
        self.families = families
        self.expansions: list[Expansion] = []
        self._checksums: dict[str, str] = {}

    def expansion(self, name: str, scale: Scale) -> "Expansion | None":
        """Return another experiment's expansion, which knows no ``--set``."""
        family = self.families.get(name, scale)
        known = (other for other in self.expansions if other.family is family and not other.overrides)
        return next(known, None) or (Expansion(family, (), self) if family else None)

    def checksum(self, file: str) -> str:
        """Return the file's sha256; ConfigError when it isn't there."""
        if file not in self._checksums:
            try:
                with Path(file).open("rb") as stream:
                    self._checksums[file] = hashlib.file_digest(stream, "sha256").hexdigest()
            except (OSError, ValueError):
                hint = "state its sha256 if it is to be put there later"
                raise ConfigError(f"there is no such file: {file}; {hint}") from None
        return self._checksums[file]

    def report_missing(self) -> None:
        """Report the fields that stand nowhere, once for all rows that lack them."""
        for expansion in self.expansions:
            where = expansion.family.own.origin(("base",))
            for message, rows in expansion.missing.items():
                in_all = len(rows) == len(expansion.family.rows)
                self.problems.add(where, message if in_all else f"{message} (rows {', '.join(rows)})")


Way = tuple[tuple["Expansion", str], ...]
"""The rows whose ``init.run`` or ``weights.run`` led here."""


@dataclass(frozen=True)
class _Resolved:
    """A row's settings at its first seed and split, and its replicas."""

    settings: Settings
    leaves: Leaves
    replicas: tuple[Replica, ...]


class Expansion:
    """Resolves the rows of one experiment, each once."""

    def __init__(self, family: Family, overrides: tuple[Layer, ...], shared: Shared) -> None:
        self.family = family
        self.overrides = overrides
        self.missing: dict[str, list[str]] = {}
        """What stands nowhere -> the rows that lack it."""
        self._shared = shared
        self._rows: dict[str, _Resolved | None] = {}
        shared.expansions.append(self)

    def row(self, name: str) -> Row | None:
        """Return one row at all its seeds and splits, or None after reporting what is wrong."""
        if self.family.fuses(name):
            return self._fused_row(name)
        found = self._resolved(name, ())
        if found is None:
            return None
        settings = {**_flatten(found.settings), "seed": found.replicas[0].seed}
        origins = {".".join(path): leaf.origin for path, leaf in with_evaluation(found.leaves).items()}
        if self.family.seeds[1]:
            origins.setdefault("seed", self.family.seeds[1])
        return self._row(name, settings, origins, found.replicas)

    def _row(
        self,
        name: str,
        settings: Mapping[str, Any],
        origins: Mapping[str, str],
        replicas: tuple[Replica, ...] | tuple[FusedReplica, ...],
    ) -> Row:
        key, cells = published_key(self.family, name, settings)
        labels = _labels(self.family.rows[name]) or {"row": name}
        return Row(name, labels, settings, origins, key, cells, replicas)

    def _resolved(self, name: str, way: Way) -> _Resolved | None:
        if name not in self._rows:
            try:
                self._rows[name] = self._resolve(name, (*way, (self, name)))
            except _WrongRowError:
                self._rows[name] = None
        return self._rows[name]

    def _resolve(self, name: str, way: Way) -> _Resolved:
        leaves = self.family.leaves(name, self.overrides)
        seeds = self._chosen(leaves, SEED, "seeds", *self.family.seeds)
        splits = self._chosen(leaves, SPLIT, "splits", *self.family.splits)
        found: list[_Resolved] = []
        for split in splits or (None,):
            at_split = leaves if split is None else overlay(leaves, self._split_layer(split))
            settings = self._settings(at_split, name)
            # A file has nothing to draw from a seed.
            is_file = settings.weights is not None and settings.weights.run is None
            used = (seeds or (settings.seed,))[: 1 if is_file else None]
            replicas = tuple(self._replica(settings, seed, split, at_split, way) for seed in used)
            found.append(_Resolved(settings, at_split, replicas))
        every = tuple(replica for resolved in found for replica in resolved.replicas)
        return _Resolved(found[0].settings, found[0].leaves, every)

    def _chosen(
        self, leaves: Leaves, field: KeyPath, several: str, values: tuple[int, ...], given_in: str | None
    ) -> tuple[int, ...]:
        """Return the seeds or splits to run at; nothing where the row's settings hold the only one."""
        if field not in leaves:
            return values
        origin = leaves[field].origin
        if given_in and values and origin != SET:
            message = f"{'.'.join(field)}: {several} in {given_in} say this already; only --set may pick one of them"
            self._shared.problems.add(origin, message)
        return ()

    def _split_layer(self, split: int) -> Layer:
        return flatten(Fragment({"data.split": split}, self.family.splits[1] or self.family.own.label))

    def _settings(self, leaves: Leaves, name: str) -> Settings:
        """Validate one row at one split; mistakes are reported with the line they stand in."""
        settings, mistakes = resolve(leaves)
        for where, message in mistakes:
            if where:
                self._shared.problems.add(where, message)
            elif not any(source.faulty for source in self.family.sources):  # it may be in what was left out
                rows = self.missing.setdefault(message, [])
                rows.extend([name] if name not in rows else [])
        if settings is None:
            self._check_source(leaves, name)
            raise _WrongRowError
        return settings

    def _check_source(self, leaves: Leaves, name: str) -> None:
        """Report an ``init.run`` or ``weights.run`` that leads nowhere, for a row that has other mistakes already."""
        for path in RUNS:
            leaf = leaves.get(path)
            if leaf and isinstance(leaf.value, str) and "#" in leaf.value:
                try:
                    self._find_source(leaf.value, name)
                except ConfigError as error:
                    self._shared.problems.add_error(leaf.origin, ".".join(path), error)

    def _replica(self, settings: Settings, seed: int, split: int | None, leaves: Leaves, way: Way) -> Replica:
        weights = self._start(settings, seed, split, leaves, way)
        if settings.weights is None:
            weights = Training(
                data=settings.data, subset=settings.subset, clip=settings.clip, network=settings.network,
                head=settings.head, recipe=settings.recipe, init=weights, seed=seed, select=settings.select,
                validation=settings.validation,
            )  # fmt: skip
        assert weights is not None
        training = weights if isinstance(weights, Training) else None
        if training and training.network != settings.network:
            assert settings.weights is not None
            theirs, ours = training.network.model_dump(), settings.network.model_dump()
            field = next(name for name in ours if ours[name] != theirs.get(name))
            message = (
                f"network.{field}: {ours[field]!r}, but the network of {settings.weights.run} has {theirs.get(field)!r}"
            )
            self._shared.problems.add(place(leaves, ("network", field)) or self.family.own.label, message)
            raise _WrongRowError
        measured = settings.evaluate
        if training and training.clip.modality != measured.clip.modality:
            message = (
                f"clip.modality: {measured.clip.modality}, but the network was trained on {training.clip.modality}"
            )
            fields: tuple[KeyPath, ...] = (("evaluate", "clip", "modality"), ("clip", "modality"))
            given = next((where for field in fields if (where := place(leaves, field))), self.family.own.label)
            self._shared.problems.add(given, message)
            raise _WrongRowError
        evaluation = Evaluation(
            weights=weights, network=settings.network, head=settings.head, data=measured.data, subset=measured.subset,
            clip=measured.clip, protocol=measured.protocol, allow_seen_videos=measured.allow_seen_videos,
        )  # fmt: skip
        if training:
            self._check_leak(training, evaluation, leaves)
        return Replica(seed, split, training, evaluation)

    def _check_leak(self, training: Training, evaluation: Evaluation, leaves: Leaves) -> None:
        """Report an evaluation of a network on videos that it may have been trained on."""
        found = leak(evaluation, stages(training))
        if found and not evaluation.allow_seen_videos:
            # One of these is given, or the data would be the same everywhere.
            given = {path[:2] for path in leaves}
            field = next(path for path in (("evaluate", "data"), *RUNS) if path in given)
            where = place(leaves, field)
            assert where is not None
            self._shared.problems.add(where, f"{'.'.join(field)}: {found}; {FORCE_HINT}")

    def _start(self, settings: Settings, seed: int, split: int | None, leaves: Leaves, way: Way) -> Weights | None:
        """Return the weights to start from or to evaluate: a training or a file."""
        start = settings.weights or settings.init
        if start is None:
            return None
        given = next(name for name in ("file", "released", "run") if getattr(start, name) is not None)
        field: KeyPath = ("weights" if settings.weights else "init", given)
        try:
            if start.file is not None:
                sha256 = start.sha256 or self._shared.checksum(start.file)
                return WeightsFile(file=start.file, sha256=sha256, adapt=start.adapt)
            if start.released is not None:
                return WeightsFile(released=start.released, adapt=start.adapt)
            assert isinstance(start, Start)
            assert start.run is not None  # it has exactly one of the two
            return self._source(start.run, seed, split, way)
        except ConfigError as error:
            where = place(leaves, field) or self.family.own.label
            self._shared.problems.add_error(where, ".".join(field), error)
            raise _WrongRowError from None

    def _source(self, reference: str, seed: int, split: int | None, way: Way) -> Weights:
        """Return the weights of ``experiment#row`` at this scale, and at this seed and split where it has several.

        ``#row`` is a row of this experiment as it is run; a named experiment is taken as it stands, without ``--set``.
        """
        found = self._find_source(reference, way[-1][1])
        if found is None:
            raise _WrongRowError
        if found in way:
            steps = [f"{step.family.own.name}#{row}" for step, row in (*way, found)]
            raise ConfigError(f"{' -> '.join(steps)} goes round in a circle")
        expansion, row = found
        resolved = expansion._resolved(row, way)
        if resolved is None:
            raise _WrongRowError
        return replica_at(resolved.replicas, reference, seed, split).evaluation.weights

    def _find_source(self, reference: str, name: str) -> "tuple[Expansion, str] | None":
        """Return the row that ``reference`` names in row ``name``: that one or, in a matrix, that one at its values.

        None when its file can't be used; ConfigError if it isn't there.
        """
        file, _, row = reference.rpartition("#")
        expansion = self._shared.expansion(file, self.family.scale) if file else self
        if expansion is None:
            return None
        family = expansion.family
        if row not in family.rows:
            values = [choice.word for axis, choice in self.family.rows[name].items() if axis != "row"]
            row = "/".join((row, *values)) if "/".join((row, *values)) in family.rows else row
        if row not in family.rows:
            raise ConfigError(f"{family.own.name} has no row {row!r}; {nearest(row, family.rows)}")
        if family.fuses(row):
            raise ConfigError(f"{family.own.name}#{row} itself fuses other rows; name one of those")
        return expansion, row

    def _fused_row(self, name: str) -> Row | None:
        """Return a row that joins the scores of others; None after reporting what is wrong with it or with them."""
        named = self.family.named_row(name)
        if named is None or named.fuse is None:
            return None
        own, given = self.family.own, ("rows", self.family.rows[name]["row"].word)
        streams: dict[str, Row] = {}
        names: dict[str, str] = {}
        origins = {f"fuse.{stream}": own.origin((*given, "fuse", stream)) for stream in named.fuse}
        for stream, reference in named.fuse.items():
            try:
                found = self._find_source(from_folder(reference, own.document.path.parent), name)
            except ConfigError as error:
                self._shared.problems.add_error(origins[f"fuse.{stream}"], f"fuse.{stream}", error)
            else:
                if found and (row := found[0].row(found[1])):
                    streams[stream], names[stream] = row, f"{found[0].family.own.name}#{found[1]}"
        if len(streams) < len(named.fuse):
            return None
        try:
            replicas = fused_replicas(streams, names, named.fusion, self._splits_and_seeds(name))
        except ConfigError as error:
            self._shared.problems.add_error(own.origin((*given, "fuse")), "fuse", error)
            return None
        origins |= {f"fusion.{field}": own.origin((*given, "fusion", field)) for field in named.fusion.model_fields_set}
        for row in streams.values():
            origins = {**row.origins, **origins}
        return self._row(name, fused_settings(streams, names, named.fusion), origins, replicas)

    def _splits_and_seeds(self, name: str) -> list[tuple[int | None, int]]:
        """Return those of the file, or what a fused row's settings pick, for it and for what it joins."""
        leaves = self.family.leaves(name, self.overrides)
        split, seed = (leaves[field].value if field in leaves else None for field in (SPLIT, SEED))
        splits = self._chosen(leaves, SPLIT, "splits", *self.family.splits) or (split,)
        seeds = self._chosen(leaves, SEED, "seeds", *self.family.seeds) or (seed or 0,)
        return list(itertools.product(splits, seeds))


class _WrongRowError(Exception):
    """A row has a mistake, which is reported already."""


def _labels(combination: Combination) -> dict[str, str]:
    """Name each axis by its last word, or in full where two end in the same."""
    last = [axis.rsplit(".", 1)[-1] for axis in combination]
    return {
        (word if last.count(word) == 1 else axis): choice.word
        for word, (axis, choice) in zip(last, combination.items(), strict=True)
    }


def _flatten(spec: Spec, prefix: str = "") -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name in type(spec).model_fields:
        value = getattr(spec, name)
        if isinstance(value, Spec):
            result.update(_flatten(value, f"{prefix}{name}."))
        else:
            result[f"{prefix}{name}"] = value
    return result
