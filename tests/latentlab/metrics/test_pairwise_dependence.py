import numpy as np
import pytest
from sklearn.metrics import mutual_info_score

from latentlab.metrics.pairwise_dependence import (
    mean_absolute_correlation,
    mutual_information_score,
)
from tests.latentlab.metrics.tables import frame, mixed


def test_agrees_with_loops_over_pairs():
    z = mixed(0)[0]
    pairs = [(a, b) for a in z for b in z if a != b]
    cut = {name: np.digitize(z[name], np.histogram(z[name], 20)[1][:-1]) for name in z}
    expected = np.mean([mutual_info_score(cut[a], cut[b]) for a, b in pairs])
    assert mutual_information_score(z).score == pytest.approx(expected)
    live = [pair for pair in pairs if "mu_005" not in pair]
    expected = np.mean([abs(np.corrcoef(z[a], z[b])[0, 1]) for a, b in live])
    result = mean_absolute_correlation(z)
    assert result.score == pytest.approx(expected)
    assert result.settings["constant_latents"] == ["mu_005"]


def test_copies_are_fully_dependent():
    values = np.arange(40.0) % 8
    copies = frame(np.column_stack([values, -values]))
    assert mean_absolute_correlation(copies).score == pytest.approx(1.0)
    assert mutual_information_score(copies).score == pytest.approx(np.log(8))
