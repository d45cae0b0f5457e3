"""Intervals hold the truth as often as they say; persons are drawn whole, and p is uniform."""

import numpy as np
import pytest
from scipy import stats

from latentlab.probes.scales import ARCTANH, LOGIT, PLAIN, UNEXPLAINED
from latentlab.rankings.measures import MEASURES
from latentlab.rankings.resampling import first, interval, p_values, spread
from latentlab.rankings.tasks import drawn_units
from tests.latentlab.rankings.synthetic import task_of

SETS = 400
RHO = (0.0, 0.4, 0.8)  # of the three dimensions with the signal
CUT = 0.5  # above which the signal makes an image positive


def data_set(seed, persons):
    """300 images of the signal and three dimensions that know it by RHO; what images of one person
    share is 0.6 of the variance of all of them."""
    rng = np.random.default_rng(seed)
    if persons is None:
        group, draw = None, lambda *shape: rng.standard_normal((300, *shape))
    else:
        size = rng.integers(1, 2 * 300 // persons, persons)
        group = np.repeat(np.arange(persons), size)

        def draw(*shape):
            own, shared = rng.standard_normal((len(group), *shape)), rng.standard_normal
            return np.sqrt(0.6) * shared((persons, *shape))[group] + np.sqrt(0.4) * own

    signal, rho = draw(), np.array(RHO)
    return rho * signal[:, None] + np.sqrt(1 - rho**2) * draw(3), signal, group


def true_area(rho):
    """P(a positive's code is above a negative's), by integrating their densities."""
    x = np.linspace(-9, 9, 20_001)
    above = stats.norm.sf((CUT - rho * x) / np.sqrt(1 - rho**2))
    positive, negative = stats.norm.pdf(x) * above, stats.norm.pdf(x) * (1 - above)
    below = np.cumsum(negative) - negative / 2
    return (positive * below).sum() / (positive.sum() * negative.sum())


def coverage(name, truth, label, persons):
    """Share of data sets whose interval holds the truth, (dimensions,)."""
    held = []
    for seed in range(SETS):
        codes, signal, group = data_set(seed, persons)
        task = task_of(codes, signal > CUT if label else signal, persons=group)
        found = MEASURES[name].of(task)
        low, high = interval(found.values, spread(found, task.test), MEASURES[name].scale)
        held.append((low <= truth) & (truth <= high))
    return np.mean(held, axis=0)


@pytest.mark.parametrize("persons", [None, 60], ids=["images", "persons"])
@pytest.mark.parametrize(
    ("name", "truth", "label"),
    [
        ("correlation", RHO, False),
        ("spearman", [6 / np.pi * np.arcsin(rho / 2) for rho in RHO], False),
        ("auc", [true_area(rho) for rho in RHO], True),
    ],
    ids=["correlation", "spearman", "auc"],
)
def test_intervals_hold_the_truth_in_92_to_98_of_100(name, truth, label, persons):
    found = coverage(name, np.array(truth), label, persons)
    assert ((found >= 0.92) & (found <= 0.98)).all(), found


@pytest.mark.parametrize("persons", [None, 60], ids=["images", "persons"])
def test_intervals_of_slopes_hold_the_truth_where_noise_grows_with_the_code(persons):
    held = []
    for seed in range(SETS):
        codes, signal, group = data_set(seed, persons)
        y = codes @ [1.0, -0.5, 0.0] + (0.5 + np.abs(codes[:, 0])) * signal
        # The signal is correlated with the codes: what it adds on average is part of the truth.
        task = task_of(codes, y, persons=group, penalty=1e-6)
        found = MEASURES["weight"].of(task)
        low, high = interval(found.values, spread(found, task.train), PLAIN)
        held.append([low / task.probe.scale_, high / task.probe.scale_])
    truth = slopes_at_large(persons)
    low, high = np.array(held).transpose(1, 0, 2)
    found = ((low <= truth) & (truth <= high)).mean(axis=0)
    assert ((found >= 0.92) & (found <= 0.98)).all(), found


def slopes_at_large(persons):
    """The slopes that many data sets together have."""
    sets = [data_set(seed, persons) for seed in range(10_000, 12_000)]
    codes = np.concatenate([codes for codes, _, _ in sets])
    signal = np.concatenate([signal for _, signal, _ in sets])
    y = codes @ [1.0, -0.5, 0.0] + (0.5 + np.abs(codes[:, 0])) * signal
    design = np.column_stack([codes, np.ones(len(codes))])
    return np.linalg.lstsq(design, y, rcond=None)[0][:3]


@pytest.mark.parametrize("seed", range(3))
def test_the_error_of_r_is_the_textbook_one_where_that_holds(seed):
    rng = np.random.default_rng(seed)
    x, noise = rng.standard_normal((2, 3000))
    task = task_of(x[:, None], 0.5 * x + np.sqrt(0.75) * noise)
    found = MEASURES["correlation"].of(task)
    known = spread(found, task.test)
    assert known.error[0] == pytest.approx((1 - found.values[0] ** 2) / np.sqrt(3000), rel=0.06)
    assert known.freedom[0] > 500
    expected = stats.pearsonr(x, task.y_test).confidence_interval()
    low, high = interval(found.values, known, ARCTANH)
    assert low[0] == pytest.approx(expected.low, abs=2e-3)
    assert high[0] == pytest.approx(expected.high, abs=2e-3)


@pytest.mark.parametrize("seed", range(3))
def test_the_error_of_an_area_is_that_of_hanley_and_mc_neil_without_signal(seed):
    """(positives + negatives + 1) / (12 positives negatives), the variance under the null."""
    rng = np.random.default_rng(seed)
    task = task_of(rng.standard_normal((3000, 1)), rng.random(3000) < 0.2)
    positives = task.y_test.sum()
    expected = np.sqrt(3001 / (12 * positives * (3000 - positives)))
    assert spread(MEASURES["auc"].of(task), task.test).error[0] == pytest.approx(expected, rel=0.05)


def test_copies_of_a_person_add_nothing():
    rng = np.random.default_rng(0)
    codes, y = rng.standard_normal((80, 3)), rng.random(80) < 0.5
    once, person = task_of(codes, y), np.repeat(np.arange(80), 7)
    copied = task_of(codes.repeat(7, axis=0), y.repeat(7), persons=person)
    for name in ("correlation", "spearman", "auc"):
        whole, again = (spread(MEASURES[name].of(task), task.test) for task in (once, copied))
        np.testing.assert_allclose(again.error, whole.error, rtol=1e-6)
        np.testing.assert_allclose(again.freedom, whole.freedom, rtol=1e-6)


def test_few_positives_leave_few_degrees_of_freedom():
    rng = np.random.default_rng(0)
    codes, y = rng.standard_normal((2000, 2)), np.arange(2000) < 8
    known = spread(MEASURES["auc"].of(task_of(codes, y)), task_of(codes, y).test)
    assert (known.freedom < 25).all()


@pytest.mark.parametrize("seed", range(3))
def test_units_put_together_at_random_give_the_same_error(seed):
    rng = np.random.default_rng(seed)
    codes = rng.standard_normal((6000, 4))
    task = task_of(codes, codes[:, 0] + rng.standard_normal(6000) > 1)
    found = MEASURES["auc"].of(task)
    whole = spread(found, task.test).error
    for most in (1000, 4096):
        task.test.units[:] = drawn_units(6000, None, rng, most)
        task.test.__dict__.pop("_unit_sums", None)
        known = spread(found, task.test)
        assert len(known.sums) == most
        np.testing.assert_allclose(known.error, whole, rtol=5 / np.sqrt(2 * most))


def test_units_are_persons_where_known_and_never_split():
    persons = np.random.default_rng(0).integers(50, 90, 300)
    for most in (4096, 7):
        units = drawn_units(300, persons, np.random.default_rng(1), most)
        assert all(len(set(units[persons == one])) == 1 for one in set(persons))
        assert len(set(units)) == min(most, len(set(persons)))


@pytest.mark.parametrize("scale", [PLAIN, ARCTANH, LOGIT, UNEXPLAINED])
def test_scales_go_there_and_back_and_have_their_slope(scale):
    values = np.linspace(0.05, 0.95, 19)
    np.testing.assert_allclose(scale.back(scale.to(values)), values, atol=1e-12)
    slope = (scale.to(values + 1e-6) - scale.to(values - 1e-6)) / 2e-6
    np.testing.assert_allclose(scale.slope(values), slope, rtol=1e-6)


def test_p_values_of_nothing_are_uniform():
    p = []
    for seed in range(100):
        rng = np.random.default_rng(seed)
        task = task_of(rng.standard_normal((200, 5)), rng.random(200) < 0.3)
        found = MEASURES["auc"].of(task)
        p += list(p_values(found.values, spread(found, task.test), LOGIT, 0.5))
    assert stats.kstest(p, "uniform").pvalue > 0.01


def test_a_tie_counts_for_all_who_tie():
    strength = np.array([[3.0, 3.0, 1.0], [1.0, 2.0, 5.0], [-1.0, -1.0, -2.0], [0.0, 0.0, 0.0]])
    assert first(strength).tolist() == [0.75, 0.75, 0.5]
