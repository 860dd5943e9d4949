"""The grammar of an experiment file, and finding and reading one."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator

from videobench.errors import ConfigError
from videobench.spec.base import BrokenRule, Spec
from videobench.spec.explain import AnySpec, validate, without
from videobench.spec.fusion import FusionSettings
from videobench.spec.merge import Fragment
from videobench.spec.problems import Problems, nearest
from videobench.spec.reading import Document, KeyPath, read_yaml
from videobench.spec.settings import NO_ROW, Settings, names_row

Scale = Literal["paper", "gpu", "cpu", "smoke"]
SCALES: tuple[Scale, ...] = ("paper", "gpu", "cpu", "smoke")

_Item = TypeVar("_Item")


def plain_word(value: Any) -> str:
    """Return a scalar as a file holds it: ``null``, ``true``, ``8``, ``0.5``, ``1`` (for 1.0 too)."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value).removesuffix(".0") if isinstance(value, float) else str(value)


def _single(value: Any) -> Any:
    if isinstance(value, dict | list):
        raise ValueError("a value here must be a word or a number, no list or mapping")
    return value


def _distinct(values: tuple[_Item, ...]) -> tuple[_Item, ...]:
    words = [plain_word(value) for value in values]
    for word in words:
        if words.count(word) > 1:
            raise ValueError(f"{word} stands here {words.count(word)} times")
    return values


def _text_of_number(value: Any) -> Any:
    return plain_word(value) if isinstance(value, int | float) else value


Scalar = Annotated[str | int | float | bool | None, PlainValidator(_single)]
Seeds = Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1), AfterValidator(_distinct)]
Splits = Annotated[tuple[Annotated[int, Field(ge=1)], ...], AfterValidator(_distinct)]
Values = Annotated[tuple[Scalar, ...], Field(min_length=1), AfterValidator(_distinct)]
KeyText = Annotated[str | None, BeforeValidator(_text_of_number)]
"""A cell of a published key column: text as printed, or null where the paper has a dash."""


class PublishedCells(Spec):
    """Which published numbers stand beside ours.

    ``row`` and ``cells`` may quote a row's settings in braces: ``{network.name}``, ``{evaluate.protocol.clips}``.
    """

    table: str = Field(pattern=r"^[a-z0-9_]+/[a-z0-9_]+$")
    row: dict[str, KeyText] = {}
    """Key columns of the published table that find the row."""
    cells: dict[str, str] = {}
    """Our metric -> the published column."""
    show: tuple[str, ...] = ()
    """Further columns of our record worth a place in the table, such as the cost."""


class NamedRow(Spec):
    """What a named row says beside its settings."""

    published: dict[str, KeyText] | None = {}
    """Its own key into the published table; null where the paper has no such row."""
    cells: dict[str, str] = {}
    """Its own columns, over those of the file."""
    fuse: dict[str, str] | None = None
    """Stream -> ``experiment#row``, or ``#row`` of the same file, whose scores it joins; it has no settings then."""
    fusion: FusionSettings = FusionSettings()

    def broken_rules(self) -> Iterable[BrokenRule]:
        if self.fuse is not None and len(self.fuse) < 2:
            yield BrokenRule("name two streams or more", ("fuse",))
        for stream, reference in (self.fuse or {}).items():
            if not names_row(reference):
                yield BrokenRule(f"{reference!r} {NO_ROW}", (f"fuse.{stream}",))
        if self.fuse is None and self.fusion != FusionSettings():
            yield BrokenRule("there is nothing to fuse: write fuse: {rgb: '#row', flow: '#row'}", ("fusion",))
        weights = self.fusion.weights
        if self.fuse is not None and weights is not None and weights.keys() != self.fuse.keys():
            yield BrokenRule(f"give one weight to each of {', '.join(self.fuse)}", ("fusion.weights",))


class ScaleBlock(Spec):
    """What changes when an experiment runs at another scale: data, size, width, recipe numbers, source run, seeds."""

    base: dict[str, Any] = {}
    rows: dict[str, dict[str, Any]] = {}
    """Row name, or its beginning -> changes."""
    seeds: Seeds | None = None
    splits: Splits | None = None
    """Another data set has other splits; an empty list is none."""


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
    """Row name -> changes to base, and what a ``NamedRow`` says beside them."""
    matrix: dict[str, Values] = {}
    """Setting -> values; every combination (with every row) becomes a row."""
    exclude: tuple[Annotated[dict[str, Scalar], Field(min_length=1)], ...] = ()
    seeds: Seeds = (0,)
    splits: Splits = ()
    """Official splits or folds; a row's result is the mean over them."""
    scales: dict[Scale, ScaleBlock] = {}


