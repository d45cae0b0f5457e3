"""Splits: shares are kept, persons stay whole, and a place depends on nothing but the hash."""

import numpy as np
import pandas as pd
import pytest

from latentlab.data.splits import POLICIES, Shares
from latentlab.errors import DataError

SHARES = Shares(0.1, 0.1)


@pytest.fixture
def samples():
    rng = np.random.default_rng(0)
    ids = [f"{n:05d}.jpg" for n in range(5000)]
    return pd.DataFrame({"image_id": ids, "identity": rng.integers(0, 400, 5000)})


def test_random_keeps_the_shares_exactly(samples):
    split = POLICIES["random"](samples, SHARES, 0)
    assert split.value_counts().to_dict() == {"train": 4000, "valid": 500, "test": 500}
    assert (split != POLICIES["random"](samples, SHARES, 1)).mean() > 0.2


@pytest.mark.parametrize("policy", ["random", "identity"])
def test_the_order_of_the_rows_does_not_matter(samples, policy):
    shuffled = samples.sample(frac=1.0, random_state=0)
    split = POLICIES[policy](samples, SHARES, 3)
    assert POLICIES[policy](shuffled, SHARES, 3).loc[samples.index].equals(split)


def test_more_images_move_few_of_the_old_ones(samples):
    before = POLICIES["random"](samples[:4500], SHARES, 0)
    after = POLICIES["random"](samples, SHARES, 0)[:4500]
    assert (before != after).mean() < 0.02


def test_persons_stay_whole(samples):
    samples.loc[:99, "identity"] = None
    split = POLICIES["identity"](samples, SHARES, 0)
    known = samples["identity"].notna()
    assert (split[known].groupby(samples["identity"][known]).nunique() == 1).all()
    assert split[~known].nunique() > 1  # nobody known stands alone
    shares = split.value_counts(normalize=True)
    assert shares["test"] == pytest.approx(0.1, abs=0.01)
    assert shares["valid"] == pytest.approx(0.1, abs=0.01)


def test_published_is_kept_and_valid_cut_out_where_it_lacks(samples):
    given = samples.assign(split=["train"] * 4000 + ["test"] * 1000)
    split = POLICIES["published"](given, SHARES, 0)
    assert (split[4000:] == "test").all()
    assert (split[:4000] == "valid").mean() == pytest.approx(0.1, abs=0.01)
    persons = samples["identity"][:4000]
    assert (split[:4000].groupby(persons).nunique() == 1).all()
    whole = samples.assign(split=["train", "valid", "test", "train", "train"] * 1000)
    assert POLICIES["auto"](whole, SHARES, 0).equals(whole["split"])


def test_auto_prefers_persons_to_chance(samples):
    by_person = POLICIES["identity"](samples, SHARES, 0)
    assert POLICIES["auto"](samples, SHARES, 0).equals(by_person)
    alone = samples.drop(columns="identity")
    assert POLICIES["auto"](alone, SHARES, 0).equals(POLICIES["random"](alone, SHARES, 0))


def test_policies_that_the_data_do_not_allow(samples):
    with pytest.raises(DataError, match="comes without a split"):
        POLICIES["published"](samples, SHARES, 0)
    with pytest.raises(DataError, match="who is in the images"):
        POLICIES["identity"](samples.drop(columns="identity"), SHARES, 0)
    part = samples.assign(split=["train"] * 4999 + [None])
    assert POLICIES["published"](part, SHARES, 0).isna().tolist() == [False] * 4999 + [True]
