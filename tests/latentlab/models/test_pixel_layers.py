"""The pixels of a decoder are the same whichever way they are computed."""

import pytest
import torch
from torch import nn

from latentlab.models import build_model
from latentlab.models.pixel_layers import quick_pixels


def up(outputs, **others):
    return nn.ConvTranspose2d(
        5, outputs, 4, **({"stride": 2, "padding": 1, "dtype": torch.float64} | others)
    )


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("outputs", [1, 3, 8])
def test_a_layer_with_few_outputs_gives_the_same_numbers(outputs, bias):
    layer = nn.Sequential(up(outputs, bias=bias))
    x = torch.randn(3, 5, 6, 7, dtype=torch.float64)
    plain = layer(x)
    with quick_pixels(layer), torch.no_grad():
        assert "forward" in vars(layer[0])
        quick = layer(x)
    assert "forward" not in vars(layer[0])
    assert quick.shape == plain.shape
    torch.testing.assert_close(quick, plain, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    "layer",
    [up(9), up(3, output_padding=1), up(3, padding=0), up(3, stride=1), up(5, groups=5)],
)
def test_other_layers_are_left_alone(layer):
    with quick_pixels(nn.Sequential(layer)):
        assert "forward" not in vars(layer)


def test_a_model_decodes_the_same_and_is_itself_again_after_an_error():
    model = build_model("vae", {"latents": 4, "widths": (8, 8)}, channels=3, side=32, seed=0).eval()
    z = torch.randn(7, 4)
    with torch.no_grad():
        plain = model.decode(z)
        with pytest.raises(KeyError), quick_pixels(model):
            torch.testing.assert_close(model.decode(z), plain, rtol=0, atol=1e-6)
            assert any("forward" in vars(layer) for layer in model.modules())
            raise KeyError
    assert not any("forward" in vars(layer) for layer in model.modules())
    assert torch.equal(model.decode(z), plain)
