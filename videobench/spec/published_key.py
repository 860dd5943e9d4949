"""Which published row and columns stand beside a row of ours."""

import re
from collections.abc import Mapping
from typing import Any

from videobench.spec.experiment import PublishedCheck, plain_word
from videobench.spec.family import Family
from videobench.spec.problems import Problems, nearest

Key = Mapping[str, str | None]

_IN_BRACES = re.compile(r"\{([^{}]*)\}")


def check_published(family: Family, check: PublishedCheck, problems: Problems) -> None:
    """Report references to published tables, rows and columns that don't exist."""
    if family.published is None:
        return
    published, where = family.published
    for message in check(published):
        problems.add(where, f"published: {message}")
    for row, key in family.own.row_keys.items():
        unknown = set(key or ()) - set(published.row)
        if key and unknown:
            for message in check(published.model_copy(update={"row": {column: key[column] for column in unknown}})):
                problems.add(family.own.origin(("rows", row, "published")), f"rows.{row}.published: {message}")


def published_key(
    family: Family, name: str, settings: Mapping[str, Any], problems: Problems
) -> tuple[Key | None, dict[str, str]]:
    """Return the key columns of row ``name`` (None: the paper has no such row) and, by metric, the columns."""
    if family.published is None:
        return None, {}
    published, where = family.published
    named = family.rows[name].get("row")
    own = family.own.row_keys.get(named.word, {}) if named else {}

    def quoted(text: str) -> str:
        """Fill ``{network.name}`` from the row's settings."""
        for field in _IN_BRACES.findall(text):
            if field not in quotable:
                hint = nearest(field, quotable).partition("legal:")[0].strip()
                problems.add(where, f"published: there is no setting {field!r}; {hint}".rstrip("; "))
        return _IN_BRACES.sub(lambda match: plain_word(quotable.get(match[1])), text)

    quotable = {"row": name, **settings}
    cells = {metric: quoted(text) for metric, text in published.cells.items()}
    if own is None:
        return None, cells
    return {column: text and quoted(text) for column, text in {**published.row, **own}.items()}, cells
