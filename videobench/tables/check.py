"""The gate: a table that fails when its numbers have moved."""

from videobench.errors import RegressionError
from videobench.tables.document import percent
from videobench.tables.result import TableResult


def check(result: TableResult, tolerance_points: float) -> None:
    """RegressionError with every cell that lies further than the tolerance from its published number.

    At other scales than the paper's, no cell can be compared; there a claim fails that is contradicted by more
    than the tolerance. What is pending fails as well, and so does a table with nothing to check: a gate that
    passes without having measured anything is none.
    """
    faults = [
        f"{row.name}, {cell.metric}: pending; {cell.command}"
        for row in result.rows
        for cell in row.cells
        if cell.verdict == "pending"
    ]
    num_checked = 0
    for row in result.rows:
        for cell in row.cells:
            if cell.difference is None or cell.published is None or cell.verdict == "n/c":
                continue
            num_checked += 1
            if abs(cell.difference.value) * 100 > tolerance_points:
                points = percent(cell.difference.value, cell.published.decimals, sign=True)
                faults.append(f"{row.name}, {cell.metric}: {points} points from {cell.published.text}")
    for statement in result.statements:
        num_checked += statement.weakest is not None
        if (
            statement.verdict == "contradict"
            and statement.weakest is not None
            and -statement.weakest.value * 100 > tolerance_points
        ):
            points = percent(statement.weakest.value, 1, sign=True)
            where = f"{statement.column}, {statement.group or 'all videos'}"
            faults.append(f"claim {statement.claim} ({where}): contradicted, {points} points")
    if faults:
        raise RegressionError(
            f"{len(faults)} outside a tolerance of {tolerance_points:g} points:\n"
            + "\n".join(f"  {fault}" for fault in faults),
            where=result.experiment,
        )
    if num_checked == 0:
        raise RegressionError("nothing to check: no cell can be compared", where=result.experiment)
