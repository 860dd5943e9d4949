"""The grammar of an experiment file, and finding and reading one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from videobench.errors import ConfigError
from videobench.spec.base import OptionalPathText, Spec
from videobench.spec.clip import Clip
from videobench.spec.dataset import Dataset, Subset
from videobench.spec.merge import Fragment
from videobench.spec.network import Network
from videobench.spec.problems import Problems, nearest, validate
from videobench.spec.protocol import Protocol
from videobench.spec.reading import Document, KeyPath, read_yaml
from videobench.spec.recipe import Recipe
from videobench.spec.units import Validation, WeightsFile

Scale = Literal["paper", "gpu", "cpu", "smoke"]
SCALES: tuple[Scale, ...] = ("paper", "gpu", "cpu", "smoke")
Scalar = str | int | float | bool | None


class PublishedCells(Spec):
    """Which published numbers stand beside ours.

    ``row`` and ``cells`` may quote a row's settings in braces: ``{network.name}``, ``{evaluate.protocol.clips}``.
    """

    table: str = Field(pattern=r"^[a-z0-9_]+/[a-z0-9_]+$")
    row: dict[str, str | None] = {}
    """Key columns of the published table that find the row."""
    cells: dict[str, str] = {}
    """Our metric -> the published column."""
    show: tuple[str, ...] = ()
    """Further columns of our record worth a place in the table, such as the cost."""


class ScaleBlock(Spec):
    """What changes when an experiment runs at another scale: data, size, width, recipe numbers, source run, seeds."""

    base: dict[str, Any] = {}
    rows: dict[str, dict[str, Any]] = {}
    """Row name, or its beginning -> changes."""
    seeds: tuple[int, ...] | None = None


class ExperimentFile(Spec):
    """One published table or figure, or a user's own comparison."""

    title: str
    extends: str | None = None
    """Another experiment whose base, scales and published table this one starts from (one level)."""
    scale: Scale = "paper"
    """The scale that ``base`` describes."""
    published: PublishedCells | None = None
    base: dict[str, Any] = {}
    rows: dict[str, dict[str, Any]] = {}
    """Row name -> changes to base; ``published`` inside a row gives its published key columns."""
    matrix: dict[str, tuple[Scalar, ...]] = {}
    """Setting -> values; every combination (with every row) becomes a row."""
    exclude: tuple[dict[str, Scalar], ...] = ()
    seeds: tuple[int, ...] = Field(default=(0,), min_length=1)
    splits: tuple[int, ...] = ()
    """Official splits or folds; a row's result is the mean over them."""
    scales: dict[Scale, ScaleBlock] = {}


class Start(Spec):
    """Where a training starts: another experiment's row, or a file."""

    run: str | None = None
    file: OptionalPathText = None
    sha256: str | None = None

    @model_validator(mode="after")
    def _one_source(self) -> "Start":
        if (self.run is None) == (self.file is None):
            raise ValueError("give either run (experiment#row) or file")
        return self


class EvaluateSettings(Spec):
    """How a row is measured; data and clip start from the training's."""

    data: Dataset
    subset: Subset = "test"
    clip: Clip
    protocol: Protocol = Protocol()


class Settings(Spec):
    """Everything a row sets, after merging: the vocabulary of ``base``, of rows and of ``--set``."""

    data: Dataset
    subset: Subset = "train"
    clip: Clip
    network: Network
    recipe: Recipe = Recipe()
    init: Start | None = None
    weights: WeightsFile | None = None
    """Evaluate this file instead of training."""
    evaluate: EvaluateSettings
    validation: Validation = Validation()
    seed: int = 0


