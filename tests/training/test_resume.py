"""The promise that counts most: a training killed at any moment goes on as if nothing had happened."""

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
import tiny_training
from tiny_training import LONG, WAYS, same, tiny_network, train_tiny

from videobench.training.checkpoint import CheckpointFile


@pytest.mark.parametrize("way", WAYS)
def test_killed_at_a_random_moment_and_resumed(tmp_path: Path, way: str) -> None:
    """After two ``kill -9`` at random moments the weights end as those of an uninterrupted run, bit for bit."""
    file = CheckpointFile(path=tmp_path / "checkpoint.safetensors", identity="tiny")
    moments = [(random.randint(1, LONG // 3), random.random() * 0.05) for _ in range(2)]
    for num_lines, seconds in moments:
        with subprocess.Popen(
            [sys.executable, tiny_training.__file__, str(file.path), way], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            for _ in range(num_lines):
                line = process.stdout.readline()
            time.sleep(seconds)
            process.kill()
        assert int(line) < LONG - 1, "the training ended before it was killed"

    build, changes = WAYS[way]
    networks, reports = [tiny_network(), tiny_network()], [[], []]
    for network, reported, checkpoint in zip(networks, reports, (file, None), strict=True):
        train_tiny(
            network,
            build(network),
            num_steps=LONG,
            checkpoint=checkpoint,
            report=reported.append,
            report_every_seconds=0.0,
            **changes(network),
        )
    resumed, straight = reports
    assert 1 < resumed[0].step < LONG, f"nothing was resumed: killed at {moments}"
    assert same(networks[0].state_dict(), networks[1].state_dict()), f"killed at {moments}"
    rates = [report.learning_rate for report in straight]
    assert [report.learning_rate for report in resumed] == rates[-len(resumed) :]
    assert len(set(rates[LONG // 3 :])) > 1, "the rate has nothing to remember"
