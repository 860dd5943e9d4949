"""Every shipped experiment can be read at each of its scales, and its smallest run works."""

from pathlib import Path

import pytest
from commands import call
from videobench_cli.loading import load, scales_of

from videobench.spec.experiment import shipped_names

CASES = [(name, scale) for name in shipped_names() for scale in scales_of(name)]


@pytest.mark.parametrize(("name", "scale"), CASES)
def test_it_reads(name: str, scale: str) -> None:
    """All rows resolve, every row to a unit of its own, with the published numbers it names."""
    experiment = load(name, scale, None)  # type: ignore[arg-type]
    digests = [replica.digest for row in experiment.rows for replica in row.replicas]
    assert digests
    assert len(set(digests)) == len(digests)


@pytest.mark.parametrize("name", [name for name, scale in CASES if scale == "smoke"])
def test_its_first_row_runs_at_smoke_scale(name: str, tmp_path: Path) -> None:
    """From video files to a table, on networks of two channels."""
    row = load(name, "smoke", None).rows[0]
    first = row.name
    home = tmp_path / "home"
    settings = [
        *(() if row.settings.get("weights.run") else ("network.width=2",)),  # --set reaches no other experiment
        "data.train_videos_per_class=1",
        "evaluate.protocol=clip",
        "evaluate.data.train_videos_per_class=1",
    ]
    arguments = [f"--set={setting}" for setting in settings]
    done = call("train", name, "--scale", "smoke", "--only", first, "--home", home, *arguments)
    assert done.code == 0, done.err
    assert first.split("/")[0] in done.out
