"""Trees on bins against scikit-learn's, which try every split."""

import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor

from latentlab.metrics.boosted_trees import SPLITS, Bins, Classes, Squares, boosted, explained


def problem(seed, images=900, ties=True):
    """Codes of few distinct values, on which the splits to try are the same; and three factors."""
    rng = np.random.default_rng(seed)
    z = rng.standard_normal((images, 5))
    z = np.round(4 * z) / 4 if ties else z
    noise = rng.standard_normal((3, images))
    two = (z[:, 0] + z[:, 1] + noise[0] > 0.5).astype(int)
    four = np.digitize(z[:, 2] + 0.5 * noise[1], [-1, 0, 1])
    return z, [two, four, z[:, 3] ** 2 + 0.3 * noise[2]]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("ties", [True, False])
def test_importances_and_scores_are_those_of_trees_that_try_every_split(seed, ties):
    z, factors = problem(seed, ties=ties)
    train, test = slice(0, 600), slice(600, None)
    near = 0.03  # splits that are equally good are chosen by luck
    losses = [Classes(one[train]) for one in factors[:2]] + [Squares(factors[2][train])]
    importance, answers = boosted(z[train], losses, z[test])
    for column, (factor, loss, answer) in enumerate(zip(factors, losses, answers, strict=True)):
        kind = GradientBoostingRegressor if column == 2 else GradientBoostingClassifier
        model = kind(random_state=0).fit(z[train], factor[train])
        np.testing.assert_allclose(importance[:, column], model.feature_importances_, atol=near)
        expected = model.score(z[test], factor[test])
        assert loss.score(answer, factor[test]) == pytest.approx(expected, abs=2 * near)


def test_bins_keep_few_values_apart_and_fill_evenly_with_many():
    rng = np.random.default_rng(0)
    z = np.column_stack([rng.integers(0, 3, 5000), rng.standard_normal(5000), np.ones(5000)])
    bins = Bins.of(z)
    assert [len(np.unique(codes)) for codes in bins.codes] == [3, SPLITS // 5000, 1]
    counts = np.bincount(bins.codes[1])
    assert counts.max() - counts.min() <= 2
    ordered = bins.codes[1][np.argsort(z[:, 1])].astype(int)
    assert (np.diff(ordered) >= 0).all()
    np.testing.assert_allclose(bins.sums(z.T[:2]).sum(axis=2)[0, 0], z[:, 0].sum())


def test_few_images_have_a_bin_each():
    z = np.random.default_rng(0).standard_normal((700, 2))
    assert [len(np.unique(codes)) for codes in Bins.of(z).codes] == [700, 700]


def test_noise_and_constants_matter_to_nobody():
    """A latent that does not vary is never split on; nor is any for a factor of one value."""
    rng = np.random.default_rng(0)
    z = np.column_stack([rng.standard_normal(300), np.ones(300)])
    importance, _ = boosted(z, [Classes((z[:, 0] > 0).astype(int)), Squares(np.ones(300))], z[:5])
    np.testing.assert_allclose(importance, [[1, 0], [0, 0]])


def test_share_explained():
    values = np.array([1.0, 2.0, 3.0])
    assert explained(values, values) == 1.0
    assert explained(np.full(3, 2.0), values) == 0.0
    assert explained(values, np.ones(3)) == 0.0


def test_latents_with_equally_good_splits_share_the_importance():
    z = np.random.default_rng(0).standard_normal((300, 2))
    twice = np.column_stack([z[:, 0], z[:, 1], -z[:, 0]])
    importance, _ = boosted(twice, [Classes((z[:, 0] > 0.3).astype(int))], z[:5, [0, 1, 0]])
    np.testing.assert_allclose(importance[:, 0], [0.5, 0, 0.5], atol=1e-6)
