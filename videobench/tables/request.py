"""What a table should show: plain values, made from an experiment file by whoever reads those."""

from collections.abc import Mapping
from dataclasses import dataclass

from videobench.records import Scale
from videobench.tables.verdict import MARGIN_POINTS


@dataclass(frozen=True, kw_only=True)
class TableRow:
    """One row of a table to be.

    ``labels`` are its leading columns; ``published_row`` the key columns that find it in the published table
    (None for a row of our own); ``digests`` its evaluations, one a seed and split, seeds in the same order in
    every row; ``cells`` our metric -> the published column (None where the paper has none); ``settings`` the flat
    fields of the resolved evaluation; ``command`` fills the row while it is pending.
    """

    name: str
    labels: Mapping[str, str]
    published_row: Mapping[str, str | None] | None
    digests: tuple[str, ...]
    cells: Mapping[str, str | None]
    settings: Mapping[str, object]
    command: str


@dataclass(frozen=True, kw_only=True)
class TableRequest:
    """A table to be; ``data_note`` names the data in words ('synthetic-motion version 1').

    ``cost`` are the costs to show ('training_seconds'). ``margin_points``: how close `match` is.
    ``paper`` and ``table`` are None for a comparison of one's own. ``against``: the row to compare the others with.
    """

    title: str
    experiment: str
    scale: Scale
    paper: str | None
    table: str | None
    rows: tuple[TableRow, ...]
    data_note: str
    cost: tuple[str, ...] = ()
    margin_points: float = MARGIN_POINTS
    against: str | None = None
