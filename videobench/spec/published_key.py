"""Which published row and columns stand beside a row of ours."""

import re
from collections.abc import Mapping
from typing import Any

from videobench.spec.experiment import PublishedCheck, plain_word
from videobench.spec.family import Family
from videobench.spec.problems import Problems, nearest
from videobench.spec.settings import Settings
from videobench.spec.vocabulary import field_names

Key = Mapping[str, str | None]

_IN_BRACES = re.compile(r"\{([^{}]*)\}")


def check_references(family: Family, check: PublishedCheck, problems: Problems) -> None:
    """Report references to published tables, rows and columns that don't exist."""
    if family.published is None:
        return
    published, where = family.published
    messages = list(check(published))
    for message in messages:
        problems.add(where, f"published: {message}")
    for row, key in _own_keys(family).items():
        own = {column: text for column, text in key.items() if column not in published.row}
        for message in check(published.model_copy(update={"row": own})) if own and not messages else ():
            problems.add(family.own.origin(("rows", row, "published")), f"rows.{row}.published: {message}")


def check_quotations(family: Family, problems: Problems) -> None:
    """Report quoted settings that no row can have."""
    legal = {"row", *field_names(Settings)}
    texts = [(family.own.origin(("rows", row, "published")), key) for row, key in _own_keys(family).items()]
    texts += [
        (family.own.origin(("rows", row, "cells")), named.cells)
        for row, named in family.own.named_rows.items()
        if named
    ]
    if family.published:
        published, where = family.published
        texts += [(where, published.row), (where, published.cells)]
    for where, quoting in texts:
        for field in _IN_BRACES.findall(" ".join(filter(None, quoting.values()))):
            if field not in legal:
                meant = nearest(field, sorted(legal)).partition("legal:")[0].strip()
                problems.add(where, f"published: there is no setting {field!r}" + (f"; {meant}" if meant else ""))


def published_key(family: Family, name: str, settings: Mapping[str, Any]) -> tuple[Key | None, dict[str, str]]:
    """Return the key columns of row ``name`` (None: the paper has no such row) and, by metric, the columns."""
    if family.published is None:
        return None, {}
    published = family.published[0]
    own = family.named_row(name)
    assert own is not None  # such rows are not resolved

    def quoted(text: str) -> str:
        """Fill ``{network.name}`` from the row's settings."""
        return _IN_BRACES.sub(lambda match: plain_word(quotable.get(match[1])), text)

    quotable = {"row": name, **settings}
    cells = {metric: quoted(text) for metric, text in {**published.cells, **own.cells}.items()}
    if own.published is None:
        return None, cells
    return {column: text and quoted(text) for column, text in {**published.row, **own.published}.items()}, cells


def _own_keys(family: Family) -> dict[str, Key]:
    """Return the named rows that have key columns of their own."""
    return {row: named.published for row, named in family.own.named_rows.items() if named and named.published}
