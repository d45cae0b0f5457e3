"""Objectives by name. A new one is a module beside this file and a line in OBJECTIVES.

An objective is a frozen dataclass: its fields are its settings, calling it gives the `Terms` of a
batch. It changes nothing and keeps nothing. What it needs of the model's posterior stands in its
class variable `needs` (`requirements.py`); one without it takes every model but those of discrete
codes. `per_image` is true where the loss of a batch is the mean of losses of its images, so that
several processes can share a batch (`latentlab.ranks`). What draws through `latentlab.noise`, asks
`Step.scheduled` for weights that change, and looks at no value, can be recorded and replayed on a
GPU (`latentlab.fitting`).
"""

from collections.abc import Callable

from latentlab.objectives.beta_tcvae import BetaTCVAE
from latentlab.objectives.beta_vae import BetaVAE
from latentlab.objectives.capacity import Capacity
from latentlab.objectives.denoising import Denoising
from latentlab.objectives.dip_vae import DIPVAE
from latentlab.objectives.factor_vae import FactorVAE
from latentlab.objectives.info_vae import InfoVAE
from latentlab.objectives.iwae import IWAE
from latentlab.objectives.terms import Objective as Objective
from latentlab.objectives.terms import Step as Step
from latentlab.objectives.terms import Terms as Terms
from latentlab.objectives.vector_quantized import VectorQuantized

OBJECTIVES: dict[str, Callable[..., Objective]] = {
    "beta_vae": BetaVAE,
    "capacity": Capacity,
    "iwae": IWAE,
    "beta_tcvae": BetaTCVAE,
    "factor_vae": FactorVAE,
    "dip_vae": DIPVAE,
    "info_vae": InfoVAE,
    "denoising": Denoising,
    "vector_quantized": VectorQuantized,
}
