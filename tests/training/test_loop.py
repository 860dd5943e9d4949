import copy
import itertools
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from tiny_training import (
    MICRO_BATCHES_PER_STEP,
    SCHEDULE,
    micro_batch,
    micro_batches,
    same,
    tiny_adamw,
    tiny_network,
    tiny_sgd,
    train_tiny,
)
from torch import nn

from videobench.errors import ConfigError, Interrupted
from videobench.training.batch_norm import set_momentum
from videobench.training.checkpoint import CheckpointFile
from videobench.training.loop import Validated, micro_batch_seed
from videobench.training.progress import Progress


@pytest.fixture
def file(tmp_path: Path) -> CheckpointFile:
    return CheckpointFile(path=tmp_path / "checkpoint.safetensors", identity="tiny")


def stop_after(num_steps: int):
    """A ``should_stop`` that is true from its ``num_steps``-th question on."""
    questions = itertools.count(1)
    return lambda: next(questions) >= num_steps


def without_dropout() -> nn.Module:
    model = tiny_network()
    model[5].p = 0.0
    return model


# ------------------------------------------------------------------------------------------ what a step is


def test_a_step_is_the_mean_gradient_of_its_micro_batches() -> None:
    """Two steps of the loop equal two steps written out with autograd, learning rate included."""
    model, reference = without_dropout(), without_dropout()
    train_tiny(model, tiny_sgd(model), num_steps=2)

    optimiser = tiny_sgd(reference)
    for step in range(2):
        optimiser.param_groups[0]["lr"] = optimiser.param_groups[1]["lr"] = SCHEDULE.at(step)
        gradients = []
        for i in range(MICRO_BATCHES_PER_STEP):
            clips, targets = micro_batch(step * MICRO_BATCHES_PER_STEP + i)
            loss = F.cross_entropy(reference(clips), targets)
            gradients.append(torch.autograd.grad(loss, list(reference.parameters())))
        for parameter, *parts in zip(reference.parameters(), *gradients, strict=True):
            parameter.grad = torch.stack(parts).mean(dim=0)
        optimiser.step()
    for ours, expected in zip(model.parameters(), reference.parameters(), strict=True):
        torch.testing.assert_close(ours, expected)


def test_running_statistics_follow_the_first_micro_batch() -> None:
    """After a step they are what the step's first micro-batch alone makes of them, and momentum is back."""
    model, reference = tiny_network(), tiny_network()
    reference(micro_batch(0)[0])
    train_tiny(model, tiny_sgd(model), num_steps=1)
    assert torch.equal(model[1].running_mean, reference[1].running_mean)
    assert torch.equal(model[1].running_var, reference[1].running_var)
    assert model[1].momentum == 0.1


def test_running_statistics_may_follow_all_micro_batches() -> None:
    """Then they are what the step's micro-batches make of them one after the other; the update is the same."""
    first, model, reference = tiny_network(), tiny_network(), tiny_network()
    for number in range(MICRO_BATCHES_PER_STEP):
        reference(micro_batch(number)[0])
    train_tiny(model, tiny_sgd(model), num_steps=1, running_statistics="all")
    train_tiny(first, tiny_sgd(first), num_steps=1)
    assert torch.equal(model[1].running_mean, reference[1].running_mean)
    assert torch.equal(model[1].running_var, reference[1].running_var)
    assert not torch.equal(model[1].running_mean, first[1].running_mean)
    assert same(dict(model.named_parameters()), dict(first.named_parameters()))


def test_the_momentum_of_running_statistics() -> None:
    """At momentum 1 they are those of the last micro-batch alone."""
    model, reference = tiny_network(), tiny_network()
    set_momentum(model, 1.0)
    train_tiny(model, tiny_sgd(model), num_steps=1, running_statistics="all")
    convolved = reference[0](micro_batch(MICRO_BATCHES_PER_STEP - 1)[0])  # [B, C, T, H, W]
    torch.testing.assert_close(model[1].running_mean, convolved.mean(dim=(0, 2, 3, 4)))
    assert model[1].momentum == 1.0


def test_batch_norm_normalises_by_every_micro_batch() -> None:
    """The later micro-batches are normalised by their own statistics too, as the loss shows."""
    model = without_dropout()
    reports: list[Progress] = []
    train_tiny(model, tiny_sgd(model), num_steps=1, report=reports.append)
    fresh = without_dropout()
    losses = [F.cross_entropy(fresh(clips), targets).item() for clips, targets in map(micro_batch, range(3))]
    assert reports[-1].loss == pytest.approx(sum(losses) / 3, rel=1e-5)


@given(st.integers(0, 2**31), st.integers(0, 10**6), st.integers(0, 1000))
def test_micro_batch_seeds_are_their_own(seed: int, step: int, number: int) -> None:
    """A seed fits torch and changes with the run, the step and the micro-batch, also where sums would not."""
    mine = micro_batch_seed(seed, step, number)
    assert 0 <= mine < 2**63
    others = {
        micro_batch_seed(seed + 1, step, number),
        micro_batch_seed(seed, step + 1, number),
        micro_batch_seed(seed, step, number + 1),
        micro_batch_seed(seed, number, step) if number != step else -1,
    }
    assert len(others) == 4
    assert mine not in others


