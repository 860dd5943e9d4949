"""What holds for the project as a whole: who may import whom, how long a module is, what no file names."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MAX_LINES = 400


def tracked(*patterns: str) -> list[Path]:
    """Return the project's files: those under version control and new ones that are not ignored."""
    command = ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this is not a checkout")
    return [path for line in done.stdout.splitlines() if (path := ROOT / line).is_file()]


def test_imports_point_downward() -> None:
    """The layers of pyproject.toml hold."""
    lint = Path(sys.executable).parent / "lint-imports"
    if not lint.is_file():
        pytest.skip("import-linter is not installed")
    done = subprocess.run([lint, "--no-cache"], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("package", ["spec", "records", "published", "tables"])
def test_light_packages_load_no_torch(package: str) -> None:
    """Everything in it can be imported without torch, so that `table` answers at once."""
    source = ROOT / "videobench"
    files = (
        [source / f"{package}.py"] if (source / f"{package}.py").is_file() else sorted((source / package).glob("*.py"))
    )
    names = [".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for file in files]
    assert names
    code = f"import sys, {', '.join(names)}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_numpy_only_modules_load_no_torch() -> None:
    """Statistics and views are for tables and plans too."""
    code = "import sys, videobench.evaluation.statistics, videobench.evaluation.views; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_no_module_is_long() -> None:
    """A module is one subject, read in one go."""
    long = {path.name: lines for path in tracked("*.py") if (lines := len(path.read_text().splitlines())) > MAX_LINES}
    assert long == {}


def test_packages_export_nothing() -> None:
    """`__init__.py` files stay empty but for the docstring, so importing a module loads nothing beside it."""
    for path in tracked("videobench/**/__init__.py", "videobench/__init__.py", "cli/__init__.py"):
        assert "import" not in path.read_text(), path


def test_no_file_names_a_machine() -> None:
    """No path of the machine that a file was written on is left in it."""
    path_of_a_machine = re.compile(r"(?<![\w.<])/(?:Users|root|work|tmp/vb)/[\w.]+")
    found = []
    for path in tracked():
        if path.suffix in {".png", ".parquet", ".safetensors", ".mp4"} or path == Path(__file__):
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            if path_of_a_machine.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}")
    assert found == []
