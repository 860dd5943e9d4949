"""BERT's mask, class token, positions and initial weights; its numbers are in test_golden_heads.py."""

from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from videobench.errors import ConfigError
from videobench.models.heads.bert import BertPooling, LayerNorm, resized_positions
from videobench.models.streams import Stream
from videobench.training.loop import micro_batch_seed

STREAM = Stream(channels=16, steps=4)


def bert(**options: object) -> BertPooling:
    torch.manual_seed(0)
    pooling = BertPooling(STREAM, **options)  # type: ignore[arg-type]
    pooling.initialise()
    return pooling


def features(batch: int = 2) -> Tensor:
    return torch.randn(batch, 16, 4, 3, 3, generator=torch.Generator().manual_seed(1))


def drawn_masks(pooling: BertPooling, batch: int) -> list[Tensor]:
    """What each block was told to keep in one forward pass."""
    masks: list[Tensor] = []
    hooks = [block.register_forward_pre_hook(lambda _, inputs: masks.append(inputs[1])) for block in pooling.blocks]
    pooling(features(batch))
    for hook in hooks:
        hook.remove()
    return masks


def test_training_hides_a_share_of_the_features_of_each_clip() -> None:
    """One mask a clip for all blocks keeps each feature with the probability asked for, and always the class token."""
    first, second = drawn_masks(bert(layers=2, keep=0.8), batch=2000)
    assert first.shape == (2000, 5)
    assert torch.equal(first, second)
    assert first[:, 0].all()
    assert first[:, 1:].float().mean(dim=0).tolist() == pytest.approx([0.8] * 4, abs=0.03)
    assert len(first.unique(dim=0)) == 2**4


def test_without_a_class_token_every_token_can_be_hidden() -> None:
    """The mask then covers just the features, and a clip of which none is left has finite outputs."""
    pooling = bert(output="mean", keep=0.5)
    (mask,) = drawn_masks(pooling, batch=500)
    assert mask.shape == (500, 4)
    assert not mask.any(dim=1).all()
    assert pooling(features(500)).isfinite().all()


def test_masks_and_dropout_follow_from_the_micro_batchs_seed() -> None:
    """The same (run, step, micro-batch) gives the same outputs; another run, step or micro-batch gives others."""
    pooling = bert().train()

    def outputs(*position: int) -> Tensor:
        torch.manual_seed(micro_batch_seed(*position))
        vector: Tensor = pooling(features(8))
        return vector

    positions = [(1, 0, 0), (1, 0, 1), (1, 1, 0), (2, 0, 0)]
    assert all(torch.equal(outputs(*position), outputs(*position)) for position in positions)
    assert not any(torch.equal(outputs(*one), outputs(*other)) for one, other in pairwise(positions))


def test_masks_alone_follow_from_the_seed() -> None:
    """The mask is the first thing drawn: without dropout it is all that is random."""
    pooling = bert(dropout=0.0).train()
    torch.manual_seed(5)
    kept = torch.rand(8, 4) < 0.8
    torch.manual_seed(5)
    assert torch.equal(pooling(features(8)), pooling(features(8), kept=kept))


@pytest.mark.parametrize("output", ["class_token", "mean"])
def test_evaluation_draws_nothing(output: str) -> None:
    """Outputs repeat themselves, and the generator stays where it was."""
    pooling = bert(output=output).eval()
    before = torch.get_rng_state()
    assert torch.equal(pooling(features()), pooling(features()))
    assert torch.equal(torch.get_rng_state(), before)


def test_hidden_features_reach_no_other_token() -> None:
    """Only its own output depends on a hidden feature; features that are kept reach all of them."""
    pooling = bert(layers=2).double().eval()
    tokens = features().mean(dim=(3, 4)).transpose(1, 2).double()
    kept = torch.tensor([[True, False, True, True]] * 2)
    other = tokens.clone()
    other[:, 1] += 1
    changed = (pooling.encode(tokens, kept=kept) - pooling.encode(other, kept=kept)).abs().amax(dim=2) > 0
    assert changed[0].tolist() == [False, False, True, False, False]
    assert (pooling.encode(tokens) - pooling.encode(other)).abs().amax(dim=2).gt(0).all()


def test_a_mask_that_keeps_all_changes_nothing() -> None:
    """It gives what evaluation gives."""
    pooling = bert().eval()
    assert torch.equal(pooling(features(), kept=torch.ones(2, 4, dtype=torch.bool)), pooling(features()))