@dataclass(frozen=True)
class Source:
    """A file as read: its grammar checked, its fragments not yet merged."""

    name: str
    """Shipped name (``closer_look/table2``) or the path as given."""
    document: Document
    file: ExperimentFile

    @property
    def label(self) -> str:
        return str(self.document.path)

    def fragment(self, content: Mapping[str, Any], *prefix: str) -> Fragment:
        """Return part of the file as a fragment that knows its lines and folder."""
        return Fragment(content, self.label, self.document.lines, prefix, self.document.path.parent)

    def origin(self, path: KeyPath) -> str:
        """Return ``file:line`` of the field at ``path``."""
        return self.fragment({}).origin(path)


@dataclass(frozen=True)
class SharedScale(Source):
    """The settings all experiments share at one scale; as a source it has no rows of its own."""

    block: ScaleBlock


def shipped_folder() -> Path:
    """Return the folder of the experiments that come with videobench, installed or in a checkout."""
    package = Path(__file__).parent.parent
    installed = package / "experiments"
    return installed if installed.is_dir() else package.parent / "experiments"


def shipped_names() -> list[str]:
    """Return the names of all shipped experiments, such as ``closer_look/table2``."""
    folder = shipped_folder()
    paths = (path.relative_to(folder) for path in folder.rglob("*.yaml"))
    return sorted(path.with_suffix("").as_posix() for path in paths if path.parts[0] != "scales")


def find_experiment(name: str, beside: Path | None = None) -> tuple[str, Path]:
    """Return the name and the file of an experiment given as a path or a shipped name.

    Raises ConfigError with the nearest shipped names when there is no such thing.
    """
    for candidate in ([beside / name] if beside else []) + [Path(name)]:
        if candidate.suffix in (".yaml", ".yml") and candidate.is_file():
            return _name_of(candidate, name), candidate
    shipped = shipped_folder() / f"{name}.yaml"
    if name in shipped_names() and shipped.is_file():
        return name, shipped
    if name.endswith((".yaml", ".yml")):
        raise ConfigError("there is no such experiment file", where=name)
    raise ConfigError(f"there is no shipped experiment {name!r}", hint=nearest(name, shipped_names()))


def read_experiment(name: str, path: Path, problems: Problems) -> Source | None:
    """Read and check the grammar of one file; mistakes go to ``problems``."""
    document = read_yaml(path)
    for line, message in document.problems:
        problems.add(f"{path}:{line}", message)
    return _checked(name, document, problems)


def read_shared_scale(scale: Scale, problems: Problems) -> SharedScale | None:
    """Return the settings that all experiments share at ``scale``, if there are any."""
    path = shipped_folder() / "scales" / f"{scale}.yaml"
    if not path.is_file():
        return None
    document = read_yaml(path)
    block, mistakes = validate(ScaleBlock, document.content)
    _report(document, mistakes, problems)
    return SharedScale(scale, document, ExperimentFile(title=scale), block) if block else None


def _name_of(path: Path, given: str) -> str:
    """A file inside the shipped folder goes by its shipped name wherever it is named from."""
    try:
        return path.resolve().relative_to(shipped_folder().resolve()).with_suffix("").as_posix()
    except ValueError:
        return given


def _checked(name: str, document: Document, problems: Problems) -> Source | None:
    file, mistakes = validate(ExperimentFile, document.content)
    _report(document, mistakes, problems)
    if file is None:
        # Leave the faulty fields out and go on, so that one pass reports everything that is wrong.
        faulty = {path[0] for path, _ in mistakes}
        rest = {key: value for key, value in document.content.items() if key not in faulty}
        file, _ = validate(ExperimentFile, {"title": name, **rest})
    return Source(name, document, file) if file else None


def _report(document: Document, mistakes: list[tuple[KeyPath, str]], problems: Problems) -> None:
    fragment = Fragment({}, str(document.path), document.lines)
    for path, message in mistakes:
        problems.add(fragment.origin(path), f"{'.'.join(path)}: {message}" if path else message)


PublishedCheck = Callable[[PublishedCells], list[str]]
"""Says what is wrong with a reference to a published table; the published numbers live in a layer above."""
