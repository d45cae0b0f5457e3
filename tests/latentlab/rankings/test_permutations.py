"""Shuffles: calibrated under the null, whole persons, and equal to a loop that shuffles by hand."""

import itertools

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import mutual_info_score

from latentlab.rankings.measures import MEASURES
from latentlab.rankings.measures.mutual_information import latent_bins, value_bins
from latentlab.rankings.permutations import Shuffles, family_p
from tests.latentlab.rankings.synthetic import task_of

TESTED = [name for name, measure in MEASURES.items() if measure.null]
EVERY = np.ones(4, dtype=bool)


def family(task, name, *, permutations=99, seed=0, kept=EVERY):
    shuffles = Shuffles(len(task.test), task.test.persons)
    null = MEASURES[name].null(task)
    return family_p([null], shuffles, kept, permutations, np.random.default_rng(seed))[0]


def nothing(seed, *, label, persons=None, rows=80):
    """Codes, a target that has nothing to do with them, and another attribute that has with
    both; images of one person are alike in all."""
    rng = np.random.default_rng(seed)
    person = np.arange(rows) if persons is None else rng.integers(persons, size=rows)
    base = rng.standard_normal((rows, 6))[person]
    values = base + (0.0 if persons is None else 0.3) * rng.standard_normal((rows, 6))
    y = values[:, 4] > 0.3 if label else values[:, 4]
    other = values[:, 5] > 0
    return task_of(
        values[:, :4] + 0.0, y, persons=None if persons is None else person,
        others={"other": other.astype(float)},
    )  # fmt: skip


@pytest.mark.parametrize("persons", [None, 30], ids=["images", "persons"])
@pytest.mark.parametrize("name", TESTED)
def test_the_smallest_p_is_below_a_in_at_most_a_of_all_tables(name, persons):
    label = name != "r2"
    smallest = np.array(
        [
            family(nothing(seed, label=label, persons=persons), name, permutations=39).min()
            for seed in range(200)
        ]
    )
    for level in (0.05, 0.2, 0.5):
        tables = (smallest <= level).sum()
        assert stats.binomtest(int(tables), 200, level, alternative="greater").pvalue > 0.005
    if persons is None:  # nothing stays in place, so that nothing is lost either
        assert stats.binomtest(int((smallest <= 0.2).sum()), 200, 0.2).pvalue > 0.005


@pytest.mark.parametrize("name", TESTED)
def test_statistics_are_those_of_measuring_after_a_shuffle_by_hand(name):
    task = nothing(3, label=name != "r2")
    null, rng = MEASURES[name].null(task), np.random.default_rng(0)
    columns = null.columns.astype(np.float64)
    for _ in range(5):
        order = rng.permutation(len(task.test))
        sums = np.stack([(value[order] @ columns)[None] for value in null.values.T], axis=1)
        found = null.statistic(sums)[0]
        for index in range(4):
            assert found[index] == pytest.approx(by_hand(task, name, order, index), abs=1e-6)


def by_hand(task, name, order, index):
    x, y = task.test.codes[:, index], task.y_test[order]
    if name in ("correlation", "r2"):
        return abs(stats.pearsonr(x, y).statistic)
    if name == "spearman":
        return abs(stats.spearmanr(x, y).statistic)
    if name == "auc":
        beaten = stats.mannwhitneyu(x[y == 1], x[y == 0]).statistic
        return abs(beaten / (y.sum() * (1 - y).sum()) - 0.5)
    if name == "mutual_information":
        return mutual_info_score(latent_bins(task.test)[:, index], value_bins(task)[order])
    null = MEASURES[name].null(task)
    return abs(stats.pearsonr(null.columns[:, index], null.values[order, 0]).statistic)


def test_mutual_information_of_numbers_is_shuffled_with_all_their_bins():
    task = nothing(5, label=False)
    null, order = (
        MEASURES["mutual_information"].null(task),
        np.random.default_rng(0).permutation(80),
    )
    sums = np.stack([(value[order] @ null.columns)[None] for value in null.values.T], axis=1)
    found = null.statistic(sums.astype(np.float64))[0]
    for index in range(4):
        expected = mutual_info_score(latent_bins(task.test)[:, index], value_bins(task)[order])
        assert found[index] == pytest.approx(expected, abs=1e-9)


def test_p_is_that_of_all_orders_of_a_small_table():
    rng = np.random.default_rng(0)
    codes, y = rng.standard_normal((6, 4)), rng.standard_normal(6)
    task = task_of(codes, y)
    own = np.abs(np.corrcoef(codes.T, y)[-1, :-1])
    largest = np.array(
        [
            np.abs(np.corrcoef(codes.T, y[list(order)])[-1, :-1]).max()
            for order in itertools.permutations(range(6))
        ]
    )
    exact = (largest[:, None] >= own - 1e-9).mean(axis=0)
    found = family(task, "correlation", permutations=4000)
    np.testing.assert_allclose(found, exact, atol=0.03)


def test_what_is_strong_has_the_smallest_p_and_dimensions_left_out_have_none():
    rng = np.random.default_rng(0)
    codes = rng.standard_normal((200, 4))
    task = task_of(codes, codes[:, 1] + 0.1 * codes[:, 2] + 0.2 * rng.standard_normal(200))
    assert family(task, "correlation")[1] == 0.01
    kept = np.array([True, False, True, True])
    found = family(task, "correlation", kept=kept)
    assert np.isnan(found[1]) and np.isfinite(found[kept]).all() and found[kept].min() > 0.01


@pytest.mark.parametrize("seed", range(3))
def test_persons_exchange_all_their_images_with_persons_of_as_many(seed):
    persons = np.random.default_rng(seed).integers(20, size=60)
    size = np.bincount(persons)[persons]
    seen = set()
    for places in Shuffles(60, persons).drawn(200, np.random.default_rng(seed)):
        for row in places:
            assert sorted(row) == list(range(60))
            assert (size[row] == size).all()
            for person in set(persons):
                donors = row[persons == person]
                assert len(set(persons[donors])) == 1 and (np.diff(donors) > 0).all()
        seen |= {tuple(row) for row in places}
    assert len(seen) > 100


def test_persons_who_can_exchange_with_nobody_leave_no_test():
    assert not Shuffles(6, np.array([0, 1, 1, 2, 2, 2])).possible
    assert Shuffles(4, np.array([0, 1, 2, 2])).possible
    assert Shuffles(4, None).possible