@pytest.mark.parametrize("precision", [torch.bfloat16, torch.float16])
def test_hidden_features_stay_hidden_in_half_precision(precision: torch.dtype) -> None:
    """The score of a hidden feature is a number that float16 has, and leaves no weight."""
    pooling = bert(output="mean").eval()
    kept = torch.tensor([[True, False, True, True], [False, False, False, False]])
    with torch.autocast("cpu", dtype=precision):
        outputs = pooling(features(), kept=kept)
    expected = pooling(features(), kept=kept)
    assert outputs.isfinite().all()
    assert (outputs - expected).abs().max() < 0.05 * expected.square().mean().sqrt()


def test_the_mean_is_over_the_features_outputs_alone() -> None:
    """Without a class token there are as many tokens, positions and outputs as time steps."""
    pooling = bert(output="mean").eval()
    assert "class_token" not in pooling.state_dict()
    assert pooling.positions.shape == (1, 4, 16)
    tokens = features().mean(dim=(3, 4)).transpose(1, 2)
    assert pooling.encode(tokens).shape == (2, 4, 16)
    torch.testing.assert_close(pooling(features()), pooling.encode(tokens).mean(dim=1))


def test_normalised_tokens_have_no_scale() -> None:
    """The length of a feature vector doesn't matter then, and one of zeros is left alone."""
    pooling, other = bert(normalise_tokens=True).eval(), bert().eval()
    torch.testing.assert_close(pooling(7 * features()), pooling(features()), rtol=1e-3, atol=1e-5)
    assert (other(7 * features()) - other(features())).abs().max() > 1e-3
    assert pooling(torch.zeros(2, 16, 4, 1, 1)).isfinite().all()


@pytest.mark.parametrize(
    ("initialisation", "tokens_std", "linear_std", "has_biases"),
    [("small", 0.02, (1 / (3 * 256)) ** 0.5, True), ("scaled", 256**-0.5, 0.02, False)],
)
def test_initial_weights(initialisation: str, tokens_std: float, linear_std: float, has_biases: bool) -> None:
    """Both of the authors' initialisations have their own standard deviations; norms begin at 1 and 0."""
    torch.manual_seed(0)
    pooling = BertPooling(Stream(256, 32), layers=2, initialisation=initialisation)  # type: ignore[arg-type]
    pooling.initialise()
    assert pooling.class_token is not None
    assert pooling.class_token.std().item() == pytest.approx(tokens_std, rel=0.2)
    assert pooling.positions.std().item() == pytest.approx(tokens_std, rel=0.05)
    for module in pooling.modules():
        if isinstance(module, nn.Linear) and module.in_features == 256:
            assert module.weight.std().item() == pytest.approx(linear_std, rel=0.05)
            assert bool(module.bias.any()) == has_biases
        elif isinstance(module, LayerNorm):
            assert module.weight.eq(1).all()
            assert not module.bias.any()


def test_heads_must_divide_the_features() -> None:
    """The error names both numbers."""
    with pytest.raises(ConfigError, match="3 attention heads can't share 16 features"):
        BertPooling(STREAM, heads=3)


@pytest.mark.parametrize("steps", [1, 4, 8, 3])
@pytest.mark.parametrize("class_token", [True, False])
def test_position_tables_for_clips_of_another_length(steps: int, class_token: bool) -> None:
    """The class token's entry stays; entries that lie on a line in time go on lying on it; the same length is kept."""
    line = torch.linspace(0, 1, 4)[None, :, None] + torch.zeros(1, 4, 16)
    table = torch.cat([torch.full((1, 1, 16), 9.0), line], dim=1) if class_token else line
    resized = resized_positions(table, steps=steps, class_token=class_token)
    assert resized.shape == (1, steps + class_token, 16)
    assert not class_token or resized[:, 0].eq(9).all()
    entries = resized[0, int(class_token) :, 0]
    centres = (torch.arange(steps) + 0.5) / steps  # of the new steps, in the clip
    expected = ((centres * 4 - 0.5) / 3).clamp(0, 1)
    if steps >= 3:
        torch.testing.assert_close(entries, expected)
    if steps == 4:
        torch.testing.assert_close(resized, table)


def test_a_longer_clip_can_start_from_a_shorter_ones_weights() -> None:
    """With its positions resized, BERT of 4 steps becomes one of 8 that gives a clip in slow motion like outputs."""
    short, long = bert().eval(), BertPooling(Stream(16, 8)).eval()
    state = short.state_dict()
    state["positions"] = resized_positions(state["positions"], steps=8, class_token=True)
    long.load_state_dict(state)
    slow_motion = features().repeat_interleave(2, dim=2)
    assert (long(slow_motion) - short(features())).abs().max() < 0.05
