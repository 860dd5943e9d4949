"""What must be known beside a row's numbers, as sentences for its footnotes."""

from collections.abc import Iterator

from videobench.records import EvaluatedData
from videobench.tables.found import FoundRow
from videobench.tables.views import ViewCounts

MAX_SKIPPED_NAMED = 3


def notes_on(found: FoundRow, views: ViewCounts) -> Iterator[str]:
    """Yield the notes on a row: missing runs, the records' own notes, videos left out, views that coincide."""
    yield from found.notes
    for record in found.records:
        yield from record.notes
        if record.data.num_evaluated < record.data.num_expected:
            yield _left_out(record.data)
        count = views.of(record)
        if count and count.distinct < count.counted:
            yield (
                f"on average {count.distinct:.1f} of {count.counted:.4g} views are distinct:"
                " those of short videos coincide"
            )


def _left_out(data: EvaluatedData) -> str:
    named = [f"{skipped.video} ({skipped.reason})" for skipped in data.skipped[:MAX_SKIPPED_NAMED]]
    more = len(data.skipped) - len(named)
    text = f"{data.num_expected - data.num_evaluated:,} of {data.num_expected:,} videos left out"
    return text + (f": {', '.join(named)}" if named else "") + (f" and {more:,} more" if more else "")
