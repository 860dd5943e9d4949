"""One row of a table as the measure of the others: paired differences, tested together."""

from collections.abc import Sequence

from videobench.errors import ConfigError
from videobench.evaluation.statistics import holm
from videobench.tables.found import FoundRow
from videobench.tables.outcomes import PAIRED_METRICS, difference_of
from videobench.tables.result import Against, Difference


class Reference:
    """Every row's differences to the row ``name``; p values are adjusted over the rows of a metric, by Holm.

    ConfigError when there is no such row or when it isn't done.
    """

    def __init__(self, rows: Sequence[FoundRow], name: str) -> None:
        names = [found.row.name for found in rows]
        if name not in names:
            raise ConfigError(f"no row {name!r} to compare with", where="--against", hint=f"legal: {', '.join(names)}")
        self.name = name
        self._row = rows[names.index(name)]
        if not self._row.complete:
            raise ConfigError(f"row {name} isn't done", where="--against", hint=f"to fill it: {self._row.row.command}")
        self._differences: dict[tuple[str, str], Against] = {}
        for metric in self._row.row.cells:
            self._compare(metric, [found for found in rows if self._is_comparable(found, metric)])

    def difference(self, found: FoundRow, metric: str) -> Against | None:
        """``found`` minus the reference; None for the reference itself, and where there is nothing to compare."""
        return self._differences.get((found.row.name, metric))

    def note(self, found: FoundRow) -> str | None:
        """Why a row that is done has no difference."""
        if found.complete and found.fingerprints != self._row.fingerprints:
            return f"it saw other videos than {self.name}: no difference"
        return None

    def _is_comparable(self, found: FoundRow, metric: str) -> bool:
        return (
            found is not self._row
            and found.complete
            and metric in found.row.cells
            and metric in PAIRED_METRICS
            and found.fingerprints == self._row.fingerprints
        )

    def _compare(self, metric: str, rows: Sequence[FoundRow]) -> None:
        found = [difference_of(row.runs, self._row.runs, metric, None) for row in rows]
        adjusted = holm([difference.p for difference in found])
        for row, difference, p_holm in zip(rows, found, adjusted, strict=True):
            interval = difference.interval
            self._differences[row.row.name, metric] = Against(
                difference=Difference(value=difference.value, low=interval.low, high=interval.high),
                p=difference.p,
                p_holm=p_holm,
                test=difference.test,
            )
