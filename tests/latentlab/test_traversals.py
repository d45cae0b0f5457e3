"""Lines through latent space, on a decoder whose answer is known."""

import numpy as np
import pytest
import torch

from latentlab import pictures, traversals
from latentlab.decoding import Places


class Shades(torch.nn.Module):
    """Decodes a code to pixels that show its first two values."""

    def __init__(self):
        super().__init__()
        self.anything = torch.nn.Parameter(torch.zeros(1))

    def decode(self, z, context=None):
        return z[:, :2].clamp(0, 1)[:, :, None, None].repeat(1, 2, 2, 2)[:, :3]


def test_one_dimension_moves_and_the_anchor_is_in_the_middle():
    strip = traversals.traverse(
        Shades(), Places(np.array([[0.5, 0.2, 9.0]])), np.array([0.1, 0, 0]), steps=5, span=0.5
    )
    assert strip.offsets == (-0.5, -0.25, 0.0, 0.25, 0.5)
    assert strip.images.shape == (5, 4, 4, 3) or strip.images.shape[:1] == (5,)
    np.testing.assert_allclose(strip.images[:, 0, 0, 0], [0, 64, 128, 191, 255], atol=1)
    assert len(set(strip.images[:, 0, 0, 1].tolist())) == 1


def test_a_step_in_standard_deviations_covers_the_spread_of_the_codes():
    rng = np.random.default_rng(0)
    codes = rng.normal(size=(5000, 3)) * [2.0, 0.5, 1.0]
    for index, expected in enumerate([2.0, 0.5, 1.0]):
        assert traversals.spread(codes, np.eye(3)[index]) == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize("direction", [np.zeros(3), np.array([np.nan, 1, 0])])
def test_a_direction_that_leads_nowhere_is_refused(direction):
    with pytest.raises(ValueError, match="direction"):
        traversals.unit_direction(direction)


def test_a_sheet_holds_every_picture_in_its_place():
    rows = [np.full((3, 4, 4, 1), shade, dtype=np.uint8) for shade in (10, 20)]
    sheet = pictures.tile(rows, gap=1)
    assert sheet.shape == (11, 16, 1)
    assert (sheet[1:5, 1:5] == 10).all()
    assert (sheet[6:10, 11:15] == 20).all()
    assert (sheet[0] == 255).all()
    wide = pictures.labelled(sheet, ["a", "b"])
    assert wide.shape == (11, 16 + 56, 3)
    assert pictures.png(wide).startswith(b"\x89PNG")
    assert pictures.png(sheet).startswith(b"\x89PNG")


def test_moving_all_at_once_is_moving_one_at_a_time():
    rng = np.random.default_rng(0)
    anchors = Places(rng.uniform(size=(2, 3)))
    directions, scales = rng.normal(size=(4, 3)), np.array([0.1, 0.2, 0.3, 0.4])
    t = traversals.offsets(5, 2.0)
    every = traversals.traverse_all(Shades(), anchors, directions, scales, t)
    assert every.shape[:3] == (4, 2, 5)
    for at, direction in enumerate(directions):
        for place in range(2):
            anchor = Places(anchors.z[place : place + 1])
            strip = traversals.traverse(
                Shades(), anchor, direction, scale=scales[at], steps=5, span=2.0
            )
            np.testing.assert_array_equal(every[at, place], strip.images)


@pytest.mark.parametrize("seed", range(3))
def test_rows_that_differ_begin_with_the_first_and_leave_the_outer_ones_out(seed):
    rng = np.random.default_rng(seed)
    corners = np.array([[0.0, 0.0], [6.0, 0.0], [0.0, 6.0], [6.0, 6.0]])
    codes = corners[rng.integers(0, 4, 200)] + 0.1 * rng.standard_normal((200, 2))
    codes[1] = [90.0, -90.0]  # an outlier is no example
    chosen = traversals.differing(codes, 3)
    assert chosen[0] == 0 and 1 not in chosen
    assert len({tuple(row) for row in (codes[chosen] > 3).tolist()}) == 3  # of three corners


def test_images_that_are_all_alike_are_one_image():
    assert traversals.differing(np.ones((5, 3)), 4).tolist() == [0]
