"""The objective of discrete codes: what is paid, and whom each part teaches."""

import pytest
import torch

from latentlab.data.batches import Batch
from latentlab.errors import ConfigError
from latentlab.models import build_model
from latentlab.objectives import OBJECTIVES
from latentlab.objectives.terms import Step
from latentlab.randomness import torch_generator


@pytest.fixture(params=["vq_vae", "vq_vae_2"])
def trained(request):
    """A model whose books have begun, and some images."""
    settings = {"latents": 4, "codes": 8, "width": 8}
    model = build_model(request.param, settings, channels=1, side=28, seed=0)
    x = torch.rand(6, 1, 28, 28, generator=torch_generator(0, "images"))
    model.train()
    model.encode(x)
    model.eval()  # so that the books stay as they are
    return model, Batch(x)


def terms(model, batch, **settings):
    objective = OBJECTIVES["vector_quantized"](**settings)
    return objective(model, batch, Step(torch_generator(0, "noise")))


def test_the_loss_is_the_sum_of_its_parts(trained):
    model, batch = trained
    posterior = model.encode(batch.x)
    told = terms(model, batch, commitment=0.5)
    price = model.head.price([level.codes for level in posterior.levels])
    apart = sum((level.distance for level in posterior.levels), torch.zeros(6))
    expected = told.reconstruction + price + 0.5 * apart
    torch.testing.assert_close(told.loss, expected.mean())
    torch.testing.assert_close(told.kl.sum(1), price.detach())
    torch.testing.assert_close(told.extra["commitment"], apart.mean().detach())
    shares = posterior.histogram().mean(0).split(8)
    entropies = [torch.distributions.Categorical(one).entropy() for one in shares]
    torch.testing.assert_close(told.extra["perplexity"], torch.stack(entropies).exp().mean())


def test_the_price_of_the_codes_teaches_their_prior_alone(trained):
    model, batch = trained
    model.encode(batch.x).kl().sum().backward()
    taught = {name for name, weight in model.named_parameters() if weight.grad is not None}
    assert taught
    assert all("prior" in name for name in taught)


def test_the_commitment_draws_the_encoder_to_its_codes(trained):
    model, batch = trained
    distance = model.encode(batch.x).distance.mean()
    distance.backward()
    with torch.no_grad():
        for weight in model.encoder.parameters():
            if weight.grad is not None:
                weight -= 1e-3 * weight.grad
    assert model.encode(batch.x).distance.mean() < distance
    assert all(weight.grad is None for weight in model.decoder.parameters())


def test_codes_and_objectives_that_do_not_belong_together_are_refused(trained):
    model, batch = trained
    plain = build_model("vae", {"widths": (8,)}, channels=1, side=28, seed=0)
    with pytest.raises(ConfigError, match=r"model\.name=vq_vae"):
        terms(plain, batch)
    with pytest.raises(ConfigError, match=r"objective\.name=vector_quantized"):
        OBJECTIVES["iwae"]()(model, batch, Step(torch_generator(0, "noise")))
