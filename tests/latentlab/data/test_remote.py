"""Pictures at an address are those of a folder here; what cannot be reached is no bad picture."""

import io
import zipfile
from pathlib import Path

import fsspec
import numpy as np
import pytest
from PIL import Image

from latentlab import config as configs
from latentlab.data.building import Order
from latentlab.data.image_folder import ImageFolder
from latentlab.data.prepared import originals, prepare, reopen
from latentlab.data.prepared_parts import join, planned
from latentlab.data.remote import Remote
from latentlab.errors import ConfigError, DataError
from latentlab.settings import settings_model
from latentlab.shards import every

BUCKET = "memory://bucket/faces"


@pytest.fixture
def contents():
    """Relative path -> bytes; 70 pictures, one of them none, and files that are no pictures."""
    chance = np.random.default_rng(0)
    made = {"notes.txt": b"none", ".hidden/5.png": b"none", "a/.6.png": b"none"}
    odd = {3: "a::b", 5: "50%20 #?&x=1", 6: "@ä"}  # what could be taken for a part of an address
    for n in range(70):
        file = io.BytesIO()
        Image.fromarray(chance.integers(0, 255, (30, 40, 3), np.uint8)).save(file, "PNG")
        made[f"{'ab'[n % 2]}/{n:02d}{odd.get(n, '')}.png"] = file.getvalue()
    return {**made, "b/13.png": b"no picture"}


@pytest.fixture
def here(contents, tmp_path):
    root = tmp_path / "pictures"
    for name, content in contents.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


@pytest.fixture
def bucket(contents):
    system = fsspec.filesystem("memory")
    for name, content in contents.items():
        system.pipe(f"/bucket/faces/{name}", content)
    yield system
    system.rm("/bucket", recursive=True)


def same_but_for_the_root(one, other):
    for name in ("images.npy", "samples.parquet", "refused.csv", "blocks.sha256"):
        assert (one.path / name).read_bytes() == (other.path / name).read_bytes(), name
    first, second = one.description, other.description
    assert first["settings"].pop("root") != second["settings"].pop("root")
    assert first == second


def test_a_bucket_is_prepared_as_a_folder_is(bucket, here, tmp_path):
    local = prepare(
        ImageFolder(here, folders=True), "image_folder", tmp_path / "one", side=28, on_bad="skip"
    )
    source = ImageFolder(BUCKET, folders=True)
    made = prepare(source, "image_folder", tmp_path / "two", side=28, on_bad="skip")
    same_but_for_the_root(made, local)
    assert made.description["settings"]["root"] == BUCKET
    assert reopen(made) == source
    shown = originals(made, range(10, 13))
    assert np.array_equal(shown.original(2), originals(local).original(12))
    order = Order("image_folder", 28, on_bad="skip")
    parts = planned(source, tmp_path / "three", order)
    for shard in every(2):
        parts.make(ImageFolder(BUCKET, folders=True), 28, shard)
    same_but_for_the_root(join(source, tmp_path / "three", order), local)


def test_archives_at_an_address_are_read_in_place(bucket, contents, here, tmp_path):
    import tarfile

    for name in ("faces.zip", "faces.tar"):
        file = io.BytesIO()
        if name.endswith("zip"):
            with zipfile.ZipFile(file, "w") as packed:
                for inside, content in contents.items():
                    packed.writestr(inside, content)
        else:
            with tarfile.open(fileobj=file, mode="w") as packed:
                packed.add(here, arcname=".", filter=lambda info: info)
        bucket.pipe(f"/bucket/{name}", file.getvalue())
        (tmp_path / name).write_bytes(file.getvalue())
        made, local = (
            prepare(ImageFolder(root), "image_folder", tmp_path / out, side=28, on_bad="skip")
            for root, out in (
                (f"memory://bucket/{name}", f"{name}-1"), (tmp_path / name, f"{name}-2"),
            )
        )  # fmt: skip
        same_but_for_the_root(made, local)
        assert len(made.images()) == 69
    bucket.pipe("/bucket/bad.zip", file.getvalue())
    with pytest.raises(DataError, match=r"memory://bucket/bad\.zip is not a whole archive"):
        _ = ImageFolder("memory://bucket/bad.zip").listing


def test_what_cannot_be_reached_stops_and_is_not_taken_for_a_bad_picture(
    bucket, tmp_path, monkeypatch
):
    source = ImageFolder(BUCKET)
    _ = source.listing

    def lost(*given, **named):
        raise TimeoutError("the line is dead")

    with monkeypatch.context() as patch:
        patch.setattr(type(bucket), "cat_file", lost)
        with pytest.raises(DataError, match=r"02\.png cannot be reached: the line is dead"):
            source.read(1, 2, 28)
        with pytest.raises(DataError, match="cannot be reached"):
            prepare(source, "image_folder", tmp_path / "data", side=28, on_bad="skip")
    assert not (tmp_path / "data").exists()
    bucket.rm("/bucket/faces/a/02.png")
    (refused,) = source.read(1, 2, 28).refused  # gone, which is known
    assert "cannot be read" in refused.reason


@pytest.mark.parametrize(
    ("address", "error", "says"),
    [
        ("memory://bucket/nothing", DataError, "memory://bucket/nothing does not exist"),
        ("nonsense://bucket", DataError, "nonsense"),
        ("zip://*::memory://nothing.zip", DataError, "nothing.zip cannot be reached"),
        ("s3://name:secret@bucket/faces", ConfigError, "password"),
    ],
)
def test_addresses_that_lead_nowhere_are_told_in_a_line(bucket, address, error, says):
    with pytest.raises(error, match=says) as caught:
        _ = ImageFolder(address).listing
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_driver_that_is_not_installed_is_named(monkeypatch):
    def missing(address, **settings):
        raise ImportError("Please install s3fs to access S3")

    monkeypatch.setattr(fsspec.core, "url_to_fs", missing)
    with pytest.raises(ConfigError, match=r"pip install 'fsspec\[s3\]'"):
        _ = ImageFolder("s3://bucket/faces").listing


def test_an_address_stays_one_and_a_path_a_path():
    model = settings_model(ImageFolder)
    for text, value in (
        (BUCKET, BUCKET),
        (f"{BUCKET}/", BUCKET),
        ("pictures/here", Path("pictures/here")),
        ("file:///data/my%20faces", Path("/data/my faces")),
        ("C:/faces", Path("C:/faces")),
    ):
        assert dict(model.model_validate({"root": text}))["root"] == value
    settings = configs.build_data(
        {"source": {"name": "image_folder", "root": BUCKET}}, (), where="test"
    )
    assert settings.with_paths(Path.resolve).source.settings["root"] == BUCKET
    assert Remote("s3://bucket/some/faces.ZIP").name == "faces.ZIP"
