"""Correlated factors: the correlation asked for, and nothing else changed."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from latentlab.data import correlated
from latentlab.data.faces import FACTORS, attributes, sample_factors
from latentlab.errors import ConfigError

IMAGES = 20_000
FACTOR_RATES = {name: 0.35 if name == "glasses" else None for name in FACTORS}
RATES = {"u": None, "v": None, "a": 0.35, "b": 0.2, "c": 0.5}

# Uniform pairs, a binary factor, a chain of three, a triangle, two groups at once.
SETS = {
    "uniform": [("smile", "mouth_opening", 0.6)],
    "negative": [("roll", "light", -0.9)],
    "binary": [("glasses", "skin_tone", 0.7)],
    "binary, negative": [("smile", "glasses", -0.4)],
    "chain": [("smile", "mouth_opening", 0.6), ("mouth_opening", "lipstick", -0.5)],
    "binary in a chain": [("smile", "glasses", 0.5), ("glasses", "yaw", 0.4)],
    "triangle": [("smile", "yaw", 0.5), ("yaw", "roll", 0.5), ("smile", "roll", 0.5)],
    "two groups": [("smile", "background", 0.3), ("hair_color", "glasses", -0.6)],
}


def standard_error(x, y):
    """Of a correlation, whatever the distributions: the spread of its influence function."""
    x, y = (x - x.mean()) / x.std(), (y - y.mean()) / y.std()
    r = (x * y).mean()
    return (x * y - r * (x**2 + y**2) / 2).std() / len(x) ** 0.5


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("name", SETS)
def test_named_pairs_have_their_correlation_and_all_others_none(name, seed):
    factors = sample_factors(IMAGES, seed, SETS[name])
    asked = {frozenset(pair): r for *pair, r in SETS[name]}
    tied = sorted({factor for pair in asked for factor in pair} | {"fringe"})
    for place, first in enumerate(tied):
        for second in tied[:place]:
            r = asked.get(frozenset((first, second)), 0.0)
            off = factors[first].corr(factors[second]) - r
            assert abs(off) < 3 * standard_error(factors[first], factors[second]), (first, second)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("name", SETS)
def test_every_factor_keeps_its_distribution(name, seed):
    factors = sample_factors(IMAGES, seed, SETS[name])
    for column, factor in FACTORS.items():
        values = factors[column]
        if factor.kind == "binary":
            ones = int(values.sum())
            assert set(values) == {0.0, 1.0}
            assert stats.binomtest(ones, IMAGES, factor.rate).pvalue > 1e-3
        else:
            uniform = stats.uniform(factor.low, factor.high - factor.low)
            assert values.between(factor.low, factor.high).all()
            assert stats.kstest(values, uniform.cdf).pvalue > 1e-3, column


@pytest.mark.parametrize("name", SETS)
def test_factors_that_are_not_named_and_the_first_of_a_group_keep_every_bit(name):
    plain, tied = sample_factors(500, 3), sample_factors(500, 3, SETS[name])
    changed = {factor for factor in FACTORS if not plain[factor].equals(tied[factor])}
    groups = correlated.groups(SETS[name], FACTOR_RATES)
    assert changed == {factor for group in groups for factor in group.names[1:]}


@pytest.mark.parametrize("name", SETS)
def test_a_row_depends_on_the_seed_and_its_number_alone(name):
    long = sample_factors(777, 7, SETS[name])
    for images in (0, 1, 50):
        pd.testing.assert_frame_equal(
            sample_factors(images, 7, SETS[name]), long.head(images), check_exact=True
        )


def test_the_order_of_pairs_and_of_their_names_and_pairs_of_zero_do_not_matter():
    pairs = SETS["chain"]
    turned = [(second, first, r) for first, second, r in pairs[::-1]]
    expected = sample_factors(100, 0, pairs)
    assert sample_factors(100, 0, turned).equals(expected)
    assert sample_factors(100, 0, [*pairs, ("roll", "smile", 0.0)]).equals(expected)
    assert sample_factors(100, 0, [("roll", "smile", 0.0)]).equals(sample_factors(100, 0))


def test_attributes_are_correlated_with_their_factors():
    labels = attributes(sample_factors(IMAGES, 0, SETS["uniform"])).astype(float)
    # Both thresholds leave 45 %, so this is the correlation of two binary factors of that rate.
    rho = correlated.gaussian(0.6, None, None)
    expected = correlated.pearson(rho, 0.45, 0.45)
    assert expected == pytest.approx(0.423, abs=0.001)
    smiling, opened = labels["Smiling"], labels["Mouth_Slightly_Open"]
    assert abs(smiling.corr(opened) - expected) < 3 * standard_error(smiling, opened)
    assert smiling.mean() == pytest.approx(0.45, abs=0.011)
    assert abs(smiling.corr(labels["Bangs"])) < 3 / IMAGES**0.5


@pytest.mark.parametrize("rho", [-0.95, -0.3, 0.0, 0.5, 0.99])
@pytest.mark.parametrize(("first", "second"), [(0.35, 0.2), (0.5, 0.5), (0.9, 0.9), (0.05, 0.8)])
def test_binary_pairs_agree_with_the_bivariate_normal(first, second, rho):
    thresholds = stats.norm.ppf([first, second])
    both = stats.multivariate_normal.cdf(thresholds, cov=[[1, rho], [rho, 1]])
    spread = np.sqrt(first * (1 - first) * second * (1 - second))
    expected = (both - first * second) / spread
    assert correlated.pearson(rho, first, second) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("rho", [-0.95, -0.3, 0.0, 0.5, 0.99])
@pytest.mark.parametrize("rate", [0.05, 0.35, 0.5, None])
def test_uniform_pairs_agree_with_numerical_integration(rate, rho):
    """The other factor's mean given the normal z of a uniform one, over z."""
    z, weights = np.polynomial.hermite_e.hermegauss(150)
    weights = weights / weights.sum()
    if rate is None:
        given, spread = stats.norm.cdf(rho * z / np.sqrt(2 - rho**2)), np.sqrt(1 / 12)
    else:
        given = stats.norm.cdf((rho * z - stats.norm.ppf(1 - rate)) / np.sqrt(1 - rho**2))
        spread = np.sqrt(rate * (1 - rate))
    covariance = weights @ ((stats.norm.cdf(z) - 0.5) * given)
    expected = covariance / spread / np.sqrt(1 / 12)
    assert correlated.pearson(rho, None, rate) == pytest.approx(expected, abs=2e-4)
    assert correlated.pearson(rho, rate, None) == correlated.pearson(rho, None, rate)


