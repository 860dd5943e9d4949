"""A run as people name it on a command line, and the records it stands for.

`closer_look/table2#R3D/8` is a row of an experiment with all its seeds and splits; `3f3d59c3` is one record, by the
beginning of its digest (what tables print in their last column).
"""

import re
from dataclasses import dataclass
from pathlib import Path

from videobench.errors import ConfigError
from videobench.records import Record, has_record, read_record
from videobench.spec.expand import load_experiment
from videobench.spec.experiment import Scale
from videobench.spec.problems import nearest

_DIGEST_PREFIX = re.compile(r"^[0-9a-f]{6,16}$")


@dataclass(frozen=True)
class Run:
    """``records`` in the row's order of splits and seeds; ``name`` is what the user called it."""

    name: str
    records: tuple[Record, ...]


def find_run(reference: str, *, scale: Scale | None, folder: Path) -> Run:
    """Return the records in ``folder`` that ``reference`` names; ``scale`` is that of an experiment's row.

    ConfigError when there is no such row or record, or not yet a record for each seed and split of the row.
    """
    if "#" in reference:
        return _row_of_experiment(reference, scale, folder)
    if not _DIGEST_PREFIX.match(reference):
        raise ConfigError(
            f"{reference!r} names no run",
            hint="write EXPERIMENT#ROW, such as closer_look/table2#R3D/8, or what a table prints under run: 3f3d59c3",
        )
    digests = [path.stem for path in sorted(folder.glob(f"{reference}*.json"))]
    if len(digests) != 1:
        found = f"{len(digests)} records begin with it: {', '.join(digests)}" if digests else "no record begins with it"
        raise ConfigError(
            f"{reference}: {found}", where=str(folder), hint="--home names the folder that holds results/"
        )
    return Run(reference, (read_record(folder, digests[0]),))


def _row_of_experiment(reference: str, scale: Scale | None, folder: Path) -> Run:
    name, _, row_name = reference.partition("#")
    experiment = load_experiment(name, scale=scale)
    names = [row.name for row in experiment.rows]
    if row_name not in names:
        raise ConfigError(f"{experiment.name} has no row {row_name!r}", hint=nearest(row_name, names))
    row = experiment.rows[names.index(row_name)]
    digests = [replica.digest for replica in row.replicas]
    missing = [digest for digest in digests if not has_record(folder, digest)]
    if missing:
        raise ConfigError(
            f"{len(missing)} of {len(digests)} evaluations of {reference}, {experiment.scale} scale, have no record",
            where=str(folder),
            hint=f"videobench eval '{experiment.name}' --scale {experiment.scale} --only '{row_name}' makes them;"
            " --scale and --home choose others",
        )
    return Run(reference, tuple(read_record(folder, digest) for digest in digests))
