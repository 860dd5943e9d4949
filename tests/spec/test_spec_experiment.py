"""Finding and reading experiment files."""

from pathlib import Path

import pytest
from experiment_files import MINIMAL, load, shipped, write

from videobench.errors import ConfigError
from videobench.spec.expand import load_experiment, row_matches
from videobench.spec.experiment import find_experiment, plain_word, read_experiment, shipped_folder, shipped_names
from videobench.spec.problems import Problems

__all__ = ["shipped"]  # a fixture


def test_an_experiment_is_a_path_or_a_shipped_name(
    tmp_path: Path, shipped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names of shipped experiments have no suffix, paths end in .yaml or .yml; a shipped file keeps its name."""
    write(shipped, MINIMAL, "paper/table1.yaml")
    path = shipped / "paper" / "table1.yaml"
    assert shipped_names() == ["paper/table1"]  # shared scales are none
    assert find_experiment("paper/table1") == ("paper/table1", path)
    assert find_experiment(str(path)) == ("paper/table1", path)
    monkeypatch.chdir(shipped)
    assert find_experiment("paper/table1.yaml") == ("paper/table1", Path("paper/table1.yaml"))
    own = write(tmp_path, MINIMAL, "own.yml")
    assert find_experiment(own) == (own, Path(own))
    assert load_experiment("paper/table1").rows[0].name == "table1"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("paper/tabel1", "there is no shipped experiment 'paper/tabel1'\ndid you mean paper/table1?"
         " legal: paper/table1; a file of your own ends in .yaml"),
        ("paper/table1.yaml", "paper/table1.yaml: there is no such experiment file\nshipped experiments: did you mean"
         " paper/table1? legal: paper/table1"),
        ("", "there is no shipped experiment ''"),
        ("../shipped/paper/table1", "there is no shipped experiment"),
        ("scales/cpu", "there is no shipped experiment"),
        ("\0", "there is no shipped experiment"),
        ("a" * 5000 + ".yaml", "there is no such experiment file"),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("shipped")
def test_an_experiment_that_is_not_there(shipped: Path, name: str, message: str) -> None:
    """A wrong name is an error with the nearest shipped one."""
    write(shipped, MINIMAL, "paper/table1.yaml")
    with pytest.raises(ConfigError) as caught:
        find_experiment(name)
    assert message in str(caught.value)


def test_the_real_shipped_folder_is_found() -> None:
    """In a checkout the experiments lie beside the package."""
    assert (shipped_folder() / "scales" / "cpu.yaml").is_file()
    assert "closer_look/table2" in shipped_names()


def test_a_faulty_file_is_read_as_far_as_possible(tmp_path: Path) -> None:
    """Wrong fields are left out of what is read, and reported."""
    problems = Problems()
    path = Path(write(tmp_path, f"{MINIMAL}seeds: none\nrows: {{a: 3, b: {{}}}}\nx: 1\n"))
    source = read_experiment("own", path, problems)
    assert source is not None
    assert list(source.file.rows) == ["b"]
    assert source.file.seeds == (0,)
    assert source.faulty == {"seeds", "rows", "x"}
    with pytest.raises(ConfigError, match="3 mistakes"):
        problems.raise_any()


def test_an_experiment_carries_its_name_title_and_path(tmp_path: Path) -> None:
    """What the file is called and says about itself is kept."""
    experiment = load(tmp_path, MINIMAL)
    assert (experiment.name, experiment.path) == (f"{tmp_path}/own.yaml", tmp_path / "own.yaml")
    assert (experiment.title, experiment.scale, experiment.table, experiment.show) == ("made up", "paper", None, ())


@pytest.mark.parametrize(
    ("name", "pattern", "matches"),
    [
        ("R3D/8", "R3D", True), ("R3D/8", "R3D/8", True), ("R3D/8", "*/8", True), ("R3D/16", "*/8", False),
        ("R3D/8", "R3", False), ("f-R3D/8", "R3D", False), ("R(2+1)D/8", "R(2+1)D", True), ("a[1]/8", "a[1]", True),
        ("a[1]/8", "a[1]/*", True), ("a1/8", "a[1]*", False), ("R3D/8", "r3d", False), ("MC2/8", "MC?/8", True),
    ],
)  # fmt: skip
def test_row_patterns(name: str, pattern: str, matches: bool) -> None:
    """A pattern is a row's name, its beginning, or has * and ?; brackets are plain."""
    assert row_matches(name, pattern) is matches


def test_scalars_are_words_as_a_file_writes_them() -> None:
    """Null, truth values and whole floats read as YAML does."""
    assert list(map(plain_word, (None, True, False, 8, 1.0, 0.5, 1e-4, "x"))) == [
        "null", "true", "false", "8", "1", "0.5", "0.0001", "x",
    ]  # fmt: skip
