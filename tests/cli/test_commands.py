"""The command line's shape: what it offers, what it costs to ask, and what programs can read."""

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest
import typer
from commands import call, write_experiment
from videobench_cli.app import app

TOP: click.Group = typer.main.get_command(app)  # type: ignore[assignment]


def _flat(group: click.Group, prefix: str = "") -> dict[str, click.Command]:
    """Return every command by its whole name, such as ``scores ls``."""
    commands: dict[str, click.Command] = {}
    for name, command in group.commands.items():
        nested = hasattr(command, "commands")  # typer's groups are no longer click's
        commands |= _flat(command, f"{prefix}{name} ") if nested else {prefix + name: command}
    return commands


COMMANDS = _flat(TOP)

RUN = ["experiment", "--scale", "--set", "--only", "--failed", "--keep-going", "--jobs", "--device", "--home"]
SNAPSHOT = {
    "train": RUN,
    "finetune": ["experiment", "--from", *RUN[1:]],
    "eval": [
        *(name for name in RUN if name != "--failed"),
        "--from-scores",
        "--fuse",
        "--fusion",
        "--weights",
        "--plot",
        "--json",
    ],
    "table": [
        "experiment",
        "--scale",
        "--set",
        "--only",
        "--home",
        "--format",
        "--write",
        "--against",
        "--plot",
        "--brief",
        "--check",
        "--tolerance",
    ],
    "compare": ["runs", "--metric", "--flips", "--scale", "--home", "--json"],
    "ls": ["what", "--home", "--json"],
    "plan": ["experiment", "--scale", "--set", "--only", "--settings", "--home", "--json"],
    "weights ls": ["--home", "--json"],
    "weights get": ["name", "--home"],
    "weights inspect": ["file", "--json"],
    "weights convert": ["file", "--to", "--classes"],
    "weights export": ["source", "--to", "--scale", "--home"],
    "models": ["pattern", "--frames", "--size", "--classes", "--width", "--modality", "--count", "--json"],
    "scores ls": ["--home", "--json"],
    "scores export": ["run", "file", "--per", "--scale", "--home"],
    "scores report": ["run", "--confusion", "--scale", "--home", "--json"],
    "scores gc": ["--yes", "--home"],
    "data index": ["experiment", "--scale", "--set", "--only", "--jobs", "--home", "--json"],
    "data check": ["experiment", "--scale", "--set", "--only", "--deep", "--jobs", "--home", "--json"],
    "data prepare": [
        "experiment",
        "--out",
        "--size",
        "--gop",
        "--crf",
        "--scale",
        "--set",
        "--only",
        "--jobs",
        "--home",
        "--json",
    ],
    "data preview": [
        "experiment",
        "--subset",
        "--videos",
        "--video",
        "--protocol",
        "--seed",
        "--out",
        "--scale",
        "--set",
        "--only",
        "--home",
    ],
    "data flow": [
        "experiment",
        "--algorithm",
        "--out",
        "--bound",
        "--size",
        "--scale",
        "--set",
        "--only",
        "--jobs",
        "--home",
        "--json",
    ],
    "doctor": ["--home", "--json"],
}
"""What scripts rely on: a change here is a change for users and belongs into CHANGELOG.md."""


def test_commands_and_options_are_frozen() -> None:
    """The commands, their arguments and options are those of the snapshot; at most twelve commands."""
    found = {
        name: [
            parameter.name if isinstance(parameter, click.Argument) else parameter.opts[0]
            for parameter in command.params
        ]
        for name, command in COMMANDS.items()
    }
    assert found == SNAPSHOT
    assert len(TOP.commands) <= 12


