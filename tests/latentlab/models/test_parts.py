"""Masks, conditions and a user's own networks."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from latentlab import config as configs
from latentlab.data.batches import Batch
from latentlab.errors import ConfigError
from latentlab.models import build_model
from latentlab.models.networks import NETWORKS, register_network

SMALL = {"channels": 3, "side": 32, "seed": 0}


def test_the_true_mask_decides_which_pixels_count():
    model = build_model("vae", {"widths": (8,), "latents": 4, "masked": True}, **SMALL)
    x, mask = torch.rand(5, 3, 32, 32), (torch.rand(5, 1, 32, 32) > 0.5).float()
    z = torch.randn(5, 4)
    nats = model.reconstruction(z, Batch(x, mask))
    image = functional.binary_cross_entropy(model.decoder(z).sigmoid(), x, reduction="none")
    kept = model.mask_decoder(z).sigmoid()
    of_mask = functional.binary_cross_entropy(kept, mask, reduction="none")
    expected = (image * mask).sum((1, 2, 3)) + of_mask.sum((1, 2, 3))
    torch.testing.assert_close(nats, expected)
    outside = torch.where(mask.bool(), x, torch.rand_like(x))
    assert torch.equal(nats, model.reconstruction(z, Batch(outside, mask)))
    torch.testing.assert_close(model.decode(z), model.decoder(z).sigmoid() * kept)
    with pytest.raises(ValueError, match="the batch has none"):
        model.reconstruction(z, Batch(x))


def test_a_conditional_model_reads_its_conditions_on_both_sides():
    settings = {"conditions": ("Smiling", "Male"), "widths": (8,), "latents": 4}
    model = build_model("conditional_vae", settings, **SMALL)
    x = torch.rand(2, 3, 32, 32)
    yes, no = torch.ones(2, 2), -torch.ones(2, 2)
    assert not torch.allclose(model.encode(x, yes).mu, model.encode(x, no).mu)
    z = torch.zeros(2, 4)
    assert not torch.allclose(model.decode(z, yes), model.decode(z, no))
    for call in (lambda: model.encode(x), lambda: model.decode(z)):
        with pytest.raises(ValueError, match="told Smiling, Male"):
            call()


@pytest.mark.parametrize(
    ("content", "match"),
    [
        ({"model": {"masked": True}}, r"model\.masked.*faces gives none.*celeba_mask_hq"),
        ({"model": {"name": "vq_vae"}}, r"objective\.name=vector_quantized"),
        ({"objective": {"name": "vector_quantized"}}, r"model\.name=vq_vae or vq_vae_2"),
        ({"model": {"name": "conditional_vae"}}, r"`model\.conditions` is missing"),
        ({"model": {"name": "vq_vae", "halvings": 7}}, r"cannot be halved 7 times"),
        ({"encode": {"features": "histogram"}}, r"features=mean, or model\.name=vq_vae"),
        (
            {"model": {"name": "autoencoder"}, "encode": {"likelihood_samples": 5}},
            r"no density.*Leave it at 0",
        ),
        (
            {"model": {"name": "flow_vae"}, "objective": {"name": "dip_vae"}},
            r"diagonal Gaussian.*this one's is Flow",
        ),
    ],
)
def test_combinations_that_cannot_work_are_refused_with_the_config(content, match):
    with pytest.raises(ConfigError, match=match) as caught:
        configs.build(content)
    assert "\n" not in str(caught.value)


def test_a_flow_without_the_extra_is_refused_with_the_config(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "zuko.flows", None)
    with pytest.raises(ConfigError, match=r"pip install 'latentlab\[flows\]'.*flow=planar"):
        configs.build({"model": {"name": "flow_vae"}})
    assert configs.build({"model": {"name": "flow_vae", "flow": "planar"}})


def own_encoder(channels, side):
    return nn.Sequential(nn.AvgPool2d(4), nn.Flatten(), nn.Linear(channels * side**2 // 16, 7))


def own_decoder(inputs, outputs, side):
    last = nn.Linear(inputs, outputs * side * side)
    return nn.Sequential(last, nn.Unflatten(1, (outputs, side, side)))


@pytest.fixture
def networks():
    """What a test registers is gone after it."""
    before = dict(NETWORKS)
    yield NETWORKS
    NETWORKS.clear()
    NETWORKS.update(before)


def test_a_users_own_network_is_named_in_python_and_chosen_like_the_others(networks):
    with pytest.raises(ConfigError, match="unknown name `own`"):
        configs.build({"model": {"network": "own"}})
    place = f"{__name__}:own_"
    register_network("own", f"{place}encoder", f"{place}decoder")
    config = configs.build({"model": {"network": "own", "latents": 2}})
    model = build_model("vae", config.model.settings, **SMALL)
    assert model.head.mu.weight.shape == (2, 7)
    assert model(torch.rand(2, 3, 32, 32)).shape == (2, 3, 32, 32)
    with pytest.raises(ConfigError, match="there already"):
        register_network("own", own_encoder, own_decoder)


@pytest.mark.parametrize("what", ["nowhere_at_all:encoder", f"{__name__}:missing", "no_colon"])
def test_a_network_that_cannot_be_found_is_told(what):
    with pytest.raises(ConfigError, match=r"module:callable"):
        register_network("own", what, own_decoder)


def test_a_network_of_a_wrong_shape_is_told(networks):
    register_network("own", own_encoder, lambda inputs, outputs, side: nn.Linear(inputs, 5))
    with pytest.raises(ConfigError, match=r"decoder of own gives \(2, 5\).*\(2, 3, 32, 32\)"):
        build_model("vae", {"network": "own"}, **SMALL)
