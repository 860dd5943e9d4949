from pathlib import Path

import pytest

from videobench.errors import ConfigError
from videobench.tables.block import write_block

PAGE = "# Title\r\n<!-- table:begin a -->\nold\n<!-- table:end a -->\ntext <!-- table:begin b --><!-- table:end b -->"


def test_a_block_is_filled_and_filling_it_again_changes_nothing(tmp_path: Path) -> None:
    """Only what lies between the markers changes, and the second time nothing does."""
    path = tmp_path / "page.md"
    path.write_bytes(PAGE.encode())
    assert write_block(path, "a", "| new |\n") is True
    once = path.read_bytes()
    assert once == PAGE.replace("\nold\n", "\n\n| new |\n\n").encode()
    assert write_block(path, "a", "| new |\n") is False
    assert path.read_bytes() == once
    assert write_block(path, "b", "other") is True
    assert b"table:begin b -->\n\nother\n\n<!-- table:end b" in path.read_bytes()


@pytest.mark.parametrize(
    "page",
    [
        "no markers",
        "<!-- table:begin a -->",
        "<!-- table:end a --><!-- table:begin a -->",
        "<!-- table:begin ab --><!-- table:end ab -->",
        2 * "<!-- table:begin a --><!-- table:end a -->",
        "<!-- table:end a --><!-- table:begin a --><!-- table:end a -->",
    ],
)
def test_a_file_without_one_pair_of_markers_is_left_alone(tmp_path: Path, page: str) -> None:
    """The error shows the two lines to put in."""
    path = tmp_path / "page.md"
    path.write_text(page)
    with pytest.raises(ConfigError, match=r"no single block 'a'\n.*\n<!-- table:begin a -->"):
        write_block(path, "a", "text")
    assert path.read_text() == page


def test_a_missing_file_is_a_config_error(tmp_path: Path) -> None:
    """The path is named."""
    with pytest.raises(ConfigError, match=r"page\.md: can't read"):
        write_block(tmp_path / "page.md", "a", "text")
