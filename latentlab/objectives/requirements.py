"""What some objectives need of a posterior, checked at their first batch.

Such an objective says so in a class variable `needs`, which can be read before there is a model.
"""

from typing import Literal

from latentlab.errors import ConfigError
from latentlab.models.posteriors import Codes, Gaussian, Posterior

Need = Literal["density", "gaussian", "codes"]


def check_posterior(posterior: Posterior, need: Need | None, objective: str) -> None:
    """
    Args:
        need: A `density` of draws, or that of a diagonal `gaussian`, or discrete `codes`; None
            for one that takes every posterior but those, which one objective alone can train.
        objective: Its name, for the error.

    Raises:
        ConfigError: this posterior has not what the objective needs.
    """
    if isinstance(posterior, Codes) != (need == "codes"):
        if need == "codes":
            raise ConfigError(
                f"`objective.name`: `{objective}` needs a model with discrete codes. Take"
                " model.name=vq_vae or vq_vae_2, or objective.name=beta_vae."
            )
        raise ConfigError(
            f"`objective.name`: `{objective}` cannot train discrete codes, whose encoder needs the"
            " commitment loss. Take objective.name=vector_quantized."
        )
    if need in ("density", "gaussian") and not posterior.density:
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
