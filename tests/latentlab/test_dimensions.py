"""The summary of each latent dimension against closed forms."""

import numpy as np
import pandas as pd
import pytest

from latentlab.artifacts import TABLES
from latentlab.dimensions import inactive_reasons, summarize_dimensions
from latentlab.errors import DataError


def latents(seed=0, images=4000):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"image_id": np.arange(images).astype(str)})
    frame["mu_000"] = 2.0 + rng.standard_normal(images)
    frame["mu_001"] = rng.standard_normal(images) * 0.01
    frame["logvar_000"] = np.log(0.25)
    frame["logvar_001"] = 0.0
    return frame


@pytest.mark.parametrize("seed", range(3))
def test_summary(seed):
    table = summarize_dimensions(latents(seed))
    assert set(TABLES["dimensions"]) <= set(table.columns)
    first, second = table.to_dict("records")
    assert first["kl"] == pytest.approx(0.5 * (5.0 + 0.25 - 1.0 - np.log(0.25)), rel=0.03)
    assert first["mean"] == pytest.approx(2.0, abs=0.1)
    assert first["deviation"] == pytest.approx(1.0, abs=0.05)
    assert first["posterior_deviation"] == pytest.approx(0.5)
    assert first["active"] and not second["active"]
    assert inactive_reasons(table)["mu_001"].startswith("inactive: mean KL ")


def test_without_variances_activity_goes_by_the_means():
    table = summarize_dimensions(latents().drop(columns=["logvar_000", "logvar_001"]))
    assert table["kl"].isna().all() and table["posterior_deviation"].isna().all()
    assert table["active"].tolist() == [True, False]
    assert inactive_reasons(table)["mu_001"].startswith("inactive: variance of the mean ")


def test_a_large_kl_does_not_activate_a_constant_mean():
    table = summarize_dimensions(latents().assign(mu_001=3.0))
    assert not table["active"][1]
    assert inactive_reasons(table) == {"mu_001": "inactive: variance of the mean 0"}


def test_a_missing_variance_column_is_named():
    with pytest.raises(DataError, match="logvar_001"):
        summarize_dimensions(latents().drop(columns="logvar_001"))
