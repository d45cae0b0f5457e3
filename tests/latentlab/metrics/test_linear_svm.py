"""All labels at once against scikit-learn's machine, one label at a time."""

import numpy as np
import pytest
from sklearn.svm import LinearSVC

from latentlab.metrics.linear_svm import separators


def problem(seed, images=700):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(images) * rng.choice([0.02, 0.5, 1, 6]) + rng.normal()
    shares = [0.5, 0.05, 0.9, 0.3]
    noise = rng.choice([0.1, 1, 5], 4)[:, None] * x.std() * rng.standard_normal((4, images))
    signal = rng.choice([-1, 1], 4)[:, None] * x + noise
    cuts = [np.quantile(row, 1 - share) for row, share in zip(signal, shares, strict=True)]
    return x, signal > np.array(cuts)[:, None]


@pytest.mark.parametrize("seed", range(12))
def test_steps_end_where_liblinears_do(seed):
    x, positives = problem(seed)
    if seed % 3 == 0:
        x = np.round(x, 1)  # ties
    counts = positives.sum(axis=1)
    weights = 0.01 * len(x) / (2 * np.stack([counts, len(x) - counts]))
    slope, intercept = separators(x, positives, weights)
    for row, labels in enumerate(positives):
        machine = LinearSVC(C=0.01, class_weight="balanced").fit(x[:, None], labels)
        assert slope[row] == pytest.approx(machine.coef_[0, 0], rel=1e-6, abs=1e-9)
        assert intercept[row] == pytest.approx(machine.intercept_[0], rel=1e-6, abs=1e-9)


def test_a_constant_latent_leaves_the_intercept_to_the_classes():
    positives = np.arange(90)[None] % 3 == 0
    weights = np.array([[0.01], [0.01]])
    slope, intercept = separators(np.zeros(90), positives, weights)
    assert slope[0] == 0 and intercept[0] < 0
