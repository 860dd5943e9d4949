"""Crop, mirror and normalise do to each clip of a batch exactly what one line of numpy does."""

import numpy as np
import pytest
import torch

from videobench.data.transforms import centre_crop_offset, to_network_input

MEAN, STD = (0.43, 0.39, 0.37), (0.22, 0.21, 0.20)


def test_equals_plain_arithmetic() -> None:
    """Each clip is cut at its own offset, mirrored if asked, scaled by its channel's mean and deviation."""
    generator = np.random.default_rng(0)
    clips = generator.integers(0, 256, (3, 4, 10, 13, 3), dtype=np.uint8)
    offsets, flips = [(0, 0), (4, 5), (2, 1)], [False, True, True]
    batch = to_network_input(
        torch.from_numpy(clips), torch.tensor(offsets), torch.tensor(flips), crop=(6, 8), mean=MEAN, std=STD
    )
    assert batch.shape == (3, 3, 4, 6, 8)
    assert batch.dtype == torch.float32
    for clip, (top, left), flip, got in zip(clips, offsets, flips, batch, strict=True):
        expected = (clip[:, top : top + 6, left : left + 8] / 255 - MEAN) / STD  # [T, h, w, C]
        if flip:
            expected = expected[:, :, ::-1]
        np.testing.assert_allclose(got.numpy(), expected.transpose(3, 0, 1, 2), atol=2e-6)


def test_mirrored_flow_runs_the_other_way() -> None:
    """Level v of the first channel becomes 255 - v, exactly; without being told to, it is only mirrored."""
    clips = np.random.default_rng(0).integers(0, 256, (2, 3, 6, 8, 2), dtype=np.uint8)
    flips = [True, False]
    for negate in (True, False):
        batch = to_network_input(
            torch.from_numpy(clips), torch.zeros(2, 2, dtype=torch.int64), torch.tensor(flips), crop=(6, 8),
            mean=(0, 0), std=(1 / 255, 1 / 255), flip_negates_x=negate, dtype=torch.float64,
        )  # fmt: skip
        levels = batch.round().to(torch.uint8).numpy().transpose(0, 2, 3, 4, 1)  # [B, T, H, W, C]
        mirrored = clips[0, :, :, ::-1]
        x = 255 - mirrored[..., 0] if negate else mirrored[..., 0]
        np.testing.assert_array_equal(levels[0], np.stack([x, mirrored[..., 1]], axis=-1))
        np.testing.assert_array_equal(levels[1], clips[1])


def test_other_types() -> None:
    """Double precision is exact to its own rounding; the clips themselves are left as they are."""
    clips = torch.full((1, 2, 4, 4, 3), 51, dtype=torch.uint8)
    batch = to_network_input(
        clips, torch.zeros(1, 2, dtype=torch.int64), torch.zeros(1, dtype=torch.bool), crop=(4, 4), mean=MEAN,
        std=STD, dtype=torch.float64,
    )  # fmt: skip
    expected = (0.2 - torch.tensor(MEAN, dtype=torch.float64)) / torch.tensor(STD, dtype=torch.float64)
    torch.testing.assert_close(batch[0, :, 1, 2, 3], expected, atol=1e-14, rtol=0)
    assert bool((clips == 51).all())


@pytest.mark.parametrize("offset", [(5, 0), (0, 6), (-1, 0)])
def test_a_crop_outside_the_frame_is_refused(offset: tuple[int, int]) -> None:
    """Slicing would silently give a smaller crop."""
    with pytest.raises(ValueError, match="inside"):
        to_network_input(
            torch.zeros(1, 2, 10, 13, 3, dtype=torch.uint8), torch.tensor([offset]), torch.tensor([False]),
            crop=(6, 8), mean=MEAN, std=STD,
        )  # fmt: skip


def test_centre_crop() -> None:
    """P1's 112 x 112 out of 128 x 171."""
    assert centre_crop_offset((128, 171), (112, 112)) == (8, 29)
    assert centre_crop_offset((7, 7), (7, 7)) == (0, 0)
