import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from latentlab.metrics.explicitness import explicitness
from tests.latentlab.metrics.tables import codes_and_factors, halves, mixed


@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_scikit_learn_value_by_value(seed):
    given = halves(*mixed(seed, images=900))
    codes, factors, test_codes, test_factors = given
    live = codes.columns[codes.std() > 0]
    mean, deviation = codes[live].mean(), codes[live].std(ddof=0)
    z, test_z = ((one[live] - mean) / deviation for one in (codes, test_codes))
    areas = []
    for name in factors:
        model = LogisticRegression().fit(z, factors[name])
        shares = model.predict_proba(test_z)
        own = [
            roc_auc_score(test_factors[name] == value, shares[:, column])
            for column, value in enumerate(model.classes_)
        ]
        areas.append(np.mean(own))
    assert explicitness(*given)["explicitness"].score == pytest.approx(np.mean(areas), abs=1e-6)


def test_a_value_that_test_never_shows_is_left_out():
    codes, factors, test_codes, test_factors = halves(*codes_and_factors(0))
    few = test_factors["x"] > 0
    test_codes, test_factors = (
        one[few].reset_index(drop=True) for one in (test_codes, test_factors)
    )
    found = explicitness(codes, factors, test_codes, test_factors)["explicitness"]
    assert 0.8 < found.settings["per_factor"]["x"] <= 1
    alone = test_factors.assign(x=2, y=3)
    found = explicitness(codes, factors, test_codes, alone)["explicitness"]
    assert found.score is None and found.settings["per_factor"] == {"x": None, "y": None}


def test_continuous_factors_are_cut_where_train_says():
    codes, factors = codes_and_factors(0)
    given = halves(codes, factors[[]].assign(size=codes["mu_002"]))
    assert explicitness(*given, bins=4)["explicitness"].score > 0.9
