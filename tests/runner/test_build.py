"""From settings to objects: every network, the schedules as the papers state them, and data sets."""

from pathlib import Path

import pytest
import torch
from small_experiment import write_videos

from videobench.errors import DataError
from videobench.runner.build import (
    build_dataset,
    build_learning_rate,
    build_optimiser,
    worthwhile_workers,
)
from videobench.runner.workspace import Workspace
from videobench.spec.dataset import ClassFolders, SyntheticMotion
from videobench.spec.recipe import AdamW, OneCycleSchedule, PlateauSchedule, Recipe, Sgd


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
    model = torch.nn.Sequential(torch.nn.Conv3d(1, 2, 1), torch.nn.BatchNorm3d(2), torch.nn.Linear(2, 3))
    optimiser = build_optimiser(Recipe(), model)
    decays = {group["weight_decay"] for group in optimiser.param_groups}
    assert decays == {0.0, 1e-4}
    assert all(group["nesterov"] and group["momentum"] == 0.9 for group in optimiser.param_groups)


def test_the_second_papers_optimisers() -> None:
    """P2: SGD with dampening at 0.01, AdamW at 1e-5; batches of 128 are the reference, everything decays by 1e-3."""
    model = torch.nn.Linear(2, 1)
    plain = Sgd(nesterov=False, dampening=0.9, weight_decay=1e-3, decay_biases=True)
    sgd, adamw = (
        build_optimiser(Recipe(optimiser=one, learning_rate=rate, batch=128, micro_batch=8, reference_batch=128), model)
        for one, rate in ((plain, 0.01), (AdamW(type="adamw"), 1e-5))
    )
    (group,) = sgd.param_groups
    assert isinstance(sgd, torch.optim.SGD)
    assert [group[name] for name in ("lr", "momentum", "dampening", "nesterov")] == [0.01, 0.9, 0.9, False]
    (other,) = adamw.param_groups
    assert isinstance(adamw, torch.optim.AdamW)
    assert [other[name] for name in ("lr", "betas")] == [1e-5, (0.9, 0.999)]
    assert group["weight_decay"] == other["weight_decay"] == 1e-3
    assert len(group["params"]) == len(other["params"]) == 2


def test_the_rate_of_a_plateau() -> None:
    """Patience, factor and threshold are those of the recipe, after its warm-up; by default P2's."""
    schedule = PlateauSchedule(type="plateau", subset="test")
    recipe = Recipe(batch=32, learning_rate=1e-5, epoch_clips=3200, epochs=9, warmup_epochs=1, schedule=schedule)
    rate = build_learning_rate(recipe)
    assert rate.at(0, [1.0] * 9) == pytest.approx(1e-6)  # a tenth, where every warm-up starts
    assert [rate.at(800, [1.0] * number) for number in (6, 7, 13)] == pytest.approx([1e-5, 1e-6, 1e-7])
    other = schedule.model_copy(update={"patience": 1, "factor": 0.5, "threshold": 0.5})
    rate = build_learning_rate(recipe.model_copy(update={"schedule": other}))
    assert rate.at(800, [1.0, 0.6, 0.6]) == pytest.approx(5e-6)
    assert rate.at(800, [1.0, 0.6, 0.4]) == pytest.approx(1e-5)


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
