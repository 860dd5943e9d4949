"""One data set's name stands for the same videos in every row, whatever clips are cut from them."""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol, get_args

from videobench.errors import ConfigError
from videobench.records import has_record, read_record
from videobench.runner.workspace import Workspace
from videobench.spec.base import identity
from videobench.spec.dataset import Subset
from videobench.spec.units import Evaluation


class Measured(Protocol):
    """An evaluation of a plan, its rows and its digest."""

    @property
    def evaluation(self) -> Evaluation: ...
    @property
    def digest(self) -> str: ...
    @property
    def label(self) -> str: ...


def refuse_other_videos(nodes: Sequence[Measured]) -> None:
    """ConfigError where rows measure one subset of one data set on different videos: no table could hold them."""
    for first, other in _pairs(nodes):
        one, another = _choice(first.evaluation), _choice(other.evaluation)
        if one == another:
            continue
        differing = sorted(name for name in one.keys() | another.keys() if one.get(name) != another.get(name))
        raise ConfigError(
            f"rows {first.label} and {other.label} measure different {first.evaluation.subset} videos of"
            f" {first.evaluation.data.name}: they differ in data.{', data.'.join(differing)}",
            hint="give every row the same test videos: no video is too short for a clip; or run an experiment for each",
        )


def measured_on_other_videos(nodes: Sequence[Measured], workspace: Workspace) -> Iterator[str]:
    """Say which finished evaluations of one subset saw different videos: files changed, or some could not be read."""
    done = [node for node in nodes if has_record(workspace.records, node.digest)]
    for first, other in _pairs(done):
        one, another = (read_record(workspace.records, node.digest).data for node in (first, other))
        if one.videos_fingerprint != another.videos_fingerprint:
            yield (
                f"{first.label} was measured on {one.num_evaluated} videos of {one.name} and {other.label} on"
                f" {another.num_evaluated}, which are not the same; delete the older one's record and"
                f" measure it again: {first.digest} or {other.digest}"
            )


def _pairs(nodes: Sequence[Measured]) -> Iterator[tuple[Measured, Measured]]:
    """Yield each evaluation with the first one that names the same videos."""
    firsts: dict[tuple[Any, ...], Measured] = {}
    for node in nodes:
        data = node.evaluation.data
        key = (data.name, node.evaluation.subset, getattr(data, "split", None), getattr(data, "version", None))
        first = firsts.setdefault(key, node)
        if first is not node:
            yield first, node


def _choice(evaluation: Evaluation) -> dict[str, Any]:
    """Return the fields that decide which videos are measured."""
    others = [subset for subset in get_args(Subset) if subset != evaluation.subset]
    irrelevant = {"on_error", "classes", *others, *(f"{subset}_videos_per_class" for subset in others)}
    return {name: value for name, value in identity(evaluation.data).items() if name not in irrelevant}
