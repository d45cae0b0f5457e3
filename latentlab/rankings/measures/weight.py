"""The weight of a dimension in the probe, the others held fixed."""

import numpy as np
from scipy.special import expit

from latentlab.rankings.measures.measure import Measured
from latentlab.rankings.tasks import Task


def weight(task: Task) -> Measured | str:
    """The probe's weight per standard deviation of the dimension, with its influence on train.

    An image's influence is H^-1 g: g is the gradient of its log-likelihood and H the Hessian of the
    penalised loss, both at the fitted weights. Drawing it twice is one Newton step towards the
    optimum of those images; penalty and standardisation stay as they are.

    Source: one-step bootstrap: Davison & Hinkley 1997, section 2.7, and Kline & Santos 2012,
    https://doi.org/10.1515/2156-6674.1001
    """
    gradients, hessian = slopes(task)
    influence = gradients @ np.linalg.pinv(hessian, hermitian=True) * len(task.train)
    return Measured(task.probe.weights_, (influence - influence.mean(axis=0))[:, :-1])


def slopes(task: Task) -> tuple[np.ndarray, np.ndarray]:
    """Gradient of each train image's log-likelihood, (rows, latents + 1), and Hessian of the
    penalised loss, at the probe's weights per standard deviation; the intercept last."""
    probe, codes = task.probe, task.train.codes
    design = np.column_stack([(codes - probe.mean_) / probe.scale_, np.ones(len(codes))])
    expected = codes @ probe.coef_ + probe.intercept_
    curvature = np.ones(len(codes))
    if task.binary:
        expected = expit(expected)
        curvature = expected * (1.0 - expected)
    penalty = np.diag([*np.full(codes.shape[1], float(probe.penalty)), 0.0])
    hessian = design.T @ (curvature[:, None] * design) + penalty
    return (task.y_train - expected)[:, None] * design, hessian
