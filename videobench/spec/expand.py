"""From an experiment file to its rows: the trainings and evaluations that fill one table.

The order of layers, each over the one before: base of the extended file, base, the scale (shared, then extended
file's, then own), the row, its matrix values, the scale's changes to that row, ``--set``. Then every split and seed
is filled in, unless the row gives its own.
"""

import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from videobench.errors import ConfigError
from videobench.spec.base import Spec, digest
from videobench.spec.experiment import PublishedCheck, Scale
from videobench.spec.family import Combination, Families, Family
from videobench.spec.merge import Fragment, Layer, flatten
from videobench.spec.problems import Problems
from videobench.spec.published_key import check_published as check_references
from videobench.spec.published_key import published_key
from videobench.spec.reading import parse_value
from videobench.spec.replicas import Expansion, Replica
from videobench.spec.rows import report

__all__ = ["Experiment", "Replica", "Row", "load_experiment", "row_matches"]
