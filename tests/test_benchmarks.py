"""What the benchmarks count and what they would train, without running them."""

import pandas as pd
import pytest

from benchmarks import agreement
from benchmarks.models import DATA, ROWS, rows_of, settings
from latentlab import config as configs


@pytest.mark.parametrize(("data", "row"), [(data, row) for data in DATA for row in rows_of(data)])
def test_a_row_is_a_config_that_can_be_read(row, data):
    config = configs.build(settings(row, data, epochs=1))
    assert config.data.side == DATA[data][0]


def test_every_row_is_measured_on_some_data():
    assert {row for data in DATA for row in rows_of(data)} == set(ROWS)


def moves(*rows):
    columns = ("judge", "kind", "direction", "target", "slope", "q")
    return pd.DataFrame([("pixels", "latent", *row) for row in rows], columns=columns)


def test_only_latents_that_are_seen_to_move_a_factor_can_contradict_the_correlation():
    correlated = pd.DataFrame(
        {"smile": [0.6, -0.6, 0.4, 0.1]}, index=["mu_000", "mu_001", "mu_002", "mu_003"]
    )
    found = agreement.sign_counts(
        correlated,
        moves(
            ("mu_000", "smile", 0.5, 0.01),  # as correlated
            ("mu_001", "smile", 0.5, 0.01),  # against it
            ("mu_002", "smile", -0.05, 0.01),  # too little to count
            ("mu_003", "smile", 0.5, 0.01),  # hardly correlated: nothing is expected
            ("mu_000", "not a factor", -0.5, 0.01),
        ),
        effect=0.1,
        significance=0.05,
        thresholds=(0.3, 0.5),
    )
    counts = [
        {key: row[key] for key in ("pairs", "moved", "moved_as_correlated", "same_sign_of_all")}
        for row in found
        if row["judge"] == "pixels"
    ]
    assert counts == [
        {"pairs": 3, "moved": 2, "moved_as_correlated": 1, "same_sign_of_all": 1},
        {"pairs": 2, "moved": 2, "moved_as_correlated": 1, "same_sign_of_all": 1},
    ]
