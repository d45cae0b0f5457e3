"""Probes by name: scikit-learn estimators that read a target off the latents.

A new one is a module beside this file and a line in PROBES; the tests run over the dict. A probe
takes `penalty`, and after `fit` has `weights_` (per standard deviation of each latent), `coef_` and
`intercept_` (in latent units).
"""

from latentlab.probes.logistic import LogisticProbe
from latentlab.probes.ridge import RidgeProbe

PROBES: dict[str, type[LogisticProbe] | type[RidgeProbe]] = {
    "logistic": LogisticProbe,
    "ridge": RidgeProbe,
}
