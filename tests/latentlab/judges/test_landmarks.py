"""Landmarks on small pictures: what `measure` gives, a proxy's sign, nothing where no face is."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from latentlab.data.faces import ATTRIBUTES, FACTORS, attributes, render, sample_factors
from latentlab.errors import ConfigError
from latentlab.judges.landmarks import PROXIES, LandmarksJudge
from latentlab.landmarks.detector import FaceDetector, measure
from latentlab.landmarks.statistics import STATISTICS


@pytest.fixture(scope="module")
def small_faces():
    factors = sample_factors(80, seed=5)
    return render(factors, 64), factors.join(attributes(factors).astype(float))


@pytest.fixture(scope="module")
def said(small_faces, face_model):
    return LandmarksJudge(face_model, targets=[*STATISTICS, *PROXIES]).measure(small_faces[0])


def test_statistics_are_those_of_the_landmarks_stage(small_faces, said, face_model):
    images = small_faces[0]
    with FaceDetector(face_model) as detector:
        direct = measure(images[:10], [str(n) for n in range(10)], detector)
    for statistic in STATISTICS:
        np.testing.assert_array_equal(said[statistic][:10], direct[statistic])


@pytest.mark.parametrize("target", sorted(PROXIES.keys() & {*ATTRIBUTES, *FACTORS}))
def test_a_proxy_rises_with_what_it_stands_for(small_faces, said, target):
    truth, proxy = small_faces[1][target], said[target]
    assert proxy.notna().all()
    if target in ATTRIBUTES:
        assert roc_auc_score(truth, proxy) > 0.9
    else:
        assert stats.pearsonr(truth, proxy).statistic > 0.7


def test_a_picture_without_a_face_is_a_row_without_numbers(small_faces, face_model):
    images = small_faces[0][:3].copy()
    images[1] = 90
    table = LandmarksJudge(face_model).measure(images)
    assert list(table) == list(STATISTICS)
    assert table.isna().all(axis=1).tolist() == [False, True, False]


def test_threads_and_order_change_nothing(small_faces, said, face_model, monkeypatch):
    monkeypatch.setattr("latentlab.judges.landmarks.CHUNK", 7)
    order = np.random.default_rng(0).permutation(60)
    judge = LandmarksJudge(face_model, workers=3, targets=list(said))
    table = judge.measure(small_faces[0][order])
    np.testing.assert_array_equal(table, said.iloc[order])
    assert table.index.tolist() == list(range(60))


def test_grey_pictures_have_faces_too(small_faces, face_model):
    grey = small_faces[0][:3].mean(axis=-1, keepdims=True).astype(np.uint8)
    assert LandmarksJudge(face_model).measure(grey).notna().all(axis=None)


def test_no_pictures_are_no_rows(face_model):
    table = LandmarksJudge(face_model, workers=2).measure(np.empty((0, 64, 64, 3), np.uint8))
    assert table.shape == (0, len(STATISTICS))


def test_what_landmarks_do_not_measure_is_refused(face_model):
    with pytest.raises(ConfigError, match=r"No face landmark measures Blond_Hair"):
        LandmarksJudge(face_model, targets=["Smiling", "Blond_Hair"])
