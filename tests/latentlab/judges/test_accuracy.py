"""A judge's accuracy against scikit-learn and scipy, and what has no accuracy."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from latentlab.errors import DataError
from latentlab.judges.accuracy import COLUMNS, judge_accuracy

ROLES = {"Dark": "attribute", "shade": "factor"}


class Shade:
    """A user's own judge: how bright a picture is, where it is not black."""

    name = "shade"
    circular = False

    def measure(self, images):
        shade = images.mean(axis=(1, 2, 3))
        shade[shade == 0] = np.nan
        return pd.DataFrame({"Dark": -shade, "shade": shade, "other": shade})


def shaded(seed, n=120):
    """Pictures of every shade, noisy ones, and their true values, some unknown."""
    rng = np.random.default_rng(seed)
    shade = rng.uniform(20, 230, n)
    images = np.broadcast_to(shade[:, None, None, None], (n, 8, 8, 1)).astype(np.uint8)
    noise = rng.normal(0, 80, (n, 1, 1, 1))
    noisy = np.clip(images + noise, 1, 255).astype(np.uint8)
    truth = pd.DataFrame({"Dark": pd.array(shade + rng.normal(0, 40, n) < 100, "boolean")})
    truth["shade"] = shade + rng.normal(0, 40, n)
    truth.loc[rng.random(n) < 0.2, "Dark"] = pd.NA
    truth.loc[rng.random(n) < 0.2, "shade"] = np.nan
    return {"originals": images, "reconstructions": noisy}, truth


def rows(table):
    return {(row.pictures, row.target): row for row in table.itertuples()}


@pytest.mark.parametrize("seed", range(5))
def test_it_agrees_with_scikit_learn_and_scipy(seed):
    pictures, truth = shaded(seed)
    table = judge_accuracy(Shade(), truth, ROLES, pictures, seed=seed, resamples=200)
    assert list(table.columns) == list(COLUMNS)
    found = rows(table)
    assert set(found) == {(kind, target) for kind in pictures for target in ROLES}
    for kind, images in pictures.items():
        said = Shade().measure(images)
        for target, role in ROLES.items():
            row, known = found[kind, target], truth[target].notna().to_numpy()
            y = truth[target][known].to_numpy(float)
            p = said[target][known].to_numpy()
            reference = (
                roc_auc_score(y, p) if role == "attribute" else stats.pearsonr(y, p).statistic
            )
            assert row.value == pytest.approx(reference, rel=1e-9)
            assert row.low < row.value < row.high
            assert row.n == known.sum()
            assert row.detected == 1.0
            assert row.metric == ("auc" if role == "attribute" else "r")
            assert row.baseline == (0.5 if role == "attribute" else 0.0)
        assert found["originals", "shade"].value > found["reconstructions", "shade"].value


def test_what_the_judge_could_not_measure_is_counted_and_left_out():
    pictures, truth = shaded(0)
    black = pictures["originals"].copy()
    black[::3] = 0
    row = rows(judge_accuracy(Shade(), truth, ROLES, {"decoded": black}, seed=0, resamples=50))[
        "decoded", "shade"
    ]
    known = truth["shade"].notna().to_numpy()
    seen = known & (np.arange(len(truth)) % 3 != 0)
    assert row.n == seen.sum()
    assert row.detected == pytest.approx(seen.sum() / known.sum())
    said = black.mean(axis=(1, 2, 3))[seen]
    assert row.value == pytest.approx(stats.pearsonr(truth["shade"][seen], said).statistic)


def test_what_has_no_accuracy_is_null_with_a_reason():
    pictures, truth = shaded(1)
    truth["Dark"] = pd.array([True] * 2 + [False] * 118, "boolean")
    truth["shade"] = np.nan
    dark = {"black": np.zeros_like(pictures["originals"])}
    found = rows(judge_accuracy(Shade(), truth, ROLES, pictures, seed=0, resamples=50))
    assert "only 2 positive images" in found["originals", "Dark"].reason
    assert "only 0 images have a known value" in found["originals", "shade"].reason
    truth = shaded(1)[1]
    unseen = judge_accuracy(Shade(), truth, ROLES, dark, seed=0, resamples=50)
    assert unseen["value"].isna().all()
    assert (unseen["detected"] == 0).all()
    assert unseen["reason"].str.startswith("the judge measured only 0 of").all()


def test_images_of_one_person_widen_the_interval():
    pictures, truth = shaded(2)
    many = {kind: np.repeat(images, 5, axis=0) for kind, images in pictures.items()}
    repeated = truth.loc[truth.index.repeat(5)].reset_index(drop=True)
    person = np.repeat(np.arange(len(truth)), 5)
    width = {}
    for name, groups in (("images", None), ("persons", person)):
        table = judge_accuracy(Shade(), repeated, ROLES, many, seed=0, groups=groups)
        row = rows(table)["reconstructions", "shade"]
        width[name] = row.high - row.low
    assert width["persons"] > 1.7 * width["images"]  # five copies tell no more than one


def test_a_judge_that_drops_rows_is_named():
    class Short(Shade):
        name = "short"

        def measure(self, images):
            return super().measure(images)[1:]

    pictures, truth = shaded(0)
    with pytest.raises(DataError, match=r"judge short gave 119 rows for 120 pictures"):
        judge_accuracy(Short(), truth, ROLES, pictures, seed=0, resamples=10)
