"""Information of all pairs at once against scikit-learn pair by pair."""

import numpy as np
import pytest
from sklearn.metrics import mutual_info_score

from latentlab.metrics import binned
from latentlab.metrics.binned import information, is_discrete, labels, mutual_information
from tests.latentlab.metrics.tables import crossed, mixed


def histogram(values, bins):
    return np.digitize(values, np.histogram(values, bins)[1][:-1])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("seed", range(4))
def test_agrees_with_a_loop_over_pairs(seed, dtype):
    codes, factors = mixed(seed, dtype=dtype)
    found = information(codes, factors, bins=20)
    cut = {name: histogram(codes[name].to_numpy(), 20) for name in codes}
    expected = [[mutual_info_score(factors[v], cut[z]) for v in factors] for z in codes]
    np.testing.assert_allclose(found.mutual, expected, atol=1e-12)
    entropies = [mutual_info_score(factors[v], factors[v]) for v in factors]
    np.testing.assert_allclose(found.entropies, entropies, atol=1e-12)


def test_blocks_of_rows_give_the_same(monkeypatch):
    rng = np.random.default_rng(0)
    codes, classes = rng.integers(0, 7, (700, 3)), rng.integers(0, 4, (700, 2))
    whole = mutual_information(codes, classes)
    monkeypatch.setattr(binned, "CELLS", 1)
    for one, other in zip(mutual_information(codes, classes), whole, strict=True):
        np.testing.assert_array_equal(one, other)


def test_what_is_independent_has_no_information_at_all():
    rows = crossed(3, 5, 7).to_numpy()
    assert (mutual_information(rows[:, :2], rows[:, 2:])[0] == 0).all()


@pytest.mark.parametrize(
    ("values", "discrete"),
    [(np.arange(100), True), (np.arange(100) / 7, False), (np.arange(100) % 3 / 7, True)],
)
def test_whole_numbers_and_few_values_are_taken_as_they_are(values, discrete):
    assert is_discrete(values, bins=20) == discrete
    assert len(np.unique(labels(values, 20))) == (len(np.unique(values)) if discrete else 20)
