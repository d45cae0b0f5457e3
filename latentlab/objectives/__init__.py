"""Objectives by name. A new one is a module beside this file and a line in OBJECTIVES.

An objective is a frozen dataclass: its fields are its settings, calling it gives the `Terms` of a
batch. It changes nothing and keeps nothing.
"""

from collections.abc import Callable

from latentlab.objectives.beta_vae import BetaVAE
from latentlab.objectives.terms import Objective as Objective
from latentlab.objectives.terms import Terms as Terms

OBJECTIVES: dict[str, Callable[..., Objective]] = {
    "beta_vae": BetaVAE,
}
