"""What holds for every judge of JUDGES, and for a page that lists them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from latentlab.data.faces import render, sample_factors
from latentlab.judges import JUDGES
from latentlab.probes.ridge import RidgeProbe


@pytest.fixture(scope="module")
def pictures():
    factors = sample_factors(60, seed=1)
    return render(factors, 64), factors["mouth_opening"].to_numpy()[:, None]


@pytest.fixture(scope="module")
def made(pictures, face_model):
    """Every judge, from what it needs."""
    images, values = pictures

    def encode(images):
        return images.mean(axis=(1, 2))

    lesson = (images, values)
    rows = {"train_rows": np.arange(50), "valid_rows": np.arange(50, 60), "seed": 0, "epochs": 1}
    probes = {"mouth_opening": RidgeProbe().fit(encode(images), values[:, 0])}
    return {
        "landmarks": JUDGES["landmarks"](face_model),
        "pixels": JUDGES["pixels"](*lesson, {"mouth_opening": "factor"}, **rows),
        "parts": JUDGES["parts"](*lesson, {"mouth_area": "statistic"}, **rows),
        "circular": JUDGES["circular"](encode, probes),
    }


@pytest.mark.parametrize("name", JUDGES)
def test_a_judge_gives_a_row_a_picture_that_depends_on_no_other(name, made, pictures):
    judge, images = made[name], pictures[0][:12]
    assert judge.name == name
    assert judge.circular == (name == "circular")
    before = images.copy()
    table = judge.measure(images)
    np.testing.assert_array_equal(images, before)
    assert isinstance(table.index, pd.RangeIndex)
    assert len(table) == len(images)
    assert (table.dtypes == np.float64).all()
    some = judge.measure(images[[7, 2, 2]])
    np.testing.assert_allclose(some, table.iloc[[7, 2, 2]], rtol=1e-4, atol=1e-4)


def test_every_judge_has_its_line_of_docs():
    page = (Path(__file__).parents[3] / "docs" / "judges.md").read_text()
    assert [name for name in JUDGES if f"`{name}`" not in page] == []
