import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.stats import entropy
from sklearn.ensemble import GradientBoostingClassifier

from latentlab.metrics.dci import NAMES, dci
from tests.latentlab.metrics.tables import codes_and_factors, halves, mixed

ESTIMATORS = ("boosted_trees", "fast_trees", "random_forest", "lasso")


def test_agrees_with_the_formulas_on_scikit_learns_importances():
    codes, factors = mixed(0, images=400)
    given = halves(codes, factors[["a", "b"]])
    codes, factors, test_codes, test_factors = given
    importance, right = np.zeros((6, 2)), []
    for column, name in enumerate(factors):
        model = GradientBoostingClassifier(random_state=3)
        model.fit(codes.to_numpy(), factors[name])
        importance[:, column] = model.feature_importances_
        right.append(model.score(test_codes.to_numpy(), test_factors[name]))
    total = importance.sum()
    rows = 1 - entropy(importance.T + 1e-11, base=2)
    columns = 1 - entropy(importance + 1e-11, base=6)
    expected = (
        (rows * importance.sum(axis=1)).sum() / total,
        (columns * importance.sum(axis=0)).sum() / total,
        np.mean(right),
    )
    found = dci(*given, seed=3)
    assert [found[name].score for name in NAMES] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_every_estimator_finds_the_two_latents_and_says_which_it_is(estimator):
    found = dci(*halves(*codes_and_factors(0, images=400)), estimator=estimator, seed=0)
    settings = found["dci_disentanglement"].settings
    assert settings["estimator"] == estimator and settings["test_rows"] == 200
    for factor, latent in (("x", "mu_000"), ("y", "mu_001")):
        shares = {name: row[factor] for name, row in settings["importance"].items()}
        assert max(shares, key=shares.get) == latent
    assert found["dci_disentanglement"].score > 0.3 and found["dci_informativeness"].score > 0.7


@pytest.mark.parametrize("seed", range(2))
def test_fast_trees_score_as_the_slow_ones(seed):
    given = halves(*codes_and_factors(seed, images=1000))
    slow, fast = (dci(*given, estimator=one, seed=0) for one in ("boosted_trees", "fast_trees"))
    for name in NAMES:
        assert fast[name].score == pytest.approx(slow[name].score, abs=0.03)


def test_continuous_factors_are_predicted_as_numbers():
    codes, factors = codes_and_factors(0)
    given = halves(codes, factors.assign(size=codes["mu_002"] ** 2))
    settings = dci(*given, estimator="fast_trees")["dci_informativeness"].settings
    assert settings["scores"] == {"x": "accuracy", "y": "accuracy", "size": "r2"}
    assert settings["informativeness"]["size"] > 0.9


def test_a_lasso_that_did_not_converge_is_told_once_by_name_and_not_by_warnings():
    codes, factors, test_codes, test_factors = halves(*codes_and_factors(0, images=400))
    found = dci(codes, factors, test_codes, test_factors, estimator="lasso")
    assert found[NAMES[0]].settings["unconverged"] == []
    rng = np.random.default_rng(0)  # latents that are nearly one another
    common, own = rng.standard_normal((len(codes), 1)), rng.standard_normal(codes.shape)
    codes = pd.DataFrame(common + 0.03 * own, columns=codes.columns, index=codes.index)
    factors = factors.assign(x=own[:, 0] - own[:, 1])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = dci(codes, factors, test_codes, test_factors, estimator="lasso")
    assert "x" in found[NAMES[0]].settings["unconverged"]
