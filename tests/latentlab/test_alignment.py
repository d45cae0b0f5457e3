"""Hostile tables are refused with the column or the image named."""

import numpy as np
import pandas as pd
import pytest

from latentlab.alignment import align, check_factors
from latentlab.artifacts import Targets
from latentlab.errors import DataError


def latents(**columns):
    frame = pd.DataFrame({"image_id": ["a", "b", "c"], "split": ["train", "valid", "test"]})
    return frame.assign(mu_000=[0.0, 1.0, 2.0], mu_001=[5.0, 3.0, 4.0]).assign(**columns)


def targets(values, role="attribute", ids=("c", "b", "a")):
    return Targets(pd.DataFrame({"Smiling": values}, index=list(ids)), {"Smiling": role})


def test_targets_come_in_the_order_of_the_latents():
    found = align(latents(), targets([True, None, False]))
    np.testing.assert_array_equal(found.values["Smiling"], [0.0, np.nan, 1.0])
    assert found.codes.dtype == np.float64 and found.groups is None


def test_an_image_without_identity_is_a_person_of_its_own():
    one = targets([True, True, False])
    known = Targets(one.values, one.roles, pd.Series(["x", None, None], index=["c", "b", "a"]))
    assert len(set(align(latents(), known).groups)) == 3


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (latents(mu_001=[5.0, np.nan, 4.0]), "mu_001.*'b'"),
        (latents(mu_000=[5.0, 1.0, np.inf]), "mu_000.*'c'"),
        (latents(logvar_000=[np.nan, 1.0, 1.0]), "logvar_000.*'a'"),
        (latents(mu_001=["x", "y", "z"]), "mu_001.*numeric"),
        (latents(image_id=["a", "b", "a"]), "'a' more than once"),
        (latents(split=["train", "dev", "test"]), "'dev'.*train, valid, test"),
        (latents().drop(columns="split"), "split"),
        (latents().drop(columns="image_id"), "image_id"),
        (latents()[["image_id", "split"]], "mu_000"),
        (latents().head(0), "no row"),
    ],
)
def test_broken_latents_are_refused(table, words):
    with pytest.raises(DataError, match=words):
        align(table, targets([True, True, False]))


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (targets([True, True, False], ids=("a", "a", "b")), "'a' more than once"),
        (targets([True, True, False], ids=("x", "y", "z")), "'a'.*'x'"),
        (targets([1.0, 2.0, np.inf], role="factor"), "Smiling is infinite.*'a'"),
        (targets(["yes", "no", "no"], role="factor"), "Smiling.*numbers"),
        (targets([2.0, 1.0, 0.0]), "Smiling.*true, false or missing"),
        (targets([True, True, False], role="label"), "Smiling.*'label'"),
    ],
)
def test_broken_targets_are_refused(broken, words):
    with pytest.raises(DataError, match=words):
        align(latents(), broken)


def test_factors_of_other_images_are_refused():
    codes = pd.DataFrame({"mu_000": [0.0, 1.0]}, index=["a", "b"])
    with pytest.raises(DataError, match="index"):
        check_factors(codes, pd.DataFrame({"x": [0.0, 1.0]}, index=["b", "a"]))
