"""Tables come back as they went, in every reader, or are refused by name."""

import duckdb
import numpy as np
import pandas as pd
import polars
import pytest

from latentlab import artifacts, parquet
from latentlab.artifacts import DataFolder, RunFolder
from latentlab.data.faces import Faces
from latentlab.data.prepared import prepare
from latentlab.errors import DataError, MissingArtifactError


@pytest.fixture
def latents():
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        rng.normal(size=(50, 3)).astype(np.float32),
        columns=[artifacts.mu_name(k) for k in range(3)],
    )
    table.insert(0, "image_id", [f"image_{i}" for i in range(50)])
    table["known"] = pd.array([True, None] * 25, dtype="boolean")
    return table


def test_a_table_written_in_pieces_is_the_whole_table(tmp_path, latents):
    path = tmp_path / "latents.parquet"
    with parquet.table_writer(path, {"beta": 4.0}) as write:
        write(latents[:20])
        write(latents[20:])
    pd.testing.assert_frame_equal(parquet.read_table(path), latents)
    assert parquet.read_metadata(path) == {"beta": 4.0}


def test_pandas_duckdb_and_polars_read_a_table_as_it_is(tmp_path, latents):
    path = parquet.write_table(tmp_path / "latents.parquet", latents)
    expected = latents["mu_001"].to_numpy()
    assert np.array_equal(pd.read_parquet(path)["mu_001"], expected)
    assert np.array_equal(polars.read_parquet(path)["mu_001"].to_numpy(), expected)
    (from_duckdb,) = duckdb.sql(f"select mu_001 from '{path}'").fetchnumpy().values()
    assert np.array_equal(from_duckdb, expected)


@pytest.mark.parametrize("seed", range(20))
def test_a_flipped_bit_never_becomes_another_number(tmp_path, latents, seed):
    path = parquet.write_table(tmp_path / "latents.parquet", latents)
    content = bytearray(path.read_bytes())
    place = int(np.random.default_rng(seed).integers(4, len(content) // 2))
    content[place] ^= 1
    path.write_bytes(content)
    try:
        again = parquet.read_table(path)
    except DataError as error:
        assert "latents.parquet is damaged" in str(error)
    else:  # the bit was in a note that no reader needs
        pd.testing.assert_frame_equal(again, latents)


def test_a_truncated_table_is_named(tmp_path, latents):
    path = parquet.write_table(tmp_path / "latents.parquet", latents)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match=r"latents\.parquet is damaged"):
        parquet.read_table(path)


def test_latent_names_sort_as_they_count():
    names = [artifacts.mu_name(index) for index in range(120)]
    assert names == sorted(names)


def test_what_is_no_run_or_data_folder_is_refused_with_the_next_command(tmp_path):
    with pytest.raises(MissingArtifactError, match="latentlab run CONFIG"):
        RunFolder.open(tmp_path)
    with pytest.raises(MissingArtifactError, match=r"does not exist.*latentlab prepare"):
        DataFolder.open(tmp_path / "nowhere")


def test_a_missing_table_names_the_stage_that_makes_it(tmp_path):
    (tmp_path / "config.yaml").write_text("")
    with pytest.raises(MissingArtifactError, match="latentlab probe"):
        RunFolder.open(tmp_path).table("probes")


def test_a_table_without_its_columns_is_a_bug(tmp_path):
    with pytest.raises(ValueError, match="lacks the columns"):
        RunFolder(tmp_path).write_table("probes", pd.DataFrame({"target": ["Smiling"]}))


def test_what_was_measured_must_fit_the_images_and_be_numbers(tmp_path):
    """Every stage reads the targets here, so all refuse what one of them would."""
    data = prepare(Faces(limit=20), "faces", tmp_path / "data", side=28)
    ids = data.samples()["image_id"]
    faces = pd.DataFrame({"image_id": ids, "detected": True, "mouth": np.linspace(0, 1, 20)})
    data.write_landmarks(faces)
    found = data.targets()
    assert found.roles["mouth"] == "statistic"
    assert found.values["mouth"].tolist() == faces["mouth"].tolist()
    data.write_landmarks(faces.assign(mouth=faces["mouth"].where(ids != ids[3])))
    assert data.targets().values["mouth"].isna().sum() == 1
    endless = faces.assign(mouth=faces["mouth"].where(ids != ids[3], -np.inf))
    for wrong, said in (
        (endless, f"for image_id '{ids[3]}'"),
        (faces.assign(mouth="wide"), "must hold numbers"),
        (faces.rename(columns={"mouth": "smile"}), "both have a column smile"),
        (pd.concat([faces, faces[:1]]), "more than once"),
    ):
        data.write_landmarks(wrong)
        with pytest.raises(DataError, match=said):
            data.targets()
