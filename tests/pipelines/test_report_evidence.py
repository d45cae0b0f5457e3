"""What stands behind the answers is gathered as far as it was measured."""

import numpy as np
import pandas as pd
import pytest

from latentlab.artifacts import Targets
from pipelines.report_evidence import directions_of, evidence_of

NAMES = ["mu_000", "mu_001", "mu_002"]


def moves(*rows):
    columns = ["direction", "kind", "of", "without", "latent", "weight", "reason"]
    return pd.DataFrame(rows, columns=columns)


def test_directions_are_those_with_others_held_and_those_that_a_verdict_names():
    table = moves(
        ("mu_000", "latent", None, None, "mu_000", 1.0, None),
        ("projected:a", "projected", "a", "b", "mu_002", 0.6, None),
        ("projected:a", "projected", "a", "b", "mu_000", 0.8, None),
        ("mean_difference:a", "mean_difference", "a", None, "mu_001", 1.0, None),
        ("mean_difference:b", "mean_difference", "b", None, "mu_001", -1.0, None),
        ("projected:b", "projected", "b", "a", None, np.nan, "no direction: nothing is left"),
    )
    found = directions_of(table, pd.DataFrame({"direction": ["mean_difference:b", None]}), NAMES)
    assert set(found) == {"projected:a", "mean_difference:b"}
    assert found["projected:a"].tolist() == [0.8, 0.0, 0.6]
    assert directions_of(table, pd.DataFrame(), NAMES).keys() == {"projected:a"}


def test_tables_alone_give_correlations_and_densities_of_the_active_dimensions():
    rng = np.random.default_rng(0)
    latents = pd.DataFrame(rng.standard_normal((50, 3)), columns=NAMES)
    latents.insert(0, "image_id", [f"{index:03d}" for index in range(50)])
    label = pd.array(rng.random(50) < 0.5, dtype="boolean")
    label[:45] = pd.NA
    values = pd.DataFrame({"a": latents["mu_000"], "b": -latents["mu_000"], "few": label})
    evidence = evidence_of(
        {},
        latents,
        pd.DataFrame({"latent": NAMES, "active": [True, True, False]}),
        Targets(values, {"a": "factor", "b": "factor", "few": "attribute"}),
    )
    assert evidence.correlations.at["a", "b"] == pytest.approx(-1)
    assert np.isnan(evidence.correlations.at["a", "few"])  # only five images
    assert set(evidence.densities["latent"]) == set(evidence.spreads["latent"]) == set(NAMES[:2])
    assert evidence.interventions.empty and evidence.strips == {}
