"""Grids have the sides they should, and every weight takes part."""

import pytest
import torch

from latentlab.models.grid_networks import GridDecoder, GridEncoder
from latentlab.models.networks.network import halved


@pytest.fixture(autouse=True)
def same_weights_in_every_run():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("times", [1, 2, 3])
@pytest.mark.parametrize("side", [28, 33, 64])
def test_down_and_up_again(side, times, channels):
    sides = halved(side, times)
    down = GridEncoder(channels, width=8, dimension=5, sides=sides)
    up = GridDecoder(5, outputs=6, width=8, sides=sides)
    grid = down(torch.rand(2, channels, side, side))
    assert grid.shape == (2, 5, sides[-1], sides[-1])
    out = up(grid)
    assert out.shape == (2, 6, side, side)
    out.square().sum().backward()
    for network in (down, up):
        for name, weight in network.named_parameters():
            assert weight.grad.abs().sum() > 0, name


def test_every_side_from_28_to_256_comes_back():
    with torch.device("meta"):
        for side in range(28, 257):
            sides = halved(side, 3)
            grid = GridEncoder(3, 4, 2, sides)(torch.empty(1, 3, side, side))
            assert grid.shape == (1, 2, sides[-1], sides[-1])
            assert GridDecoder(2, 3, 4, sides)(grid).shape == (1, 3, side, side)


def test_a_decoder_gives_negative_values_too():
    out = GridDecoder(2, 3, 8, [8, 4])(torch.randn(4, 2, 4, 4))
    assert out.min() < 0 < out.max()
