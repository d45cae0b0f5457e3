"""Scores and resamples against scikit-learn with the counts as sample weights."""

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics
from threadpoolctl import threadpool_limits

from latentlab.probes import scoring


def labels_and_scores(seed, n=150, ties=False):
    rng = np.random.default_rng(seed)
    truth = rng.random(n) < 0.3
    scores = rng.standard_normal(n) + truth
    return truth, np.round(scores, 0 if ties else 9)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("score", "reference"),
    [
        (scoring.auc, metrics.roc_auc_score),
        (scoring.average_precision, metrics.average_precision_score),
    ],
)
def test_ranking_scores_agree_with_scikit_learn(score, reference, seed, ties):
    truth, scores = labels_and_scores(seed, ties=ties)
    counts = scoring.bootstrap_counts(len(truth), 20, seed)
    ours = scoring.resampled(score, truth, scores, counts)
    theirs = [reference(truth, scores, sample_weight=weights) for weights in counts]
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_balanced_accuracy_agrees_with_scikit_learn(seed):
    truth, scores = labels_and_scores(seed)
    counts = scoring.bootstrap_counts(len(truth), 20, seed)
    ours = scoring.resampled(scoring.balanced_accuracy, truth, scores > 0.3, counts)
    theirs = [
        metrics.balanced_accuracy_score(truth, scores > 0.3, sample_weight=weights)
        for weights in counts
    ]
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)


@pytest.mark.parametrize("offset", [0.0, 1e6])
@pytest.mark.parametrize("seed", range(5))
def test_regression_scores_agree_with_copies_of_the_rows(seed, offset):
    rng = np.random.default_rng(seed)
    truth = rng.standard_normal(120) + offset
    predicted = truth + rng.standard_normal(120)
    counts = scoring.bootstrap_counts(120, 20, seed)
    r2 = scoring.resampled(scoring.r2, truth, predicted, counts)
    r = scoring.resampled(scoring.pearson, truth, predicted, counts)
    for index, weights in enumerate(counts):
        y, p = np.repeat(truth, weights), np.repeat(predicted, weights)
        assert r2[index] == pytest.approx(metrics.r2_score(y, p), rel=1e-8)
        assert r[index] == pytest.approx(stats.pearsonr(y, p).statistic, rel=1e-8)


def test_chunks_change_nothing(monkeypatch):
    truth, scores = labels_and_scores(0)
    counts = scoring.bootstrap_counts(len(truth), 50, 0)
    whole = scoring.resampled(scoring.auc, truth, scores, counts)
    monkeypatch.setattr(scoring, "_CHUNK", 7 * len(truth))
    np.testing.assert_array_equal(scoring.resampled(scoring.auc, truth, scores, counts), whole)


@pytest.mark.parametrize("images", [900, 5000])
@pytest.mark.parametrize("score", [scoring.r2, scoring.pearson])
def test_threads_change_no_digit(score, images):
    """Products of these sizes have other last digits by two threads than by one."""
    rng = np.random.default_rng(0)
    truth = rng.normal(size=images)
    predicted = truth + rng.normal(size=images)
    counts = scoring.bootstrap_counts(images, 1000, 0)

    def by(threads):
        with threadpool_limits(threads):
            return scoring.estimate(score, truth, predicted, counts)

    assert by(1) == by(2) == by(4)


def test_counts_depend_on_seed_and_purpose_only():
    first = scoring.bootstrap_counts(50, 10, seed=1)
    assert (first.sum(axis=1) == 50).all()
    np.testing.assert_array_equal(first, scoring.bootstrap_counts(50, 10, seed=1))
    np.testing.assert_array_equal(first[:4], scoring.bootstrap_counts(50, 4, seed=1))
    assert (first != scoring.bootstrap_counts(50, 10, seed=2)).any()
    assert (first != scoring.bootstrap_counts(50, 10, seed=1, purpose="other")).any()


