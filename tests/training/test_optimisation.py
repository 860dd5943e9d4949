import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny_training import tiny_adamw, tiny_network, tiny_sgd, tiny_sgd_with_dampening
from torch import nn

from videobench.training.optimisation import (
    Constant,
    Cosine,
    LearningRate,
    Plateau,
    StepDecay,
    WarmUp,
    one_cycle,
    parameter_groups,
    set_learning_rate,
)

PEAKS = st.floats(1e-6, 10.0)
STEPS = st.integers(1, 1000)
FACTORS = st.floats(0.0, 1.0)


def test_biases_are_spared_and_batch_norm_scales_decay() -> None:
    """``decay_biases=False`` leaves out exactly the biases, as Caffe2's weight decay does."""
    model = tiny_network()
    decayed, spared = parameter_groups(model, weight_decay=0.1, decay_biases=False)
    assert decayed["weight_decay"] == 0.1
    assert spared["weight_decay"] == 0.0
    assert {id(p) for p in decayed["params"]} == {
        id(model[0].weight),
        id(model[1].weight),
        id(model[6].weight),
    }
    assert {id(p) for p in spared["params"]} == {id(model[1].bias), id(model[6].bias)}


def test_an_attention_layers_input_bias_is_a_bias() -> None:
    """``in_proj_bias`` is spared though its name is not ``bias``."""
    attention = nn.MultiheadAttention(4, 2)
    _, spared = parameter_groups(attention, weight_decay=0.1, decay_biases=False)
    assert {id(p) for p in spared["params"]} == {id(attention.in_proj_bias), id(attention.out_proj.bias)}


def test_everything_trainable_decays_where_asked() -> None:
    """With ``decay_biases=True`` there is one group, and frozen parameters are in none."""
    model = tiny_network()
    model[0].weight.requires_grad = False
    (group,) = parameter_groups(model, weight_decay=0.1, decay_biases=True)
    assert len(group["params"]) == 4


def test_sgd_does_what_the_papers_formula_says() -> None:
    """One Nesterov step after another equals the formula written out, with decay on the weight alone."""
    model = nn.Linear(2, 1).double()
    optimiser = tiny_sgd(model)
    weight, bias = model.weight.detach().clone(), model.bias.detach().clone()
    velocity = [torch.zeros_like(weight), torch.zeros_like(bias)]
    for step in range(3):
        rate = 0.1 / (step + 1)
        set_learning_rate(optimiser, rate)
        model.weight.grad = torch.full_like(weight, step - 1.5)
        model.bias.grad = torch.full_like(bias, 0.5)
        gradients = [model.weight.grad + 1e-2 * weight, model.bias.grad.clone()]
        optimiser.step()
        velocity = [0.9 * v + g for v, g in zip(velocity, gradients, strict=True)]
        weight -= rate * (gradients[0] + 0.9 * velocity[0])
        bias -= rate * (gradients[1] + 0.9 * velocity[1])
    torch.testing.assert_close(model.weight.detach(), weight)
    torch.testing.assert_close(model.bias.detach(), bias)


def test_dampening_is_the_second_papers() -> None:
    """The momentum takes the first gradient whole, a tenth of all others; decay is part of it, of biases too."""
    model = nn.Linear(2, 1).double()
    optimiser = tiny_sgd_with_dampening(model)
    expected = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    velocity: dict[str, torch.Tensor] = {}
    for step in range(4):
        set_learning_rate(optimiser, 0.1)
        for name, parameter in model.named_parameters():
            parameter.grad = torch.full_like(parameter, step - 1.5)
            gradient = parameter.grad + 1e-2 * expected[name]
            velocity[name] = 0.9 * velocity[name] + (1 - 0.9) * gradient if step else gradient
            expected[name] = expected[name] - 0.1 * velocity[name]
        optimiser.step()
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(parameter.detach(), expected[name])


def test_adamw_does_what_its_paper_says() -> None:
    """Weights shrink by rate times decay before the step of Adam, whose moments see no decay; biases as well."""
    model = nn.Linear(2, 1).double()
    optimiser = tiny_adamw(model)
    expected = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    for step in range(1, 4):
        rate = 0.1 / step
        set_learning_rate(optimiser, rate)
        for name, parameter in model.named_parameters():
            parameter.grad = torch.full_like(parameter, 0.3)
            first, second = 0.3, 0.3**2  # of a constant gradient, the corrected moments are its own
            expected[name] = expected[name] * (1 - rate * 1e-2) - rate * first / (math.sqrt(second) + 1e-8)
        optimiser.step()
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(parameter.detach(), expected[name])


@pytest.mark.parametrize("build", [tiny_sgd, tiny_adamw, tiny_sgd_with_dampening])
def test_the_memory_format_of_weights_changes_nothing(build) -> None:
    """Weights in channels-last order are updated as contiguous ones are."""
    models = [tiny_network(), tiny_network().to(memory_format=torch.channels_last_3d)]
    for model in models:
        optimiser = build(model.eval())  # without dropout
        for _ in range(3):
            model(torch.ones(2, 3, 4, 6, 6) * torch.arange(6.0)).square().sum().backward()
            optimiser.step()
    assert models[1][0].weight.is_contiguous(memory_format=torch.channels_last_3d)
    torch.testing.assert_close(models[0][0].weight, models[1][0].weight, rtol=1e-4, atol=1e-6)