@dataclass(frozen=True)
class Source:
    """A file as read: its grammar checked, its fragments not yet merged."""

    name: str
    """Shipped name (``closer_look/table2``) or the path as given."""
    document: Document
    file: ExperimentFile
    named_rows: Mapping[str, NamedRow | None]
    """Row name -> what it says beside its settings; None where that has a mistake which leaves nothing to resolve."""
    faulty: frozenset[str] = frozenset()
    """Top-level fields with a mistake in them, about which nothing more should be concluded."""

    @property
    def label(self) -> str:
        return str(self.document.path)

    def fragment(self, content: Mapping[str, Any], *prefix: str) -> Fragment:
        """Return part of the file as a fragment that knows its lines and folder."""
        return Fragment(content, self.label, self.document.lines, prefix, self.document.path.parent)

    def origin(self, path: KeyPath) -> str:
        """Return ``file:line`` of the field at ``path``."""
        return self.fragment({}).origin(path)


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


def find_experiment(name: str) -> tuple[str, Path]:
    """Return the name and the file of an experiment given as a path or a shipped name.

    Raises ConfigError with the nearest shipped names when there is no such thing.
    """
    path = Path(name)
    is_file_name = path.suffix in (".yaml", ".yml")
    if is_file_name and _is_file(path):
        return _name_of(path, name), path
    shipped = shipped_names()
    if name in shipped:
        return name, shipped_folder() / f"{name}.yaml"
    if is_file_name:
        hint = nearest(name.removesuffix(path.suffix), shipped).removeprefix("legal: ")
        raise ConfigError("there is no such experiment file", where=name, hint=f"shipped experiments: {hint}")
    hint = "; ".join(filter(None, (nearest(name, shipped), "a file of your own ends in .yaml")))
    raise ConfigError(f"there is no shipped experiment {name!r}", hint=hint)


def read_experiment(name: str, path: Path, problems: Problems) -> Source | None:
    """Read and check the grammar of one file; mistakes go to ``problems``.

    What is faulty is left out of the result, so that one pass reports everything that is wrong.
    """
    document = read_yaml(path)
    file, faulty = _checked(document, ExperimentFile, problems)
    if file is None:
        rest = without(document.content, faulty)
        file, mistakes = validate(ExperimentFile, {"title": name, **rest})
        if file is None:
            left = {mistake.path[0] for mistake in mistakes if mistake.path}
            file, _ = validate(ExperimentFile, {"title": name, **without(rest, {(field,) for field in left})})
    if file is None:
        return None
    named_rows = {row: _named_row(row, content, document, problems) for row, content in file.rows.items()}
    broken = {path[0] for path in faulty if path} | {field for field, *_ in document.faulty}
    return Source(name, document, file, named_rows, frozenset(broken))


def read_shared_scale(scale: Scale, problems: Problems) -> tuple[Source, ScaleBlock] | None:
    """Return the settings that all experiments share at ``scale``, if there are any, and their file."""
    path = shipped_folder() / "scales" / f"{scale}.yaml"
    if not path.is_file():
        return None
    document = read_yaml(path)
    block, _ = _checked(document, ScaleBlock, problems)
    return (Source(scale, document, ExperimentFile(title=scale), {}), block) if block else None


def _checked(document: Document, model: type[AnySpec], problems: Problems) -> tuple[AnySpec | None, set[KeyPath]]:
    """Validate a file's content; report mistakes and return where they are."""
    fragment = Fragment({}, str(document.path), document.lines)
    for line, message in document.problems:
        problems.add(f"{document.path}:{line}", message)
    value, mistakes = validate(model, document.content)
    for mistake in mistakes:
        message = mistake.message
        if mistake.kind == "extra_forbidden" and mistake.path[0] in Settings.model_fields:
            message = "this is a setting, not a field of the file: write it under base"
        problems.add(fragment.origin(mistake.path), ": ".join(filter(None, (".".join(mistake.path), message))))
    return value, {mistake.path for mistake in mistakes}


def _named_row(name: str, content: Mapping[str, Any], document: Document, problems: Problems) -> NamedRow | None:
    fragment = Fragment({}, str(document.path), document.lines, ("rows", name))
    row, mistakes = validate(NamedRow, {field: content[field] for field in NamedRow.model_fields if field in content})
    for mistake in mistakes:
        path = next(iter(mistake.fields), mistake.path)
        problems.add(fragment.origin(path), f"{'.'.join(('rows', name, *path))}: {mistake.message}")
    if content.get("fuse") is None:
        return row or NamedRow()
    for setting in content.keys() - NamedRow.model_fields.keys():
        message = "a row that fuses others has no settings of its own: they are those of the rows that it names"
        problems.add(fragment.origin((setting,)), f"rows.{name}.{setting}: {message}")
    return row or validate(NamedRow, {"fuse": content["fuse"]})[0]  # so that the rows it names are looked for


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name too long for the file system, for example
        return False


def _name_of(path: Path, given: str) -> str:
    """A file inside the shipped folder goes by its shipped name wherever it is named from."""
    try:
        return path.resolve().relative_to(shipped_folder().resolve()).with_suffix("").as_posix()
    except ValueError:
        return given


PublishedCheck = Callable[[PublishedCells], Iterable[str]]
"""Says what is wrong with a reference to a published table; the published numbers live in a layer above."""
