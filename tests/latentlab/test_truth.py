"""The factor that a target depends on is found, whatever the shape of the dependence."""

import numpy as np
import pandas as pd
import pytest

from latentlab.artifacts import Targets
from latentlab.truth import dependence_on_factors


def table(targets):
    return dependence_on_factors(targets).set_index(["target", "factor"])


@pytest.fixture
def targets():
    rng = np.random.default_rng(0)
    a, b = rng.uniform(size=(2, 2000))
    glasses = (rng.random(2000) < 0.3).astype(float)
    values = pd.DataFrame({"a": a, "b": b, "glasses": glasses})
    values["line"] = 2 - 3 * a
    values["Middle"] = pd.array((b > 0.3) & (b < 0.7), dtype="boolean")
    values["Eyeglasses"] = pd.array(glasses > 0.5, dtype="boolean")
    values["constant"] = 1.0
    values.loc[:50, "line"] = np.nan
    roles = {"a": "factor", "b": "factor", "glasses": "factor", "line": "statistic"}
    roles |= {"Middle": "attribute", "Eyeglasses": "attribute", "constant": "statistic"}
    return Targets(values, roles)


def test_a_line_a_middle_and_a_copy_are_told_from_chance(targets):
    found = table(targets)
    assert found.loc[("line", "a"), "r"] == pytest.approx(-1)
    assert found.loc[("line", "a"), "explained"] > 0.99
    assert abs(found.loc[("Middle", "b"), "r"]) < 0.06
    assert found.loc[("Middle", "b"), "explained"] > 0.9
    assert found.loc[("Eyeglasses", "glasses"), "explained"] == pytest.approx(1)
    assert found.loc[("line", "b"), "explained"] < 0.03
    assert "constant" not in found.index.get_level_values("target")


def test_no_factors_no_rows(targets):
    labels = {name: role for name, role in targets.roles.items() if role != "factor"}
    assert dependence_on_factors(Targets(targets.values, labels)).empty
