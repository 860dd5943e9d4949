"""From the command line's words to an experiment, its plan and its workspace."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from videobench.spec.expand import Experiment
    from videobench.spec.experiment import Scale


def load(name: str, scale: "Scale | None", settings: Sequence[str] | None) -> "Experiment":
    """Read an experiment, its references to published numbers checked too."""
    from videobench.spec.expand import load_experiment
    from videobench.tables.from_experiment import check_published

    return load_experiment(name, scale=scale, settings=settings or (), check_published=check_published)


def experiment_name(name: str) -> str:
    """Return how a person would type this experiment again."""
    return name if " " not in name else f"'{name}'"


def results_folder(home: Path) -> Path:
    return home / "results" / "records"


def scales_of(name: str) -> "list[Scale]":
    """Return the scales an experiment can run at, its own first."""
    from videobench.spec.experiment import SCALES, find_experiment, read_experiment
    from videobench.spec.problems import Problems

    problems = Problems()
    shown, path = find_experiment(name)
    source = read_experiment(shown, path, problems)
    problems.raise_any()
    assert source is not None
    own = source.file.scale
    return [own, *(scale for scale in SCALES if scale in source.file.scales and scale != own)]