def test_the_first_papers_schedule() -> None:
    """Warm-up for 10 epochs, then a tenth every 10: Figure 3 shows drops after epochs 20 and 30."""
    epoch = 100
    schedule = LearningRate(
        peak=0.01, warm_up=WarmUp(num_steps=10 * epoch, start=0.1), decay=StepDecay(num_steps=10 * epoch)
    )
    assert schedule.at(0) == pytest.approx(0.001)
    assert schedule.at(5 * epoch) == pytest.approx(0.0055)
    assert schedule.at(10 * epoch) == schedule.at(20 * epoch - 1) == 0.01
    assert schedule.at(20 * epoch) == pytest.approx(0.001)
    assert schedule.at(45 * epoch - 1) == pytest.approx(0.01 * 0.1**3)


@given(peak=PEAKS, num_steps=STEPS, start=FACTORS, step=st.integers(0, 2000))
def test_warm_up_rises_to_the_peak_and_stays_in_range(peak: float, num_steps: int, start: float, step: int) -> None:
    """A warm-up never falls, never leaves [start, 1] x peak, and ends at the peak exactly."""
    schedule = LearningRate(peak=peak, warm_up=WarmUp(num_steps=num_steps, start=start))
    assert schedule.at(num_steps) == peak
    assert schedule.at(step) <= schedule.at(step + 1) * (1 + 1e-12)
    assert peak * start * (1 - 1e-12) <= schedule.at(step) <= peak * (1 + 1e-12)


@given(
    peak=PEAKS,
    warm_up=st.none() | st.builds(WarmUp, num_steps=STEPS, start=FACTORS),
    decay=st.builds(Constant)
    | st.builds(StepDecay, num_steps=STEPS, factor_per_drop=FACTORS)
    | st.builds(Cosine, num_steps=STEPS, final=FACTORS),
    step=st.integers(0, 3000),
)
def test_after_the_warm_up_the_rate_never_rises(peak, warm_up, decay, step) -> None:
    """Every decay starts at the peak, falls or stays, and never becomes negative."""
    schedule = LearningRate(peak=peak, warm_up=warm_up, decay=decay)
    first = warm_up.num_steps if warm_up else 0
    assert schedule.at(first) == pytest.approx(peak)
    assert 0.0 <= schedule.at(first + step + 1) <= schedule.at(first + step) * (1 + 1e-12)


@given(num_steps=STEPS, final=FACTORS)
def test_cosine_ends_at_its_final_rate_and_stays(num_steps: int, final: float) -> None:
    """Halfway it is halfway between the peak and the final rate, which holds from the end on."""
    schedule = LearningRate(peak=2.0, decay=Cosine(num_steps=2 * num_steps, final=final))
    assert schedule.at(num_steps) == pytest.approx(1.0 + final)
    assert schedule.at(2 * num_steps) == schedule.at(5 * num_steps) == pytest.approx(2.0 * final)


def test_one_cycle_is_pytorchs() -> None:
    """The defaults give the rates of ``OneCycleLR``, whose rise ends one step earlier than its share says."""
    schedule = one_cycle(0.5, num_steps=101, rising_share=29 / 101)
    optimiser = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    reference = torch.optim.lr_scheduler.OneCycleLR(optimiser, 0.5, total_steps=101, pct_start=30 / 101)
    for step in range(101):
        assert math.isclose(schedule.at(step), reference.get_last_lr()[0], rel_tol=1e-9, abs_tol=1e-15)
        optimiser.step()
        if step < 100:
            reference.step()


@given(num_steps=st.integers(3, 500), rising_share=FACTORS)
def test_one_cycle_reaches_its_peak_and_its_end(num_steps: int, rising_share: float) -> None:
    """Whatever the share, some step has the peak and the last one the final rate."""
    rates = [one_cycle(1.0, num_steps=num_steps, rising_share=rising_share).at(i) for i in range(num_steps)]
    assert max(rates) == pytest.approx(1.0)
    assert rates[-1] == pytest.approx(4e-6)


@given(
    losses=st.lists(st.floats(0.0, 4.0) | st.sampled_from([1.0, 0.9999, 0.99985, 0.999]), max_size=60),
    peak=st.sampled_from([1e-2, 1e-5, 1e-7, 1.5e-8]),
    patience=st.integers(0, 6),
    threshold=st.sampled_from([0.0, 1e-4, 0.1]),
)
def test_the_plateau_is_pytorchs(losses: list[float], peak: float, patience: int, threshold: float) -> None:
    """After any losses the rate is, to the bit, that of ``ReduceLROnPlateau`` with its defaults."""
    schedule = LearningRate(peak=peak, decay=Plateau(patience=patience, factor_per_drop=0.1, threshold=threshold))
    optimiser = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=peak)
    reference = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimiser, "min", patience=patience, factor=0.1, threshold=threshold
    )
    for number, loss in enumerate(losses):
        reference.step(loss)
        assert schedule.at(number, losses[: number + 1]) == optimiser.param_groups[0]["lr"]


def test_the_second_papers_schedule() -> None:
    """Five losses without a new lowest are borne, the sixth costs nine tenths of the rate, and so on."""
    schedule = LearningRate(peak=1e-5, decay=Plateau(patience=5, factor_per_drop=0.1, threshold=1e-4))
    losses = [1.0, 0.5, *[0.5] * 6, *[0.49999] * 6, 0.4]
    rates = [schedule.at(0, losses[:number]) for number in range(len(losses) + 1)]
    assert rates == pytest.approx([*[1e-5] * 8, *[1e-6] * 6, *[1e-7] * 2])


def test_a_warm_up_before_a_plateau() -> None:
    """The rate rises whatever the losses are; then they decide."""
    schedule = LearningRate(
        peak=1.0,
        warm_up=WarmUp(num_steps=4, start=0.0),
        decay=Plateau(patience=0, factor_per_drop=0.1, threshold=0.0),
    )
    assert [schedule.at(step, [1.0, 2.0]) for step in (0, 2, 4)] == [0.0, 0.5, 0.1]
