"""From the merged settings of a row to their validated values, and each mistake to the line it stands in."""

from collections.abc import Iterator
from typing import NamedTuple

from videobench.spec.experiment import ExperimentFile
from videobench.spec.explain import Mistake, validate
from videobench.spec.merge import Leaf, Leaves, covers, nested
from videobench.spec.reading import KeyPath
from videobench.spec.settings import Settings


class Located(NamedTuple):
    """A mistake and where it stands."""

    where: str | None
    """None for a field that is missing and has no neighbours: it stands nowhere."""
    message: str


def resolve(leaves: Leaves) -> tuple[Settings | None, list[Located]]:
    """Return the settings and no mistakes, or None and every mistake, each once."""
    complete = with_evaluation(leaves)
    settings, mistakes = validate(Settings, nested(complete))
    return settings, list(_located(mistakes, complete))


def with_evaluation(leaves: Leaves) -> Leaves:
    """Let the evaluation's data and clip start from the training's."""
    result = dict(leaves)
    own, other = leaves.get(("data", "type")), leaves.get(("evaluate", "data", "type"))
    same_type = other is None or own is None or other.value == own.value
    for path, leaf in leaves.items():
        if path[0] == "clip" or (path[0] == "data" and same_type):
            copy = ("evaluate", *path)
            if not any(covers(given, copy) or covers(copy, given) for given in leaves):
                result[copy] = Leaf(leaf.value, leaf.origin, (leaf.places[0], *leaf.places))
    return result


def place(leaves: Leaves, path: KeyPath) -> str | None:
    """Return where the field stands; one that is missing stands where the mapping does that lacks it."""
    if path in leaves:
        return leaves[path].origin
    for length in range(len(path), 0, -1):
        for other, leaf in leaves.items():
            if other[:length] == path[:length]:
                return leaf.places[length - 1]
    return None


def _located(mistakes: list[Mistake], leaves: Leaves) -> Iterator[Located]:
    found: dict[KeyPath, set[Located]] = {}
    for mistake in mistakes:
        path, message = mistake.path, mistake.message
        where = place(leaves, path)
        if mistake.kind == "extra_forbidden":
            where = _name_place(leaves, path)
            if len(path) == 1 and path[0] in ExperimentFile.model_fields:
                message = "this is a field of the file itself, not a setting"
        elif given := [field for field in leaves if field in mistake.fields]:
            path = given[-1]  # the one laid last is the likelier culprit
            where = leaves[path].origin
        # A missing field stands nowhere itself, so that its neighbours' place tells nothing.
        located = Located(None if mistake.kind == "missing" else where, message)
        if path[:1] == ("evaluate",) and located in found.get(path[1:], ()):
            continue  # inherited from the training's data or clip, where it is reported already
        found.setdefault(path, set()).add(located)
        yield Located(where, f"{'.'.join(path)}: {message}" if path else message)


def _name_place(leaves: Leaves, path: KeyPath) -> str | None:
    return next((leaf.places[len(path) - 1] for other, leaf in leaves.items() if other[: len(path)] == path), None)