@pytest.mark.parametrize("first", RATES)
@pytest.mark.parametrize("second", RATES)
def test_gaussian_undoes_pearson_within_reach(first, second):
    low, high = (correlated.pearson(end, RATES[first], RATES[second]) for end in (-1.0, 1.0))
    assert -1 - 1e-12 <= low < 0 < high <= 1 + 1e-12
    for share in (0.001, 0.3, 0.5, 0.9, 0.999):
        r = low + share * (high - low)
        rho = correlated.gaussian(r, RATES[first], RATES[second])
        assert correlated.pearson(rho, RATES[first], RATES[second]) == pytest.approx(r, abs=1e-9)


@pytest.mark.parametrize("r", [-0.3, 0.4])
def test_two_binary_factors_can_be_correlated(r):
    group = correlated.groups([("c", "a", r)], RATES)[0]
    assert group.names == ("a", "c")
    draws = correlated.correlate(np.random.default_rng(0).random((2, IMAGES)), group, RATES)
    ones = pd.DataFrame({"a": draws[0] < 0.35, "c": draws[1] < 0.5}).astype(float)
    assert abs(ones["a"].corr(ones["c"]) - r) < 3 * standard_error(ones["a"], ones["c"])
    assert ones["c"].mean() == pytest.approx(0.5, abs=0.011)


@pytest.mark.parametrize(
    ("pairs", "says"),
    [
        (
            [("smlie", "roll", 0.5)],
            "smlie, roll, 0.5: there is no factor smlie, did you mean smile",
        ),
        ([("zzz", "roll", 0.5)], "no factor zzz; known are smile, "),
        ([("roll", "roll", 0.5)], "roll, roll, 0.5: a factor cannot be paired with itself"),
        ([("roll", "yaw", 0.5), ("yaw", "roll", 0.5)], "yaw, roll, 0.5: this pair is given twice"),
        ([("roll", "yaw", 1.0)], "between -1 and 1, both excluded"),
        ([("roll", "yaw", -1.5)], "between -1 and 1, both excluded"),
        ([("roll", "yaw", float("nan"))], "between -1 and 1, both excluded"),
        ([("roll", "glasses", 0.9)], "Choose between -0.826 and 0.826"),
        (
            [("smile", "yaw", 0.9), ("yaw", "roll", 0.9)],
            "[smile, yaw, 0.9], [yaw, roll, 0.9] cannot all hold while smile and roll are"
            " uncorrelated. Multiply them by 0.766 or less, or give smile and roll",
        ),
        (
            [("smile", "yaw", 0.6), ("yaw", "roll", 0.6), ("smile", "roll", -0.6)],
            "cannot all hold. Multiply them by ",
        ),
    ],
)
def test_what_cannot_be_had_is_told_with_what_can(pairs, says):
    with pytest.raises(ConfigError) as told:
        sample_factors(0, 0, pairs)
    assert says in str(told.value)
    assert str(told.value).startswith("correlations: ")
    assert "\n" not in str(told.value)


def test_what_is_said_to_be_within_reach_is_within_reach_and_little_more():
    for share, holds in ((0.766, True), (0.768, False)):
        pairs = [("smile", "yaw", 0.9 * share), ("yaw", "roll", 0.9 * share)]
        if holds:
            sample_factors(10, 0, pairs)
        else:
            with pytest.raises(ConfigError, match="cannot all hold"):
                sample_factors(10, 0, pairs)
    for r in (-0.826, 0.826):
        sample_factors(10, 0, [("roll", "glasses", r)])
