"""What is done to training pictures, against scipy and by hand."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter1d

from latentlab.judges.distortions import TAPS, blurred, distorted, shifted


def pictures(seed, channels=3):
    return torch.rand(4, channels, 20, 20, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("sigma", [0.4, 1.0, 1.5])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_blur_is_scipys(sigma, channels):
    x = pictures(0, channels)
    expected = x.numpy()
    for axis in (2, 3):
        expected = gaussian_filter1d(expected, sigma, axis, mode="nearest", radius=TAPS // 2)
    np.testing.assert_allclose(blurred(x, sigma), expected, atol=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_a_shifted_picture_is_a_window_of_the_picture_with_its_edge_repeated(seed):
    x = pictures(seed)
    moved = shifted(x, 2, torch.Generator().manual_seed(seed)).numpy()
    seen = set()
    for picture, after in zip(x.numpy(), moved, strict=True):
        wide = np.pad(picture, ((0, 0), (2, 2), (2, 2)), mode="edge")
        windows = {
            (i, j)
            for i in range(5)
            for j in range(5)
            if np.array_equal(wide[:, i : i + 20, j : j + 20], after)
        }
        assert len(windows) == 1
        seen |= windows
    assert len(seen) > 1  # each picture has its own


def test_no_shift_is_a_copy():
    x = pictures(0)
    same = shifted(x, 0, torch.Generator())
    assert torch.equal(same, x)
    assert same.data_ptr() != x.data_ptr()


@pytest.mark.parametrize("seed", range(5))
def test_distorted_pictures_are_pictures_and_the_originals_are_left_alone(seed):
    x = pictures(seed)
    before = x.clone()
    first, again = (distorted(x, torch.Generator().manual_seed(seed)) for _ in range(2))
    assert torch.equal(x, before)
    assert torch.equal(first, again)
    assert first.shape == x.shape
    assert first.min() >= 0 and first.max() <= 1
    assert not torch.equal(first, x)


def test_an_even_picture_stays_even():
    x = torch.full((6, 3, 20, 20), 0.5)
    for picture in distorted(x, torch.Generator().manual_seed(0)):
        assert torch.allclose(picture, picture[0, 0, 0].expand_as(picture), atol=1e-6)
