"""Files that appear whole or not at all."""

from pathlib import Path

import pytest

from videobench.atomic import replacing


def test_a_file_appears_when_the_block_ends(tmp_path: Path) -> None:
    """Nothing lies under the file's name before, and nothing else is left after."""
    path = tmp_path / "file"
    with replacing(path) as temporary:
        temporary.write_text("new")
        assert not path.exists()
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("fsync", [True, False])
def test_after_an_error_the_old_file_stays(tmp_path: Path, fsync: bool) -> None:
    """Half a file never takes the place of a whole one, and is removed."""
    path = tmp_path / "file"
    path.write_text("old")

    def fail_halfway() -> None:
        with replacing(path, fsync=fsync) as temporary:
            temporary.write_text("ha")
            raise OSError("no space left")

    with pytest.raises(OSError, match="no space"):
        fail_halfway()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
