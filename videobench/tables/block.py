"""Put a rendered table into a text file, between markers that stay."""

from pathlib import Path

from videobench.errors import ConfigError
from videobench.records import write_atomically


def write_block(path: Path, name: str, text: str) -> bool:
    """Fill the block ``name`` of a file and say whether that changed anything; the rest stays byte for byte.

    A block lies between the lines ``<!-- table:begin NAME -->`` and ``<!-- table:end NAME -->``. ConfigError when
    the file or exactly one pair of markers isn't there.
    """
    begin, end = f"<!-- table:begin {name} -->", f"<!-- table:end {name} -->"
    try:
        content = path.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"can't read the file to write the table into: {error}", where=str(path)) from error
    before, found_begin, rest = content.partition(begin)
    _, found_end, after = rest.partition(end)
    if not (found_begin and found_end) or begin in rest or end in before + after:
        raise ConfigError(
            f"no single block {name!r}",
            where=str(path),
            hint=f"Put these two lines where the table should stand, once:\n{begin}\n{end}",
        )
    filled = f"{before}{begin}\n\n{text.strip()}\n\n{end}{after}"
    if filled == content:
        return False
    write_atomically(path, filled)
    return True
