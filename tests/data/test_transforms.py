"""Crop, mirror and normalise do to each clip of a batch exactly what one line of numpy does."""

from itertools import product

import cv2
import numpy as np
import pytest
import torch
import yaml
from numpy.typing import NDArray

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


def scaled(pixels: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.float64]:
    """Return [T, H, W, C] at another size, pixel by pixel: between the four nearest pixels, by their distances."""
    height, width = pixels.shape[1:3]
    result = np.empty((len(pixels), *size, pixels.shape[3]))
    for y, x in product(range(size[0]), range(size[1])):
        down = np.clip((y + 0.5) * height / size[0] - 0.5, 0, height - 1)
        right = np.clip((x + 0.5) * width / size[1] - 0.5, 0, width - 1)
        top, left = int(down), int(right)
        bottom, far = min(top + 1, height - 1), min(left + 1, width - 1)
        upper = pixels[:, top, left] * (1 - right + left) + pixels[:, top, far] * (right - left)
        lower = pixels[:, bottom, left] * (1 - right + left) + pixels[:, bottom, far] * (right - left)
        result[:, y, x] = upper * (1 - down + top) + lower * (down - top)
    return result


@pytest.mark.parametrize("negate", [True, False])
def test_cuts_of_other_sizes_are_scaled(negate: bool) -> None:
    """Larger, smaller and mirrored cuts are bilinear between pixel centres; one of the crop's size is copied."""
    clips = np.random.default_rng(0).integers(0, 256, (4, 3, 12, 15, 2), dtype=np.uint8)
    offsets, sizes, flips = (
        [(0, 2), (3, 1), (6, 4), (1, 1)],
        [(12, 9), (5, 6), (6, 8), (8, 4)],
        [False, True, True, True],
    )
    batch = to_network_input(
        torch.from_numpy(clips), torch.tensor(offsets), torch.tensor(flips), sizes=torch.tensor(sizes), crop=(6, 8),
        mean=(0.5, 0.4), std=(1 / 255, 0.1), flip_negates_x=negate, dtype=torch.float64,
    )  # fmt: skip
    assert batch.shape == (4, 2, 3, 6, 8)
    for clip, (top, left), (height, width), flip, got in zip(clips, offsets, sizes, flips, batch, strict=True):
        expected = scaled(clip[:, top : top + height, left : left + width], (6, 8))  # [T, h, w, C]
        if flip:
            expected = expected[:, :, ::-1].copy()
            expected[..., 0] = 255 - expected[..., 0] if negate else expected[..., 0]
        expected = (expected / 255 - (0.5, 0.4)) / (1 / 255, 0.1)
        np.testing.assert_allclose(got.numpy(), expected.transpose(3, 0, 1, 2), atol=1e-11)


def test_scaling_is_opencvs_to_a_level() -> None:
    """P2's code scales by OpenCV, which rounds every value to a whole level: a quarter of one off on average."""
    image = np.random.default_rng(1).integers(0, 256, (128, 170, 3), dtype=np.uint8)
    for height, width in product((128, 112, 96, 84), repeat=2):
        batch = to_network_input(
            torch.from_numpy(image)[None, None], torch.tensor([[0, 7]]), torch.tensor([False]), crop=(112, 112),
            sizes=torch.tensor([[height, width]]), mean=(0, 0, 0), std=(1 / 255, 1 / 255, 1 / 255),
        )  # fmt: skip
        theirs = cv2.resize(image[:height, 7 : 7 + width], (112, 112), interpolation=cv2.INTER_LINEAR)
        deviation = np.abs(batch[0, :, 0].numpy().transpose(1, 2, 0) - theirs)
        assert deviation.max() < 1
        assert deviation.mean() < 0.3


def test_the_second_papers_inputs_without_a_scale() -> None:
    """Levels minus a mean, as ResNeXt101 was trained: the decimals of a file give those numbers to the bit."""
    levels = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16, 1)
    text = "{mean: [0.4500972549019608, 0.42249176470588234, 0.39009803921568625], std: 0.00392156862745098}"
    values = yaml.safe_load(text)
    batch = to_network_input(
        levels.expand(-1, -1, -1, -1, 3), torch.zeros(1, 2, dtype=torch.int64), torch.tensor([False]), crop=(16, 16),
        mean=values["mean"], std=[values["std"]] * 3,
    )  # fmt: skip
    for channel, mean in enumerate((114.7748, 107.7354, 99.4750)):
        assert torch.equal(batch[0, channel, 0], levels[0, 0, ..., 0].float() - mean)
