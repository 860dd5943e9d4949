"""What is installed from the wheel is whole, works from anywhere and puts nothing else into site-packages."""

import importlib.util
import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGING = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]


def packages_on_disk() -> set[str]:
    """Return the import name of every folder that holds modules or experiments."""
    found = set()
    for source, name in {path: package for package, path in PACKAGING["package-dir"].items()}.items():
        suffix = "*.yaml" if source == "experiments" else "__init__.py"
        for path in (ROOT / source).rglob(suffix):
            found.add(".".join([name, *path.parent.relative_to(ROOT / source).parts]))
    return found | {"videobench.experiments"}


def test_every_package_is_listed() -> None:
    """pyproject.toml names each folder of modules and experiments, so that none is left out of the wheel."""
    assert set(PACKAGING["packages"]) == packages_on_disk()


def test_every_folder_of_modules_is_a_package() -> None:
    """A folder of modules without __init__.py would be left out silently."""
    for source in ("videobench", "cli"):
        for path in (ROOT / source).rglob("*.py"):
            assert (path.parent / "__init__.py").is_file(), path


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if importlib.util.find_spec("setuptools") is None:
        pytest.skip("building a wheel without the network needs setuptools in this environment")
    folder = tmp_path_factory.mktemp("wheel")
    # A copy: setuptools would leave its build folder in the checkout.
    source = folder / "source"
    names = ["pyproject.toml", "README.md", "LICENSE", "videobench", "cli", "experiments"]
    source.mkdir()
    for name in names:
        if (ROOT / name).exists():
            subprocess.run(["cp", "-r", ROOT / name, source / name], check=True)
    command = [sys.executable, "-m", "pip", "wheel", source, "--no-deps", "--no-build-isolation", "--wheel-dir", folder]
    done = subprocess.run([*map(str, command), "--quiet"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (built,) = folder.glob("*.whl")
    return built


def test_what_the_wheel_holds(wheel: Path) -> None:
    """The package, the command line as videobench_cli, experiments, published numbers and the type marker."""
    with zipfile.ZipFile(wheel) as file:
        names = set(file.namelist())
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {"videobench", "videobench_cli"}
    kinetics = "videobench/data/datasets/kinetics400.txt"
    assert {"videobench/py.typed", "videobench_cli/app.py", "videobench/experiments/demo.yaml", kinetics} <= names
    for source, target in (("experiments", "videobench/experiments"), ("videobench/published", "videobench/published")):
        for path in (ROOT / source).rglob("*.yaml"):
            assert f"{target}/{path.relative_to(ROOT / source).as_posix()}" in names
    assert not [name for name in names if "/tests/" in name or name.startswith(("tests", "cli/"))]


def test_it_works_from_anywhere(wheel: Path, tmp_path: Path) -> None:
    """Installed into an empty folder, the commands find the shipped experiments from another directory."""
    target = tmp_path / "installed"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(target), str(wheel)]
    subprocess.run(install, check=True, capture_output=True)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    commands = [["ls"], ["plan", "--settings", "demo"], ["plan", "closer_look/table2", "--scale", "smoke"]]
    code = (
        "import sys, videobench, videobench_cli.app as app\n"
        f"assert videobench.__file__.startswith({str(target)!r}), videobench.__file__\n"
        "for arguments in " + repr(commands) + ":\n"
        "    sys.argv = ['videobench', *arguments]\n"
        "    try:\n        app.main()\n    except SystemExit as end:\n        assert not end.code, end.code\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=elsewhere, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(target)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "closer_look/table2" in done.stdout
    assert str(target) in done.stdout, "settings come from the installed experiments"
    assert "24 of 24 trainings to do" in done.stdout