def test_the_seed_and_nothing_around_it_decides() -> None:
    """The same seed gives the same weights whatever torch's generator did before; another seed others."""
    weights = []
    for seed, noise in ((7, 1), (7, 2), (8, 1)):
        model = tiny_network()
        torch.manual_seed(noise)
        train_tiny(model, tiny_sgd(model), num_steps=2, seed=seed)
        weights.append(copy.deepcopy(model.state_dict()))
    assert same(weights[0], weights[1])
    assert not same(weights[0], weights[2])


# ------------------------------------------------------------------------------- stopping and going on


@pytest.mark.parametrize("build", [tiny_sgd, tiny_adamw])
@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last_3d])
def test_interrupted_and_resumed_is_the_same_training(
    file: CheckpointFile, build, precision: str, memory_format: torch.memory_format
) -> None:
    """Seven steps in three sessions end with the bits of seven steps in one, at every precision."""
    straight = tiny_network().to(memory_format=memory_format)
    train_tiny(straight, build(straight), num_steps=7, precision=precision)

    for stops_at in (2, 3, None):
        model = tiny_network().to(memory_format=memory_format)
        should_stop = stop_after(stops_at) if stops_at else lambda: False
        settings = {"precision": precision, "checkpoint": file, "should_stop": should_stop}
        if stops_at:
            with pytest.raises(Interrupted, match=f"step {2 if stops_at == 2 else 5} of 7; the state is saved"):
                train_tiny(model, build(model), num_steps=7, **settings)
        else:
            result = train_tiny(model, build(model), num_steps=7, **settings)
    assert same(model.state_dict(), straight.state_dict())
    assert (result.step, result.clips) == (7, 7 * MICRO_BATCHES_PER_STEP * 4)


