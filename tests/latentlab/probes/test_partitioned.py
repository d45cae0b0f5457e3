"""A partitioned table gives the probe that the same rows in memory give."""

import numpy as np
import pandas as pd
import pytest

from latentlab.artifacts import SPLITS, mu_name
from latentlab.errors import DataError, MissingArtifactError
from latentlab.probes import PROBES, LogisticProbe, RidgeProbe, blocks, partitioned
from latentlab.probes.partitioned import ParquetSource, fit_partitioned
from latentlab.streams import reading

TARGETS = ["smiling", "bald"]


def tables(seed=0, images=1500, latents=5):
    rng = np.random.default_rng(seed)
    codes = rng.standard_normal((images, latents)) * [1, 2, 0.1, 5, 1] + 3.0
    table = pd.DataFrame(codes, columns=[mu_name(index) for index in range(latents)])
    table.insert(0, "image_id", [f"{index:06d}.jpg" for index in range(images)])
    table.insert(1, "split", rng.choice(SPLITS, images, p=(0.7, 0.1, 0.2)))
    labels = pd.DataFrame({"image_id": table["image_id"]})
    for target, column in zip(TARGETS, (0, 2), strict=True):
        z = (codes[:, column] - 3.0) / codes[:, column].std()
        known = pd.Series(z + rng.standard_normal(images) > 1.0, dtype="boolean")
        labels[target] = known.mask(pd.Series(rng.random(images) < 0.1))
    return table, labels


def written(folder, table, parts):
    folder.mkdir()
    for number, rows in enumerate(np.array_split(np.arange(len(table)), parts)):
        table.iloc[rows].to_parquet(folder / f"part-{number:03d}.parquet", index=False)
    return folder


def in_memory(table, labels):
    train = table["split"] == "train"
    y = labels.loc[train, TARGETS].to_numpy(float, na_value=np.nan)
    return table.loc[train].filter(like="mu_").to_numpy(), y


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    monkeypatch.setattr(reading, "BATCH", 170)
    monkeypatch.setattr(blocks, "UNIT", 64)
    monkeypatch.setattr(partitioned, "UNIT", 64)


@pytest.mark.parametrize("beside", [True, False])
@pytest.mark.parametrize("name", PROBES)
@pytest.mark.parametrize("seed", range(2))
def test_same_probe_as_in_memory(seed, name, beside, tmp_path):
    table, labels = tables(seed)
    if beside:
        folder = written(tmp_path / "a", table.merge(labels, on="image_id"), 4)
        found = fit_partitioned(PROBES[name](penalty=2.0), folder, TARGETS)
    else:  # parted at other rows
        folder = written(tmp_path / "a", table, 3)
        other = written(tmp_path / "b", labels, 5)
        found = fit_partitioned(PROBES[name](penalty=2.0), folder, TARGETS, labels=other)
    x, y = in_memory(table, labels)
    expected = PROBES[name](penalty=2.0).fit(x, y)
    for attribute in ("weights_", "coef_", "intercept_", "mean_", "scale_"):
        np.testing.assert_allclose(
            getattr(found, attribute), getattr(expected, attribute), rtol=1e-6, atol=1e-8
        )
    np.testing.assert_allclose(found.predict(x), expected.predict(x), rtol=1e-6)


