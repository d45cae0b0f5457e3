"""What some objectives need of a posterior, checked at their first batch.

Such an objective says so in a class variable `needs`, which can be read before there is a model.
"""

from typing import Literal

from latentlab.errors import ConfigError
from latentlab.models.posteriors import Gaussian, Posterior

Need = Literal["density", "gaussian"]


def check_posterior(posterior: Posterior, need: Need, objective: str) -> None:
    """
    Args:
        need: A `density` (`log_prob` and a divergence from the prior), or that of a diagonal
            `gaussian`.
        objective: Its name, for the error.

    Raises:
        ConfigError: this posterior has not what the objective needs.
    """
    if posterior.logvar is None:
        raise ConfigError(
            f"`objective.name`: `{objective}` needs a model that gives every image a distribution"
            " over the latents, and this one's codes are single points. Take model.name=vae, or"
            " objective.name=beta_vae."
        )
    if need == "gaussian" and not isinstance(posterior, Gaussian):
        raise ConfigError(
            f"`objective.name`: `{objective}` needs a model whose posterior is a diagonal"
            f" Gaussian, and this one's is {type(posterior).__name__}. Take model.name=vae, or"
            " objective.name=factor_vae, which needs draws alone."
        )
