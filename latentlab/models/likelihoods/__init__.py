"""What the decoder's output says about the pixels, by name.

An entry is a function of `channels` and `side` that gives a `Likelihood`. A new one is a module
beside this file and a line in LIKELIHOODS.
"""

from collections.abc import Callable

from latentlab.models.likelihoods.autoregressive import Autoregressive
from latentlab.models.likelihoods.bernoulli import Bernoulli
from latentlab.models.likelihoods.continuous_bernoulli import ContinuousBernoulli
from latentlab.models.likelihoods.gaussian import FixedGaussian, PixelGaussian, ScalarGaussian
from latentlab.models.likelihoods.likelihood import Likelihood as Likelihood
from latentlab.models.likelihoods.logistic_mixture import LogisticMixture

LIKELIHOODS: dict[str, Callable[..., Likelihood]] = {
    "bernoulli": Bernoulli,
    "continuous_bernoulli": ContinuousBernoulli,
    "gaussian": FixedGaussian,
    "gaussian_scalar": ScalarGaussian,
    "gaussian_pixel": PixelGaussian,
    "logistic_mixture": LogisticMixture,
    "autoregressive": Autoregressive,
}
