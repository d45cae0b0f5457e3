"""Models small enough that their likelihoods and densities are known in closed form."""

import math

import torch
from torch import Tensor, nn
from torch.distributions import MultivariateNormal

from latentlab.data.batches import Batch
from latentlab.models.likelihoods import Likelihood
from latentlab.models.posteriors import Gaussian, Head
from latentlab.models.vae import VAE
from latentlab.randomness import torch_generator

SIDE = 4
PIXELS = SIDE**2


class KnownGaussian(Likelihood):
    """N(output, variance) for every pixel."""

    outputs = 1

    def __init__(self, variance):
        super().__init__()
        self.variance = variance

    def mean(self, parameters):
        return parameters

    def negative_log(self, parameters, x):
        squares = (x - parameters).square() / self.variance
        return 0.5 * (squares + math.log(2 * math.pi * self.variance))

    def draw(self, parameters, generator):
        noise = torch.randn(parameters.shape, generator=generator)
        return parameters + self.variance**0.5 * noise


class FixedVarianceHead(Head):
    def __init__(self, mean: Tensor, logvar: Tensor):
        super().__init__()
        self.mean = nn.Parameter(mean)  # (latents, pixels)
        self.logvar = nn.Parameter(logvar)  # (latents,)

    def forward(self, features):
        mu = features @ self.mean.T
        return Gaussian(mu, self.logvar.expand_as(mu))


class Principal(VAE):
    """Probabilistic PCA: z ~ N(0, 1), x ~ N(W z, variance), with orthogonal columns in W so that
    the posterior, N(W' x / (w^2 + variance), variance / (w^2 + variance)), is diagonal.

    Source: Tipping & Bishop 1999, https://doi.org/10.1111/1467-9868.00196

    Args:
        wrong: Added to the posterior's log-variances.
    """

    def __init__(self, lengths=(2.0, 1.0, 0.5), variance=0.3, wrong=0.0, seed=0):
        noise = torch.randn(PIXELS, len(lengths), generator=torch_generator(seed, "W"))
        lengths = torch.tensor(lengths)
        self.loadings = torch.linalg.qr(noise).Q * lengths
        scale = lengths.square() + variance
        head = FixedVarianceHead((self.loadings / scale).T, (variance / scale).log() + wrong)
        last = nn.Linear(len(lengths), PIXELS, bias=False)
        last.weight.data = self.loadings.clone()
        decoder = nn.Sequential(last, nn.Unflatten(1, (1, SIDE, SIDE)))
        super().__init__(nn.Flatten(), head, decoder, KnownGaussian(variance), len(lengths))
        self.marginal = MultivariateNormal(
            torch.zeros(PIXELS), self.loadings @ self.loadings.T + variance * torch.eye(PIXELS)
        )

    def images(self, count, seed=0):
        noise = torch.randn(count, PIXELS, generator=torch_generator(seed, "images"))
        return (noise @ self.marginal.scale_tril.T).reshape(count, 1, SIDE, SIDE)

    def log_likelihood(self, x):
        return self.marginal.log_prob(x.flatten(1))


class Codes(VAE):
    """The image, (batch, latents, 1, 1), is the posterior mean; the variance is fixed."""

    def __init__(self, latents, variance):
        head = FixedVarianceHead(torch.eye(latents), torch.full((latents,), math.log(variance)))
        last = nn.Linear(latents, latents, bias=False)
        last.weight.data = torch.eye(latents)
        decoder = nn.Sequential(last, nn.Unflatten(1, (latents, 1, 1)))
        super().__init__(nn.Flatten(), head, decoder, KnownGaussian(1.0), latents)


def batch_of_codes(covariance: Tensor, count: int, seed: int) -> Batch:
    """Images for `Codes` whose posterior means are draws from N(0, covariance)."""
    noise = torch.randn(count, len(covariance), generator=torch_generator(seed, "codes"))
    mu = noise @ torch.linalg.cholesky(covariance).T
    return Batch(mu[:, :, None, None])


def total_correlation(covariance: Tensor) -> float:
    """Of a Gaussian, in nats."""
    return float(0.5 * (covariance.diagonal().log().sum() - covariance.logdet()))


def mean_and_error(values) -> tuple[float, float]:
    """Mean of independent values and its standard error."""
    values = torch.as_tensor(values, dtype=torch.float64).detach()
    return float(values.mean()), float(values.std() / math.sqrt(len(values)))
