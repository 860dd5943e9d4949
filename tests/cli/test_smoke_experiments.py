"""Every shipped experiment can be read at each of its scales, and its smallest run works."""

from pathlib import Path

import pytest
from commands import call
from videobench_cli.loading import load, scales_of

from videobench.spec.experiment import shipped_names

CASES = [(name, scale) for name in shipped_names() for scale in scales_of(name)]


@pytest.mark.parametrize(("name", "scale"), CASES)
def test_it_reads(name: str, scale: str) -> None:
    """All rows resolve, with the published numbers they name."""
    experiment = load(name, scale, None)  # type: ignore[arg-type]
    assert [replica.digest for row in experiment.rows for replica in row.replicas]


@pytest.mark.parametrize("name", [name for name, scale in CASES if scale == "smoke"])
def test_its_first_row_runs_at_smoke_scale(name: str, tmp_path: Path) -> None:
    """From video files to a table, on networks of two channels where they get that small."""
    row = load(name, "smoke", None).rows[0]
    first = row.name
    home = tmp_path / "home"
    sources = [row.settings.get(field) or "" for field in ("init.run", "weights.run")]
    starts_elsewhere = any(source.partition("#")[0] for source in sources)
    settings = [
        # --set reaches no other experiment, and not every network gets small
        *(() if starts_elsewhere or "network.width" not in row.settings else ("network.width=2",)),
        "data.train_videos_per_class=1",
        "evaluate.protocol=clip",
        "evaluate.data.train_videos_per_class=1",
    ]
    arguments = [f"--set={setting}" for setting in settings]
    done = call("train", name, "--scale", "smoke", "--only", first, "--home", home, *arguments)
    assert done.code == 0, done.err
    assert first.split("/")[0] in done.out
