"""`anomalies`: the table, the sheet and the terminal tell of the same images, in the same order."""

import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from latentlab import parquet
from latentlab.artifacts import RunFolder


@pytest.fixture
def with_likelihoods(finished):
    """Makes a copy of the run whose likelihoods are given: name, values (images,) -> run folder."""

    def make(name, change=lambda values: values):
        run = RunFolder(finished.folder / "runs" / name)
        shutil.copytree(finished.folder / "runs" / "small", run.path, dirs_exist_ok=True)
        latents = run.latents()
        values = np.random.default_rng(0).normal(-2000, 50, len(latents))
        latents["log_likelihood"] = change(values).astype(np.float32)
        parquet.write_table(run.latents_path, latents, {"likelihood_samples": 16})
        return run

    return make


def test_the_least_likely_images_are_ranked_shown_and_told(finished, with_likelihoods):
    run = with_likelihoods("likely")
    done = finished("anomalies", "runs/likely", "--count", 7, "--json")
    assert done.code == 0, done.err
    assert done.json["likelihood_samples"] == 16
    latents = run.latents()
    tests = latents[latents["split"] == "test"].sort_values("log_likelihood")
    table = run.table("anomalies")
    assert table["image_id"].tolist() == tests["image_id"].tolist()
    assert [row["image_id"] for row in done.json["anomalies"]] == tests["image_id"].tolist()[:7]
    expected = -tests["log_likelihood"].to_numpy(float) / (32 * 32 * 3 * np.log(2))
    np.testing.assert_allclose(table["bits_per_dim"], expected)
    with Image.open(finished.folder / done.json["picture"]) as picture:
        assert picture.width == 8 + 5 * (140 + 8)  # two rows of five
        assert picture.height == 8 + 2 * (140 + 2 * 14 + 8)
        shown = np.asarray(picture.convert("RGB"))[8:148, 8:148]
    samples = pd.read_parquet(finished.folder / "data" / "small" / "samples.parquet")
    images = np.load(finished.folder / "data" / "small" / "images.npy")
    first = images[samples.index[samples["image_id"] == tests["image_id"].iloc[0]].item()]
    again = Image.fromarray(first).resize((140, 140), Image.Resampling.BICUBIC)
    assert np.array_equal(shown, np.asarray(again))

    told = finished("anomalies", "runs/likely", "--count", 3, "--split", "train")
    assert told.code == 0, told.err
    first = latents[latents["split"] == "train"].nsmallest(3, "log_likelihood")["image_id"]
    assert [line.split()[1] for line in told.out.splitlines()[1:4]] == first.tolist()
    assert "no verdict" in told.out


def test_without_likelihoods_the_command_that_makes_them_is_named(finished):
    done = finished("anomalies", "runs/small")
    assert done.code == 3
    assert "`latentlab encode runs/small --likelihood-samples 64`" in done.err
    assert "Traceback" not in done.err


def test_a_likelihood_that_is_no_number_is_named(finished, with_likelihoods):
    run = with_likelihoods("broken", lambda values: np.full_like(values, np.nan))
    done = finished("anomalies", "runs/broken")
    assert done.code == 3
    latents = run.latents()
    assert latents.loc[latents["split"] == "test", "image_id"].iloc[0] in done.err
    assert not run.table_path("anomalies").exists()


def test_an_unknown_split_is_refused(finished, with_likelihoods):
    with_likelihoods("likely")
    done = finished("anomalies", "runs/likely", "--split", "tests")
    assert done.code == 2
    assert "--split tests is not known" in done.err