def test_whole_persons_are_drawn():
    groups = np.repeat(["a", "b", "c"], [1, 5, 3])
    counts = scoring.bootstrap_counts(9, 200, seed=0, groups=groups)
    for person, images in (("a", 1), ("b", 5), ("c", 3)):
        drawn = counts[:, groups == person]
        assert drawn.shape == (200, images) and (drawn == drawn[:, :1]).all()
    assert (counts[:, [0, 1, 6]].sum(axis=1) == 3).all()


def test_resamples_without_a_positive_are_counted():
    truth = np.zeros(40, dtype=bool)
    truth[0] = True
    counts = scoring.bootstrap_counts(40, 500, seed=3)
    result = scoring.estimate(scoring.auc, truth, np.arange(40.0), counts)
    assert result.value == 0.0 and result.lost == (counts[:, 0] == 0).sum()
    assert result.low is not None and result.reason is None


def test_too_many_lost_resamples_leave_no_interval():
    truth = np.array([True, *[False] * 9])
    counts = np.zeros((10, 10), dtype=np.uint8)
    counts[:, 1:] = 1
    counts[:4, 0] = 1
    result = scoring.estimate(scoring.auc, truth, np.arange(10.0), counts)
    assert result.value == 0.0 and result.low is None and result.high is None
    assert result.lost == 6 and "6 of 10" in result.reason


@pytest.mark.parametrize(("positives", "least"), [(5, 0.478), (50, 0.929)])
def test_a_perfect_score_of_few_images_leaves_room_for_errors(positives, least):
    """0.025 = (1 - share of errors) ** positives."""
    truth = np.arange(200) < positives
    counts = scoring.bootstrap_counts(200, 100, seed=0)
    result = scoring.estimate(scoring.auc, truth, truth.astype(float), counts)
    assert (result.value, result.high) == (1.0, 1.0)
    assert result.low == pytest.approx(least, abs=1e-3)


@pytest.mark.parametrize("score", [scoring.r2, scoring.pearson])
def test_a_constant_target_has_no_score(score):
    truth = np.full(30, 0.1)
    counts = scoring.bootstrap_counts(30, 10, seed=0)
    result = scoring.estimate(score, truth, np.linspace(0, 1, 30), counts)
    assert result.value is None and result.reason


@pytest.mark.parametrize(("positives", "apart"), [(80, 1.0), (80, 0.0), (15, 0.0), (15, 1.8)])
def test_intervals_of_the_auc_cover_the_truth(positives, apart):
    """The true AUC of two normals this many deviations apart is Phi(apart / sqrt 2)."""
    true, covered, sets = stats.norm.cdf(apart * np.sqrt(0.5)), 0, 500
    truth = np.arange(200) < positives
    for seed in range(sets):
        drawn = np.random.default_rng(seed).standard_normal(200) + apart * truth
        counts = scoring.bootstrap_counts(200, 200, seed)
        result = scoring.estimate(scoring.auc, truth, drawn, counts)
        covered += result.low <= true <= result.high
    assert 0.92 <= covered / sets <= 0.98


@pytest.mark.parametrize(
    ("score", "r"), [("r", 0.0), ("r", 0.5), ("r", 0.9), ("r2", 0.5), ("r2", 0.9)]
)
def test_intervals_of_correlations_cover_the_truth(score, r):
    """A prediction r * y + noise of the best slope: its R2 is that of least squares, r^2."""
    covered, sets, n = 0, 500, 150
    for seed in range(sets):
        rng = np.random.default_rng(seed)
        predicted = rng.standard_normal(n)
        truth = r * predicted + np.sqrt(1 - r**2) * rng.standard_normal(n)
        counts = scoring.bootstrap_counts(n, 200, seed)
        given, true = (predicted, r) if score == "r" else (r * predicted, r**2)
        result = scoring.estimate(scoring.SCORES[score], truth, given, counts)
        covered += result.low <= true <= result.high
    assert 0.92 <= covered / sets <= 0.98
