from collections.abc import Iterator

import pytest

from videobench.runner import inputs, prepare


@pytest.fixture(autouse=True, scope="session")
def _no_pools() -> Iterator[None]:
    """A handful of videos needs no other processes to read them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prepare, "num_cores", lambda: 1)
        yield


@pytest.fixture(autouse=True)
def _nothing_open() -> None:
    """Tests change videos on disk, which a process looks at only once."""
    inputs._opened.clear()
