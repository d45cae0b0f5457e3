import numpy as np
import pytest

from latentlab.metrics.importance import completeness, disentanglement


def test_a_worked_example():
    """Three latents, two factors: one latent for each, and one for both alike."""
    importance = np.array([[0.5, 0.0], [0.0, 0.5], [0.5, 0.5]])
    score, rows = disentanglement(importance)
    np.testing.assert_allclose(rows, [1, 1, 0], atol=1e-8)
    assert score == pytest.approx(0.5)  # the third latent matters as much as both others
    score, columns = completeness(importance)
    np.testing.assert_allclose(columns, 1 - np.log(2) / np.log(3), atol=1e-8)
    assert score == pytest.approx(1 - np.log(2) / np.log(3))


def test_nothing_matters_where_no_latent_helps():
    for score in (disentanglement, completeness):
        assert score(np.zeros((3, 2)))[0] == pytest.approx(0.0, abs=1e-12)
