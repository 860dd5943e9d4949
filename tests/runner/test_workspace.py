"""Where things lie, who may write there, and what is remembered of a training."""

import errno
import subprocess
import sys
from pathlib import Path

import pytest

from videobench.errors import ConfigError, DataError
from videobench.runner.workspace import TrainingFolder, Workspace, explaining_full_disk

HOLD = """
import sys, time
from pathlib import Path
from videobench.runner.workspace import TrainingFolder
with TrainingFolder(Path(sys.argv[1])).locked():
    print("locked", flush=True)
    time.sleep(60)
"""


def test_a_training_runs_once_at_a_time(tmp_path: Path) -> None:
    """The lock of another process is an error that names it; killed, it leaves no lock behind."""
    folder = TrainingFolder(tmp_path / "training")
    with subprocess.Popen([sys.executable, "-c", HOLD, str(folder.path)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"locked\n"
        with pytest.raises(ConfigError, match=f"process {holder.pid} is running this training"), folder.locked():
            pass
        holder.kill()
        holder.wait()
    with folder.locked():
        assert folder.path.is_dir()


def test_a_home_that_cannot_be_written_to(tmp_path: Path) -> None:
    """A file where the results' folder should be is an error that says what to do."""
    (tmp_path / "results").write_text("in the way")
    with pytest.raises(DataError, match=r"nothing can be written here .*\n.*--home"):
        Workspace(tmp_path).check_writable()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS])
def test_a_full_disk_is_the_users_problem(number: int) -> None:
    """A write that the disk refuses becomes an error with the file and what to do."""
    with (
        pytest.raises(DataError, match=r"scores\.parquet: the disk takes no more(.|\n)*make room"),
        explaining_full_disk(),
    ):
        raise OSError(number, "no room", "scores.parquet")


def test_other_failures_of_the_system_stay_what_they_are() -> None:
    """An OSError that isn't the disk's is a bug and keeps its traceback."""
    with pytest.raises(FileNotFoundError), explaining_full_disk():
        raise FileNotFoundError(errno.ENOENT, "no such file", "x")


def test_what_a_training_was_begun_on(tmp_path: Path) -> None:
    """A training without a checkpoint may begin on any videos; one with a checkpoint only on the same."""
    folder = TrainingFolder(tmp_path)
    assert folder.data_fingerprint() is None
    folder.begin(data_fingerprint="one")
    folder.begin(data_fingerprint="two")
    assert folder.data_fingerprint() == "two"
    folder.checkpoint.touch()
    folder.begin(data_fingerprint="two")
    with pytest.raises(DataError, match="not those this training was begun on"):
        folder.begin(data_fingerprint="three")
    folder.begun.unlink()  # a checkpoint from elsewhere can't be compared
    folder.begin(data_fingerprint="three")


def test_failures_are_remembered(tmp_path: Path) -> None:
    """A failure leaves its kind and message in the folder."""
    folder = TrainingFolder(tmp_path)
    assert not folder.has_failed()
    folder.remember_failure(DataError("broken", where="here"))
    assert folder.has_failed()
    assert '"here: broken"' in folder.failure.read_text()


def test_data_lies_where_the_variable_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """$VIDEOBENCH_DATA holds data sets by name; without it they lie under the home's runs."""
    monkeypatch.delenv("VIDEOBENCH_DATA", raising=False)
    assert Workspace(tmp_path).dataset_folder("ucf101") == tmp_path / "runs" / "data" / "ucf101"
    monkeypatch.setenv("VIDEOBENCH_DATA", "/data")
    assert Workspace(tmp_path).dataset_folder("ucf101") == Path("/data/ucf101")
