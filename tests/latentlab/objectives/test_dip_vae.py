"""The penalty against covariances as numpy has them."""

import numpy as np
import pytest
import torch

from latentlab.data.batches import Batch
from latentlab.objectives import BetaVAE
from latentlab.objectives.dip_vae import DIPVAE
from latentlab.objectives.terms import Step
from latentlab.randomness import torch_generator
from tests.latentlab.objectives.linear_gaussian import Codes, batch_of_codes

COVARIANCE = torch.tensor([[2.0, 0.6, 0.0], [0.6, 1.0, -0.3], [0.0, -0.3, 0.5]])
VARIANCE = 0.4


def terms(objective, batch):
    return objective(Codes(3, VARIANCE), batch, Step(torch_generator(0, "noise")))


def reference(covariance, diagonal, off_diagonal):
    total = 0.0
    for i in range(len(covariance)):
        for j in range(len(covariance)):
            weight, wanted = (diagonal, 1.0) if i == j else (off_diagonal, 0.0)
            total += weight * (covariance[i, j] - wanted) ** 2
    return total


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", ["i", "ii"])
def test_the_penalty_is_the_distance_of_the_covariance_from_the_identity(kind, seed):
    batch = batch_of_codes(COVARIANCE, 40, seed)
    covariance = np.cov(batch.x.flatten(1).numpy(), rowvar=False, bias=True)
    if kind == "ii":
        covariance = covariance + VARIANCE * np.eye(3)
    penalty = terms(DIPVAE(kind, 3.0, 7.0), batch).extra["penalty"].item()
    assert penalty == pytest.approx(reference(covariance, 3.0, 7.0), rel=1e-4)


@pytest.mark.parametrize("kind", ["i", "ii"])
def test_the_loss_is_the_plain_one_and_the_penalty(kind):
    batch = batch_of_codes(COVARIANCE, 40, 0)
    result, plain = terms(DIPVAE(kind), batch), terms(BetaVAE(), batch)
    torch.testing.assert_close(result.loss, plain.loss + result.extra["penalty"])
    torch.testing.assert_close(terms(DIPVAE(kind, 0.0, 0.0), batch).loss, plain.loss)


def test_the_second_kind_is_of_draws_from_the_posteriors():
    batch = batch_of_codes(COVARIANCE, 200_000, 0)
    posterior = Codes(3, VARIANCE).encode(batch.x)
    z = posterior.sample(torch_generator(0, "noise")).z.detach().numpy()
    penalty = terms(DIPVAE("ii", 1.0, 1.0), batch).extra["penalty"].item()
    expected = reference(np.cov(z, rowvar=False), 1.0, 1.0)
    assert penalty == pytest.approx(expected, rel=0.02)


def test_codes_with_the_identity_for_a_covariance_cost_nothing():
    signs = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    batch = Batch(signs[:, :, None, None])
    result = DIPVAE("i")(Codes(2, VARIANCE), batch, Step(torch_generator(0, "noise")))
    assert result.extra["penalty"].item() == pytest.approx(0.0, abs=1e-9)
