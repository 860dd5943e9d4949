"""From settings to objects: every network, the schedules as the papers state them, and data sets."""

from pathlib import Path
from typing import Any, get_args

import pytest
import torch
from small_experiment import write_videos

from videobench.errors import DataError
from videobench.runner.build import (
    build_dataset,
    build_learning_rate,
    build_network,
    build_optimiser,
    network_sizes,
    worthwhile_workers,
)
from videobench.runner.workspace import Workspace
from videobench.spec.dataset import ClassFolders, SyntheticMotion
from videobench.spec.network import Network, VideoResNetName
from videobench.spec.recipe import OneCycleSchedule, Recipe


@pytest.mark.parametrize("name", get_args(VideoResNetName))
def test_every_network_is_built(name: Any) -> None:
    """Every name that an experiment may write is a network that classifies clips."""
    model = build_network(Network(name=name, width=2), num_classes=5, frames=8)
    model.eval()
    with torch.inference_mode():
        assert model(torch.zeros(1, 3, 8, 16, 16)).shape == (1, 5)


def test_the_papers_schedule() -> None:
    """P1: ten epochs of warm-up to 0.01 per 32 clips scaled to the batch, then a tenth every ten epochs."""
    recipe = Recipe(batch=64, reference_batch=32, epoch_clips=6400, epochs=45)
    rate = build_learning_rate(recipe)
    assert recipe.num_steps == 4500
    assert rate.at(0) < 0.005
    assert [rate.at(step) for step in (1000, 1999)] == pytest.approx([0.02, 0.02])
    assert [rate.at(step) for step in (2000, 2999, 3000, 4499)] == pytest.approx([2e-3, 2e-3, 2e-4, 2e-5])


def test_one_cycle_ends_at_nothing() -> None:
    """One cycle rises to the peak over the warm-up and falls to almost nothing at the end."""
    recipe = Recipe(
        batch=4, micro_batch=4, reference_batch=4, learning_rate=0.1, epoch_clips=400, epochs=2, warmup_epochs=0.5,
        schedule=OneCycleSchedule(type="one_cycle"),
    )  # fmt: skip
    rate = build_learning_rate(recipe)
    rates = [rate.at(step) for step in range(recipe.num_steps)]
    assert max(rates) == pytest.approx(0.1)
    assert rates.index(max(rates)) == 50
    assert rates[-1] < 0.001
    assert rates[50:] == sorted(rates[50:], reverse=True)


def test_the_optimiser_spares_what_the_authors_spare() -> None:
    """Weights decay; biases and BatchNorm's shifts don't."""
    model = build_network(Network(name="R3D", width=2), num_classes=3, frames=2)
    optimiser = build_optimiser(Recipe(), model)
    decays = {group["weight_decay"] for group in optimiser.param_groups}
    assert decays == {0.0, 1e-4}
    assert all(group["nesterov"] and group["momentum"] == 0.9 for group in optimiser.param_groups)


def test_sizes_are_the_papers() -> None:
    """R3D-18 and R(2+1)D-18 have the parameters that P1's Table 2 prints: 33.4 M and 33.3 M."""
    sizes = {
        (size["name"], size["depth"]): size for size in network_sizes(frames=8, size=112, num_classes=400, width=64)
    }
    assert sizes["R3D", 18]["conv_fc_weights"] / 1e6 == pytest.approx(33.4, abs=0.06)
    assert sizes["R(2+1)D", 18]["conv_fc_weights"] / 1e6 == pytest.approx(33.3, abs=0.06)


def test_subsets_that_are_not_there(tmp_path: Path) -> None:
    """A subset that the data doesn't have is an error that names it, never a crash."""
    write_videos(tmp_path / "videos")
    spec = ClassFolders(type="class_folders", name="small", root=str(tmp_path / "videos"))
    with pytest.raises(DataError, match="val"):
        build_dataset(spec, "validation", Workspace(tmp_path))
    with pytest.raises(DataError, match="train and test"):
        build_dataset(SyntheticMotion(type="synthetic_motion"), "validation", Workspace(tmp_path))


def test_processes_are_started_where_they_pay() -> None:
    """A handful of videos is read here; more of them by as many processes as pay for their start."""
    assert [worthwhile_workers(videos, 8) for videos in (0, 6, 31, 32, 1000)] == [1, 1, 1, 2, 8]