def test_batches_go_on_where_they_stopped(file: CheckpointFile) -> None:
    """A resumed training asks for the first micro-batch that it has not seen."""
    firsts: list[int] = []

    def batches(first: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        firsts.append(first)
        return micro_batches(first)

    for should_stop in (stop_after(4), lambda: False):
        model = tiny_network()
        try:
            train_tiny(model, tiny_sgd(model), num_steps=6, batches=batches, checkpoint=file, should_stop=should_stop)
        except Interrupted:
            continue
    assert firsts == [0, 4 * MICRO_BATCHES_PER_STEP]


def test_a_finished_training_is_not_trained_again(file: CheckpointFile) -> None:
    """With a checkpoint at the last step nothing is computed, and the cost of the first time is returned."""
    model = tiny_network()
    first = train_tiny(model, tiny_sgd(model), num_steps=2, checkpoint=file)
    again = tiny_network()
    second = train_tiny(again, tiny_sgd(again), num_steps=2, checkpoint=file, batches=lambda _: iter(()))
    assert same(model.state_dict(), again.state_dict())
    assert (second.step, second.clips) == (first.step, first.clips)
    assert 0 < first.seconds == pytest.approx(second.seconds, abs=0.5)


def test_a_stop_at_the_last_step_is_no_interruption() -> None:
    """A signal during the last step ends a training that is complete: no error."""
    model = tiny_network()
    assert train_tiny(model, tiny_sgd(model), num_steps=2, should_stop=stop_after(2)).step == 2


def test_interrupted_without_a_checkpoint_says_so() -> None:
    """Where nothing could be saved, the message doesn't promise that the run will go on."""
    model = tiny_network()
    with pytest.raises(Interrupted, match=r"step 1 of 5\nNo checkpoint") as caught:
        train_tiny(model, tiny_sgd(model), num_steps=5, should_stop=lambda: True)
    assert caught.value.exit_code == 75


# -------------------------------------------------------------------------------------------- divergence


def poisoned(first: int, at: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    for number, (clips, targets) in enumerate(micro_batches(first), first):
        yield (clips * math.nan if number == at else clips), targets


def test_a_loss_that_is_not_finite_stops_the_training(file: CheckpointFile) -> None:
    """The error names step and learning rate, and the checkpoint is still the one from before."""
    model = tiny_network()
    with pytest.raises(Interrupted):
        train_tiny(model, tiny_sgd(model), num_steps=9, checkpoint=file, should_stop=stop_after(2))
    before = file.path.read_bytes()
    model = tiny_network()
    with pytest.raises(ConfigError, match=r"the loss is nan at step 5 of 9, whose learning rate is 0\.05\n"):
        train_tiny(
            model,
            tiny_sgd(model),
            num_steps=9,
            checkpoint=file,
            batches=lambda first: poisoned(first, at=4 * MICRO_BATCHES_PER_STEP + 1),
        )
    assert file.path.read_bytes() == before


def test_weights_that_are_not_finite_are_not_saved(file: CheckpointFile) -> None:
    """When a finite loss leads to an infinite weight, the step is named and no checkpoint is written."""
    model = tiny_network()
    with pytest.raises(ConfigError, match="a weight isn't finite at step 1 of 1, whose learning rate is 1e"):
        train_tiny(model, tiny_sgd(model), num_steps=1, checkpoint=file, learning_rate=lambda *_: 1e39)
    assert not file.exists()


# ------------------------------------------------------------------------------------- reports, validation


def test_reports_say_where_the_training_stands() -> None:
    """One report a step when asked, with steps, clips, rates and times that fit together."""
    model = tiny_network()
    reports: list[Progress] = []
    train_tiny(model, tiny_sgd(model), num_steps=3, report=reports.append, report_every_seconds=0.0)
    assert [report.step for report in reports] == [1, 2, 3]
    assert [report.clips for report in reports] == [12, 24, 36]
    assert [report.learning_rate for report in reports] == [SCHEDULE.at(step) for step in range(3)]
    for report in reports:
        assert report.num_steps == 3
        assert report.clips_per_second > 0
        assert 0 < report.data_wait_share < 1
        assert 0 <= report.clip_at_1 <= 100
        assert report.max_memory_bytes > 2**20
    assert reports[0].seconds < reports[1].seconds
    assert reports[-1].eta_seconds == 0


def test_a_report_is_the_mean_since_the_last_one() -> None:
    """One report over all steps has the mean loss and accuracy of the reports of every step."""
    coarse: list[Progress] = []
    fine: list[Progress] = []
    for reports, seconds in ((coarse, 1000.0), (fine, 0.0)):
        model = tiny_network()
        train_tiny(model, tiny_sgd(model), num_steps=4, report=reports.append, report_every_seconds=seconds)
    assert len(coarse) == 1
    assert coarse[0].loss == pytest.approx(sum(report.loss for report in fine) / 4)
    assert coarse[0].clip_at_1 == pytest.approx(sum(report.clip_at_1 for report in fine) / 4)


def test_the_tiny_network_learns() -> None:
    """Loss falls and training accuracy rises on clips whose brightness gives the class away."""
    model = without_dropout()
    reports: list[Progress] = []
    train_tiny(
        model,
        tiny_adamw(model),
        num_steps=60,
        learning_rate=lambda *_: 0.02,
        report=reports.append,
        report_every_seconds=0.0,
    )
    assert sum(report.loss for report in reports[-10:]) / 10 < 0.8 * reports[0].loss
    assert sum(report.clip_at_1 for report in reports[-10:]) / 10 > 60


def test_waiting_for_data_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the loader is the bottleneck, the share of time spent waiting says so."""

    now = 0.0

    def slow(first: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        nonlocal now
        for batch in micro_batches(first):
            now += 3.0  # a clock that only the loader moves ...
            yield batch

    def to_input(batch: tuple[torch.Tensor, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        nonlocal now
        now += 1.0  # ... and the network's input
        return batch

    monkeypatch.setattr("videobench.training.progress.time.perf_counter", lambda: now)
    model = tiny_network()
    reports: list[Progress] = []
    train_tiny(model, tiny_sgd(model), num_steps=2, batches=slow, to_input=to_input, report=reports.append)
    assert reports[-1].data_wait_share == pytest.approx(0.75)


def test_validation_happens_on_time_and_changes_nothing() -> None:
    """It runs every so many steps and after the last, in evaluation mode, and leaves the training as without it."""
    model, reference = tiny_network(), tiny_network()
    reports: list[Progress] = []

    def validate(step: int) -> Validated:
        assert not model.training
        torch.manual_seed(0)  # a careless validation
        model(micro_batch(99)[0])
        return Validated(shown={"clip@1": 10.0 * step})

    train_tiny(
        model,
        tiny_sgd(model),
        num_steps=5,
        report=reports.append,
        validate=validate,
        validate_every_steps=2,
    )
    train_tiny(reference, tiny_sgd(reference), num_steps=5)
    assert [(report.step, dict(report.validation)) for report in reports] == [
        (2, {"clip@1": 20.0}),
        (4, {"clip@1": 40.0}),
        (5, {"clip@1": 50.0}),
    ]
    assert model.training
    assert same(model.state_dict(), reference.state_dict())


def test_the_rate_follows_the_losses_measured_before(file: CheckpointFile) -> None:
    """A loss counts from the step after it was measured, one that isn't due not at all, and a resumed run knows all."""
    losses = {2: 4.0, 3: None, 4: 2.0, 5: 1.0}
    asked: list[tuple[int, tuple[float, ...]]] = []

    def learning_rate(step: int, measured: Sequence[float]) -> float:
        asked.append((step, tuple(measured)))
        return 0.01

    for should_stop in (stop_after(4), lambda: False):
        model = tiny_network()
        settings = {
            "learning_rate": learning_rate,
            "checkpoint": file,
            "should_stop": should_stop,
            "validate": lambda step: Validated(shown={}, loss=losses.get(step)),
        }
        try:
            train_tiny(model, tiny_sgd(model), num_steps=6, **settings)
        except Interrupted:
            continue
    assert asked == [(0, ()), (1, ()), (2, (4.0,)), (3, (4.0,)), (4, (4.0, 2.0)), (5, (4.0, 2.0, 1.0))]
