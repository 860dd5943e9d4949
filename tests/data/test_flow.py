"""Optical flow is the motion that is there, in pixels, and 8 bits keep it to half a level."""

import sys

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from videobench.data.flow import Algorithm, flow_fields, quantise, require_opencv
from videobench.errors import ConfigError

BOUND = 20.0


def pixels(levels: NDArray[np.uint8], *, bound: float) -> NDArray[np.float64]:
    """Return the motion that levels stand for."""
    return levels * (2 * bound / 255) - bound


def moving(right: int, down: int, num_frames: int) -> list[NDArray[np.uint8]]:
    """Return a smooth pattern [H, W, 3] that moves by whole pixels from frame to frame."""
    pattern = np.random.default_rng(0).random((120, 120)).astype(np.float32)
    pattern = cv2.GaussianBlur(pattern, (0, 0), 3)
    pattern = 255 * (pattern - pattern.min()) / np.ptp(pattern)
    starts = [(40 - down * number, 40 - right * number) for number in range(num_frames)]
    frames = [pattern[top : top + 48, left : left + 64].astype(np.uint8) for top, left in starts]
    return [np.repeat(frame[:, :, None], 3, axis=2) for frame in frames]


@pytest.mark.parametrize("algorithm", ["tvl1", "farneback"])
@pytest.mark.parametrize("shift", [(3, 0), (0, -2), (-2, 1)])
def test_flow_is_the_known_motion(algorithm: Algorithm, shift: tuple[int, int]) -> None:
    """N frames have N - 1 fields, each horizontal to the right, then vertical downwards."""
    fields = list(flow_fields(moving(*shift, 3), algorithm))
    assert [(field.shape, field.dtype) for field in fields] == [((48, 64, 2), np.float32)] * 2
    for field in fields:
        inner = field[8:-8, 8:-8]  # what comes in at the edges was nowhere before
        np.testing.assert_allclose(inner.mean(axis=(0, 1)), shift, atol=0.15)


def test_one_frame_has_no_flow() -> None:
    """There is nothing it could have moved to."""
    assert list(flow_fields(moving(0, 0, 1), "farneback")) == []


def test_levels_are_those_of_the_papers_pictures() -> None:
    """The ends of 8 bits are the bound, what is beyond is cut off, and rest is the upper of the two middle levels."""
    field = np.array([[[-25.0, -20.0], [20.0, 31.0], [0.0, 20.0 / 255]]], np.float32)
    assert quantise(field, bound=BOUND).tolist() == [[[0, 0], [255, 255], [128, 128]]]
    np.testing.assert_allclose(pixels(np.array([0, 255], np.uint8), bound=BOUND), [-BOUND, BOUND])
    assert pixels(np.array([128], np.uint8), bound=BOUND)[0] == pytest.approx(BOUND / 255)


@given(st.lists(st.floats(-20, 20, width=32), min_size=1), st.sampled_from([20.0, 25.0, 64.0]))
def test_levels_keep_flow_to_half_a_level(values: list[float], bound: float) -> None:
    """Back in pixels, nothing within the bound is further off; the negative of level v is exactly 255 - v."""
    field = np.array(values, np.float32)
    levels = quantise(field, bound=bound)
    assert (np.abs(pixels(levels, bound=bound) - field) <= bound / 255 + 1e-6).all()
    np.testing.assert_allclose(pixels(255 - levels, bound=bound), -pixels(levels, bound=bound), atol=1e-12)


def test_missing_opencv_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without OpenCV, and with one that lacks TV-L1, the message says what to install."""
    with monkeypatch.context() as patch:
        patch.delattr(cv2, "optflow")
        with pytest.raises(ConfigError, match=r"without its contributed part.*\n.*videobench\[flow\]"):
            require_opencv()
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(ConfigError, match=r"OpenCV, which is not installed\n.*videobench\[flow\]"):
        next(flow_fields(moving(0, 0, 2), "tvl1"))
