"""A single changed bit anywhere is noticed, and nothing that was not written by us is refused."""

import hashlib

import duckdb
import numpy as np
import pandas as pd
import polars
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from latentlab import checkpoints, files, integrity, parquet
from latentlab.errors import DataError
from latentlab.models import build_model


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    return pd.DataFrame({"image_id": [f"face {n}" for n in range(8)], "mu_000": rng.normal(size=8)})


def flipped(path, bit):
    """The file's content with this bit changed."""
    content = bytearray(path.read_bytes())
    content[bit // 8] ^= 1 << bit % 8
    return bytes(content)


def some_bits(path, count, seed=0):
    """`count` bits of a file, spread over all of it by chance."""
    return np.random.default_rng(seed).integers(0, 8 * path.stat().st_size, count).tolist()


def test_any_changed_bit_of_a_table_is_refused_by_name(tmp_path, table):
    path = parquet.write_table(tmp_path / "probes.parquet", table, {"beta": 4.0})
    whole = path.read_bytes()
    stamp = whole.rindex(integrity.KEY.encode()) * 8  # where the digest itself is, too
    for bit in [*some_bits(path, 150), *range(stamp - 200, stamp + 700, 7)]:
        path.write_bytes(flipped(path, bit))
        with pytest.raises(DataError, match=r"probes\.parquet is damaged"):
            parquet.read_table(path)
        with pytest.raises(DataError, match=r"probes\.parquet is damaged"):
            parquet.read_metadata(path)
        path.write_bytes(whole)
    pd.testing.assert_frame_equal(parquet.read_table(path), table)


@pytest.mark.parametrize(
    "name",
    [integrity.KEY, f"{integrity.KEY}:{'0' * 64}", f"{integrity.KEY}:", "# sha256 of the lines"],
)
def test_a_column_may_be_called_like_a_stamp(tmp_path, table, name):
    table[name] = 1.0
    path = parquet.write_table(tmp_path / "samples.parquet", table)
    pd.testing.assert_frame_equal(parquet.read_table(path), table)


def test_tables_of_others_are_read_as_they_are(tmp_path, table):
    pq.write_table(pa.Table.from_pandas(table), tmp_path / "theirs.parquet")
    pd.testing.assert_frame_equal(parquet.read_table(tmp_path / "theirs.parquet"), table)


@pytest.mark.parametrize("who", ["pyarrow", "pandas", "polars", "duckdb"])
def test_a_table_that_somebody_wrote_anew_is_theirs(tmp_path, table, who):
    """No reader takes our digest over into a file of its own, which it would not fit."""
    ours = parquet.write_table(tmp_path / "ours.parquet", table, {"beta": 4.0})
    theirs = tmp_path / "theirs.parquet"
    if who == "pyarrow":
        pq.write_table(pq.read_table(ours).slice(0, 5), theirs)
    elif who == "pandas":
        pd.read_parquet(ours)[:5].to_parquet(theirs)
    elif who == "polars":
        polars.read_parquet(ours)[:5].write_parquet(theirs)
    else:
        duckdb.sql(f"copy (select * from '{ours}' limit 5) to '{theirs}' (format parquet)")
    again = parquet.read_table(theirs)
    assert again["image_id"].tolist() == table["image_id"].tolist()[:5]


def test_a_table_is_the_same_bytes_every_time(tmp_path, table):
    paths = [parquet.write_table(tmp_path / name, table) for name in ("a", "b")]
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_text_with_a_changed_line_is_refused_unless_its_digest_is_taken_out(tmp_path):
    path = tmp_path / "data.yaml"
    files.write_yaml(path, {"images": 40, "note": "é"}, with_digest=True)
    integrity.check_lines(path)
    assert files.read_yaml(path) == {"images": 40, "note": "é"}
    whole = path.read_bytes()
    for bit in range(8 * len(whole)):
        path.write_bytes(flipped(path, bit))
        with pytest.raises(DataError, match="take out its first line"):
            integrity.check_lines(path)
        path.write_bytes(whole)
    path.write_text(path.read_text().replace("images: 40", "images: 41"))
    lines = path.read_text().splitlines(keepends=True)
    for kept in (lines, lines[1:], lines[:-1]):
        path.write_text("".join(kept))
        with pytest.raises(DataError, match="take out its first line"):
            integrity.check_lines(path)
    path.write_text("".join(lines[1:-1]))
    integrity.check_lines(path)  # the change is meant
    assert files.read_yaml(path)["images"] == 41


@pytest.mark.parametrize("shape", [(0, 28, 28, 3), (7, 4, 4), (10**6, 64, 64, 3)])
def test_the_header_of_an_array_is_numpys(shape):
    header = integrity.array_header(shape)
    assert len(header) == len(integrity.array_header((0, *shape[1:])))
    assert header.startswith(b"\x93NUMPY") and str(shape).encode() in header


def test_any_changed_bit_of_an_array_is_refused_by_name(tmp_path):
    path = tmp_path / "images.npy"
    values = np.random.default_rng(0).integers(0, 255, (6, 4, 4, 3), dtype=np.uint8)
    whole = integrity.array_header(values.shape) + values.tobytes()
    path.write_bytes(whole)
    assert np.array_equal(np.load(path), values)
    right = hashlib.sha256(values.tobytes()).hexdigest()
    integrity.check_array(path, values.shape, right)
    for bit in some_bits(path, 200):
        path.write_bytes(flipped(path, bit))
        with pytest.raises(DataError, match=r"images\.npy is damaged"):
            integrity.check_array(path, values.shape, right)
        path.write_bytes(whole)
    for other in ((5, 4, 4, 3), (6, 4, 4)):
        with pytest.raises(DataError, match=r"images\.npy is damaged"):
            integrity.check_array(path, other, right)
    with pytest.raises(DataError, match=r"images\.npy is damaged"):
        integrity.check_array(path, values.shape, hashlib.sha256(b"other").hexdigest())
    with pytest.raises(DataError, match="cannot be read"):
        integrity.check_array(tmp_path / "none.npy", values.shape, right)


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "model"
    settings = {"latents": 2, "widths": (2, 2)}
    model = build_model("vae", settings, channels=1, side=28, seed=0)
    about = {"name": "vae", "settings": settings, "channels": 1, "side": 28}
    checkpoints.save_model(folder, model, about, "card")
    return folder


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_any_changed_bit_of_a_model_is_refused_by_name(model_folder, name):
    path = model_folder / name
    whole = path.read_bytes()
    try:
        for bit in some_bits(path, 60):
            path.write_bytes(flipped(path, bit))
            with pytest.raises(DataError, match=name.replace(".", r"\.")):
                checkpoints.load_model(model_folder)
    finally:
        path.write_bytes(whole)
    checkpoints.load_model(model_folder)


def test_weights_and_description_of_two_models_are_no_model(model_folder, tmp_path):
    model = build_model("vae", {"latents": 2, "widths": (2, 2)}, channels=1, side=28, seed=1)
    about = {
        "name": "vae", "settings": {"latents": 2, "widths": (2, 2)}, "channels": 1, "side": 28,
    }  # fmt: skip
    checkpoints.save_model(tmp_path / "model", model, about, "card")
    weights = (model_folder / "model.safetensors").read_bytes()
    (tmp_path / "model" / "model.safetensors").write_bytes(weights)
    with pytest.raises(DataError, match=r"not the one that config\.json describes"):
        checkpoints.load_model(tmp_path / "model")


def test_any_changed_bit_of_a_state_is_noticed_and_the_one_before_is_taken(tmp_path):
    for step in (1, 2):
        state = {"step": step, "weights": torch.arange(30.0) * step}
        checkpoints.save_state(tmp_path, step, state, best=False)
    newest = checkpoints.state_path(tmp_path, 2)
    whole = newest.read_bytes()
    for bit in [*some_bits(newest, 150), *range(8 * len(whole) - 700, 8 * len(whole), 9)]:
        newest.write_bytes(flipped(newest, bit))
        told = []
        assert checkpoints.load_state(tmp_path, told.append)["step"] == 1
        assert "state_000000002.pt cannot be read" in str(told[0])
        newest.write_bytes(whole)
    assert checkpoints.load_state(tmp_path)["step"] == 2
