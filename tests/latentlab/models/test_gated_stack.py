"""What a position is told depends on all positions before it in reach, and on no other."""

import pytest
import torch

from latentlab.models.gated_stack import GatedStack
from latentlab.randomness import torch_generator


def built(channels=2, features=3, width=6, kernels=(5, 3), outputs=4):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return GatedStack(channels, width, features, kernels, outputs).double()


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch_generator(seed, "x"), dtype=torch.float64)


@pytest.mark.parametrize("place", [(0, 0), (1, 3), (4, 5), (5, 0), (6, 6)])
def test_a_position_sees_all_before_it_in_reach_and_none_after(place):
    stack, side, reach = built(), 7, 3
    x = normal(1, 2, side, side).requires_grad_()
    said = stack(x, normal(1, 3, side, side, seed=1))[0, :, place[0], place[1]]
    (slopes,) = torch.autograd.grad((said * normal(4)).sum(), x)
    seen = slopes[0].abs().amin(0) > 0
    for row in range(side):
        for column in range(side):
            up, back = place[0] - row, place[1] - column
            if (0 < up <= reach + 1 and abs(back) <= reach) or (up == 0 and 0 < back <= reach + 1):
                assert seen[row, column]
            elif up <= 0:
                assert slopes[0, :, row, column].abs().sum() == 0


@pytest.mark.parametrize("features", [0, 3])
@pytest.mark.parametrize(("height", "width"), [(5, 5), (1, 6), (6, 1), (3, 4)])
def test_filling_a_grid_meets_what_one_pass_says(features, height, width):
    """Each input is a function of what was said of its position, as in drawing."""
    stack = built(features=features)
    maps = normal(2, features, height, width)
    x = torch.zeros(2, 2, height, width, dtype=torch.float64)
    said = torch.zeros(2, 4, height, width, dtype=torch.float64)

    def choose(given, row, column):
        said[:, :, row, column] = given[:, :, 0, 0]
        value = 3 * given[:, :2] - given[:, 2:]
        x[:, :, row, column] = value[:, :, 0, 0]
        return value

    stack.fill(maps, choose)
    with torch.no_grad():
        torch.testing.assert_close(stack(x, maps), said)


@pytest.mark.parametrize("features", [0, 3])
def test_every_weight_and_every_map_matters(features):
    stack = built(features=features)
    maps = normal(2, features, 6, 6).requires_grad_()
    stack(normal(2, 2, 6, 6), maps).square().sum().backward()
    for name, weight in stack.named_parameters():
        assert weight.grad.abs().sum() > 0, name
    if features:
        assert (maps.grad.abs().sum((0, 2, 3)) > 0).all()


def test_the_border_is_told_from_zeros_inside():
    """All inputs are 0, so that only the border can make positions differ."""
    stack = built(features=0)
    with torch.no_grad():
        said = stack(torch.zeros(1, 2, 12, 12).double(), torch.zeros(1, 0, 12, 12).double())
    assert not torch.equal(said[..., 0, 5], said[..., 8, 5])
    torch.testing.assert_close(said[..., 8, 5], said[..., 9, 6])