@pytest.mark.parametrize("name", PROBES)
def test_penalty_is_chosen_as_in_memory_on_the_same_folds(name, tmp_path):
    from sklearn.model_selection import PredefinedSplit

    table, labels = tables()
    table["split"] = "train"
    folder = written(tmp_path / "a", table.merge(labels, on="image_id"), 4)
    penalties = (0.1, 10.0, 1e4)
    found = fit_partitioned(PROBES[name](penalty=penalties, cv=3), folder, TARGETS)
    rows = np.arange(len(table), dtype=np.uint64)
    mixed = (rows * np.uint64(reading._MIX)) % np.uint64(2**32)
    folds = (mixed * np.uint64(3) // np.uint64(2**32)).astype(int)
    assert np.bincount(folds).min() > 0.3 * len(table)
    x, y = in_memory(table, labels)
    expected = PROBES[name](penalty=penalties, cv=PredefinedSplit(folds)).fit(x, y)
    np.testing.assert_allclose(found.held_out_, expected.held_out_, rtol=1e-6)
    np.testing.assert_array_equal(found.penalty_, expected.penalty_)


def test_columns_of_ones_own_and_all_splits(tmp_path):
    table, labels = tables()
    folder = written(tmp_path / "a", table.merge(labels, on="image_id"), 2)
    columns = ["mu_004", "mu_002"]
    found = fit_partitioned(LogisticProbe(), folder, TARGETS, columns=columns, split=None)
    y = labels[TARGETS].to_numpy(float, na_value=np.nan)
    expected = LogisticProbe().fit(table[columns].to_numpy(), y)
    np.testing.assert_allclose(found.coef_, expected.coef_, rtol=1e-6)
    assert found.n_features_in_ == 2


def test_no_more_than_a_batch_is_handed_out(tmp_path):
    table, labels = tables()
    folder = written(tmp_path / "a", table.merge(labels, on="image_id"), 1)
    chunks = list(ParquetSource(folder, TARGETS, split=None, folds=2).chunks())
    assert max(chunk.codes.shape[1] for chunk in chunks) <= 64
    assert sum(chunk.codes.shape[1] for chunk in chunks) == len(table)


def test_what_is_wrong_is_named(tmp_path):
    table, labels = tables()
    whole = table.merge(labels, on="image_id")
    folder = written(tmp_path / "a", whole, 2)
    with pytest.raises(DataError, match=r"no column smilling\. Did you mean smiling"):
        fit_partitioned(LogisticProbe(), folder, ["smilling"])
    with pytest.raises(DataError, match="no row of the split 'dev'"):
        fit_partitioned(LogisticProbe(), folder, TARGETS, split="dev")
    with pytest.raises(MissingArtifactError, match=r"no parquet file"):
        fit_partitioned(LogisticProbe(), tmp_path / "none", TARGETS)
    with pytest.raises(DataError, match="split does not hold numbers"):
        fit_partitioned(RidgeProbe(), folder, ["split"])
    with pytest.raises(DataError, match=r"mu_003 is .* it must be true, false or missing"):
        fit_partitioned(LogisticProbe(), folder, ["mu_003"])
    with pytest.raises(ValueError, match="cv must be a number"):
        fit_partitioned(LogisticProbe(penalty=[1, 2], cv=None), folder, TARGETS)
    whole.loc[700, "mu_001"] = np.inf
    whole.loc[700, "split"] = "train"
    broken = written(tmp_path / "b", whole, 2)
    with pytest.raises(DataError, match="row 700 holds a latent"):
        fit_partitioned(LogisticProbe(), broken, TARGETS)
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "x.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match="damaged or not parquet"):
        fit_partitioned(LogisticProbe(), tmp_path / "c", TARGETS)


def test_labels_of_other_rows_are_refused(tmp_path):
    table, labels = tables()
    folder = written(tmp_path / "a", table, 2)
    swapped = labels.copy()
    swapped.loc[[400, 401], "image_id"] = swapped.loc[[401, 400], "image_id"].to_numpy()
    other = written(tmp_path / "b", swapped, 2)
    with pytest.raises(DataError, match=r"Row 400 is image_id '000400.jpg' .*'000401.jpg'"):
        fit_partitioned(LogisticProbe(), folder, TARGETS, labels=other)
    for number, count in enumerate((1490, 850)):  # ends within a batch, and with one
        other = written(tmp_path / f"short{number}", labels.iloc[:count], 2)
        with pytest.raises(DataError, match=f"ends at row {count}"):
            fit_partitioned(LogisticProbe(), folder, TARGETS, labels=other)
    longer = written(tmp_path / "long", table.iloc[:1360], 2)
    full = written(tmp_path / "full", labels, 2)
    with pytest.raises(DataError, match="ends at row 1360"):
        fit_partitioned(LogisticProbe(), longer, TARGETS, labels=full)
