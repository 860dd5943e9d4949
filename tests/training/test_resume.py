"""The promise that counts most: a training killed at any moment goes on as if nothing had happened."""

import random
import subprocess
import sys
import time
from pathlib import Path

import tiny_training
from tiny_training import LONG, same, tiny_network, tiny_sgd, train_tiny

from videobench.training.checkpoint import CheckpointFile


def test_killed_at_a_random_moment_and_resumed(tmp_path: Path) -> None:
    """After two ``kill -9`` at random moments the weights end as those of an uninterrupted run, bit for bit."""
    file = CheckpointFile(path=tmp_path / "checkpoint.safetensors", identity="tiny")
    moments = [(random.randint(1, LONG // 3), random.random() * 0.05) for _ in range(2)]
    for num_lines, seconds in moments:
        with subprocess.Popen(
            [sys.executable, tiny_training.__file__, str(file.path)], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            for _ in range(num_lines):
                line = process.stdout.readline()
            time.sleep(seconds)
            process.kill()
        assert int(line) < LONG - 1, "the training ended before it was killed"

    resumed, straight = tiny_network(), tiny_network()
    steps = []
    train_tiny(
        resumed,
        tiny_sgd(resumed),
        num_steps=LONG,
        checkpoint=file,
        report=lambda progress: steps.append(progress.step),
        report_every_seconds=0.0,
    )
    train_tiny(straight, tiny_sgd(straight), num_steps=LONG)
    assert 1 < steps[0] < LONG, f"nothing was resumed: killed at {moments}"
    assert same(resumed.state_dict(), straight.state_dict()), f"killed at {moments}"