@pytest.mark.parametrize("name", SNAPSHOT)
def test_help(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every help begins with a short line and has examples of this very command, each unbroken at 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")
    shown = call(*name.split(), "--help")
    assert shown.code == 0
    help_text = COMMANDS[name].help or ""
    first, _, rest = help_text.partition("\n")
    assert len(first) <= 70
    examples = [line.strip() for line in rest.splitlines() if line.startswith("  videobench")]
    assert examples
    for example in examples:
        assert example.startswith(f"videobench {name}")
        assert f"\n   {example} " in shown.out


def test_examples_are_true() -> None:
    """Every option and shipped experiment that an example names exists."""
    from videobench.spec.experiment import shipped_names

    for name, command in COMMANDS.items():
        for line in (command.help or "").splitlines():
            if not line.startswith("  videobench"):
                continue
            words = line.removeprefix(f"  videobench {name}").split()
            options = [word for word in words if word.startswith("--")]
            known = {option for parameter in command.params for option in parameter.opts}
            assert set(options) <= known, line
            if "experiment" in SNAPSHOT[name] and not words[0].endswith(".yaml") and words[0] != "--fuse":
                assert words[0] in shipped_names(), line


@pytest.mark.parametrize(
    ("arguments", "absent"),
    [
        (["--help"], {"torch", "pandas", "pydantic", "numpy", "av", "pyarrow", "yaml"}),
        (["--version"], {"torch", "pandas", "pydantic", "numpy", "av", "pyarrow", "yaml"}),
        (["train", "--help"], {"torch", "pandas", "numpy", "av", "pyarrow", "yaml"}),
        (["ls"], {"torch", "av", "pyarrow"}),
        (["plan", "demo", "--settings"], {"torch", "av", "pyarrow", "pandas"}),
        (["table", "demo"], {"torch", "av"}),
        (["plan", "no such thing", "--settings"], {"torch", "av", "pyarrow", "pandas"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_asking_is_cheap(arguments: list[str], absent: set[str], tmp_path: Path) -> None:
    """What takes long to import is imported only where it is needed."""
    code = (
        "import sys\n"
        "from videobench_cli.app import main\n"
        f"sys.argv = ['videobench', *{arguments!r}]\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        f"print(*sorted({absent!r} & sys.modules.keys()), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stderr.splitlines()[-1:] in ([], [""]), done.stderr
    assert done.stdout or "no such thing" in arguments


def test_json_is_for_programs(tmp_path: Path) -> None:
    """Every --json prints JSON and nothing else, with the keys that scripts read."""
    path = write_experiment(tmp_path)
    listed = json.loads(call("ls", "--home", tmp_path, "--json").out)
    assert {"experiment", "scale", "rows", "evaluations", "done"} <= listed[0].keys()
    (row,) = json.loads(call("plan", path, "--settings", "--json").out)
    assert row["settings"]["network.width"] == 2
    assert row["origins"]["network.width"].endswith("small.yaml:6")
    plan = json.loads(call("plan", path, "--home", tmp_path, "--json").out)
    assert plan.keys() == {"rows", "trainings", "evaluations", "fusions", "missing"}
    sizes = json.loads(call("models", "R3D-*", "--width", "4", "--size", "32", "--json").out)
    assert len(sizes) == 5 * 6
    assert {"network", "head", "parameters", "operations"} <= sizes[0].keys()
    assert all(check["ok"] for check in json.loads(call("doctor", "--home", tmp_path, "--json").out))
    table = call("table", path, "--home", tmp_path, "--format", "json")
    assert json.loads(table.out)


def test_tables_for_people(tmp_path: Path) -> None:
    """The same commands print tables for people, whole lines in a pipe."""
    path = write_experiment(tmp_path, "matrix:\n  network.name: [R3D, MC3]\n")
    assert "closer_look/table2" in call("ls", "--home", tmp_path).out
    shown = call("plan", path, "--settings").out
    assert "small.yaml:6" in shown
    assert "what differs between the rows" in shown
    assert "R(2+1)D" in call("models", "--width", "4", "--size", "32").out
    assert "H.264 written and read" in call("doctor", "--home", tmp_path).out
    assert call("--version").out.startswith("videobench ")


def test_a_reader_that_goes_away(tmp_path: Path) -> None:
    """`videobench ls | head -1` ends quietly."""
    code = "from videobench_cli.app import main; main()"
    command = f'"{sys.executable}" -c "{code}" plan demo --settings | head -1'
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.stderr == ""


def test_as_a_module() -> None:
    """Launchers that start modules find the command line."""
    command = [sys.executable, "-m", "videobench_cli", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("videobench ")
