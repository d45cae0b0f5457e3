import numpy as np
import pandas as pd
import pytest

from latentlab.errors import DataError
from latentlab.metrics.fixed_factors import Rows, Sampler, points
from tests.latentlab.metrics.tables import frame

SIZES = np.array([3, 5, 4])


def draw(count, rng):
    return np.column_stack([rng.integers(size, size=count) for size in SIZES])


def sources():
    factors = draw(400, np.random.default_rng(0))
    table = pd.DataFrame(factors, columns=list("abc"))
    rows = Rows.of(frame(factors.astype(float)), table, bins=20)
    return [rows, Sampler(draw, lambda factors: factors.astype(float), 3)]


@pytest.mark.parametrize("source", sources(), ids=["rows", "sampler"])
def test_the_chosen_factor_is_fixed_and_the_others_vary(source):
    """The codes are the factors themselves, so what is fixed can be seen."""
    rng = np.random.default_rng(1)
    chosen = np.array([0, 1, 2, 2, 0])
    batch = source.fixed(chosen, 50, rng)
    assert batch.shape == (5, 50, 3)
    still = np.ptp(batch, axis=1) == 0
    np.testing.assert_array_equal(still, chosen[:, None] == np.arange(3))
    one, other = source.pairs(chosen, 50, rng)
    same = (one == other).all(axis=1)
    np.testing.assert_array_equal(same, chosen[:, None] == np.arange(3))
    assert np.ptp(one, axis=1).all()  # values change from pair to pair
    assert source.any(7, rng).shape == (7, 3) and source.factors == 3


def test_rows_come_as_often_as_the_table_has_them():
    factors = pd.DataFrame({"v": np.repeat([0, 1], [90, 10]), "w": np.arange(100)})
    source = Rows.of(frame(factors[["v"]].to_numpy(float)), factors, bins=20)
    fixed = source.fixed(np.zeros(4000, int), 1, np.random.default_rng(0))
    assert fixed.mean() == pytest.approx(0.1, abs=0.02)


def test_an_encoder_must_give_a_row_for_each():
    source = Sampler(draw, lambda factors: factors[:-1].astype(float), 3)
    with pytest.raises(DataError, match="one row for each"):
        source.any(5, np.random.default_rng(0))


def test_all_points_are_dealt_with():
    rng = np.random.default_rng(0)
    dealt = np.concatenate(list(points(1001, 4, rng)))
    assert len(dealt) == 1001 and set(dealt) == {0, 1, 2, 3}
