"""CelebA as published: folder, zip, both; joined to its labels; never a bad file in silence."""

import pickle
import shutil
import zipfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from latentlab.data.celeba import CelebA
from latentlab.data.prepared import originals, prepare
from latentlab.data.splits import Shares
from latentlab.errors import DataError

IDS = [f"{number:06d}.jpg" for number in range(1, 13)]


@pytest.fixture
def root(tmp_path):
    pictures = tmp_path / "celeba" / "img_align_celeba"
    pictures.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name in IDS:
        Image.fromarray(rng.integers(0, 255, (218, 178, 3), dtype=np.uint8)).save(pictures / name)
    root = pictures.parent
    rows = [f"{name}  {1 if n % 2 else -1} -1" for n, name in enumerate(IDS)]
    (root / "list_attr_celeba.txt").write_text("\n".join(["12", "Smiling Male", *rows]) + "\n")
    splits = [f"{name} {n % 3}" for n, name in enumerate(IDS)]
    (root / "list_eval_partition.txt").write_text("\n".join(splits) + "\n")
    return root


def zipped(root, names, archive="img_align_celeba.zip"):
    with zipfile.ZipFile(root / archive, "w") as file:
        for name in names:
            path = root / "img_align_celeba" / name
            file.write(path, f"img_align_celeba/{name}")
            path.unlink()


def test_samples_join_pictures_and_labels(root):
    source = CelebA(root)
    assert source.listing.samples["image_id"].tolist() == IDS
    assert source.listing.samples["Smiling"].tolist() == [n % 2 == 1 for n in range(12)]
    assert source.listing.samples["split"].tolist() == ["train", "valid", "test"] * 4
    assert source.listing.roles == {"Smiling": "attribute", "Male": "attribute"}
    assert "identity" not in source.listing.samples


def test_identities_are_joined_where_they_are_known(root):
    (root / "identity_CelebA.txt").write_text(f"{IDS[3]} 77\n")
    identity = CelebA(root).listing.samples["identity"]
    assert identity[3] == 77
    assert identity.isna().sum() == 11


def test_folder_and_zips_give_the_same_pictures(root):
    expected = CelebA(root).read(0, 12, 64).images
    zipped(root, IDS[:4])
    zipped(root, IDS[6:8], "img_align_celeba_extra.zip")
    source = pickle.loads(pickle.dumps(CelebA(root)))
    assert np.array_equal(source.read(0, 12, 64).images, expected)
    assert np.array_equal(source.read(3, 7, 64).images, expected[3:7])
    assert source.original(7).shape == (218, 178, 3)


def test_a_zip_is_opened_once_and_read_by_many_threads(root, monkeypatch):
    zipped(root, IDS)
    source = CelebA(root)
    expected = source.read(0, 12, 64).images
    copy = pickle.loads(pickle.dumps(source))
    opened = []
    real = zipfile.ZipFile

    def counting(path):
        opened.append(path)
        return real(path)

    monkeypatch.setattr(zipfile, "ZipFile", counting)
    with ThreadPoolExecutor(8) as pool:
        several = list(pool.map(lambda _: copy.read(0, 12, 64).images, range(8)))
    assert len(opened) == 1
    assert all(np.array_equal(images, expected) for images in several)


@pytest.mark.parametrize("packing", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_damaged_picture_in_a_zip_is_named(root, packing):
    path = root / "img_align_celeba.zip"
    with zipfile.ZipFile(path, "w", packing) as file:
        file.write(root / "img_align_celeba" / IDS[0], IDS[0])
    shutil.rmtree(root / "img_align_celeba")
    content = bytearray(path.read_bytes())
    content[100:1100] = b"\xff" * 1000
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"000001\.jpg cannot be read"):
        CelebA(root).original(0)


def test_a_limit_keeps_the_shares_of_the_splits(root):
    splits = [f"{name} {n // 4}" for n, name in enumerate(IDS)]  # in blocks, as published
    (root / "list_eval_partition.txt").write_text("\n".join(splits) + "\n")
    assert CelebA(root, limit=6).listing.samples["split"].value_counts().tolist() == [2, 2, 2]


def test_what_has_no_label_or_no_picture_is_listed(root, tmp_path):
    (root / "img_align_celeba" / IDS[0]).unlink()
    shutil.copy(root / "img_align_celeba" / IDS[1], root / "img_align_celeba" / "999999.jpg")
    folder = prepare(CelebA(root), "celeba", tmp_path / "data", side=32)
    assert folder.refused().to_numpy().tolist() == [
        ["999999.jpg", "picture", "has no row in list_attr_celeba"],
        [IDS[0], "label row", "has no picture"],
    ]
    census = folder.description["census"]
    assert census["pictures"] == {"found": 12, "used": 11, "refused": 1, "left_out": 0}
    assert census["label_rows"] == {"found": 12, "used": 11, "refused": 1, "left_out": 0}


def test_the_csv_of_the_mirrors_gives_the_same_samples(root):
    published = CelebA(root).listing.samples
    rows = [f"{name},{n % 2},0" for n, name in enumerate(IDS)]
    (root / "list_attr_celeba.txt").unlink()
    (root / "list_attr_celeba.csv").write_text("\n".join(["image_id,Smiling,Male", *rows]))
    splits = [f"{name},{n % 3}" for n, name in enumerate(IDS)]
    (root / "list_eval_partition.txt").unlink()
    (root / "list_eval_partition.csv").write_text("\r\n".join(["image_id,partition", *splits]))
    pd.testing.assert_frame_equal(CelebA(root).listing.samples, published)


def test_landmarks_and_boxes_are_joined_where_they_are(root):
    points = [f"{name} {69 + n} 109" for n, name in enumerate(IDS)]
    (root / "list_landmarks_align_celeba.txt").write_text(
        "\n".join(["12", "lefteye_x lefteye_y", *points])
    )
    boxes = [f"{name} 95 71 226 {313 + n}" for n, name in enumerate(IDS)]
    (root / "list_bbox_celeba.txt").write_text("\n".join(["12", "x_1 y_1 width height", *boxes]))
    listing = CelebA(root).listing
    assert listing.roles["lefteye_x"] == "statistic"
    assert listing.samples["lefteye_x"].tolist() == [69.0 + n for n in range(12)]
    assert listing.samples["bbox_height"].tolist() == [313.0 + n for n in range(12)]
    assert "bbox_height" not in listing.roles


def test_without_a_partition_persons_are_kept_together(root, tmp_path):
    (root / "list_eval_partition.txt").unlink()
    persons = [f"{name} {n // 2}\n" for n, name in enumerate(IDS)]
    (root / "identity_CelebA.txt").write_text("".join(persons))
    source = CelebA(root)
    folder = prepare(source, "celeba", tmp_path / "data", side=32, shares=Shares(0.2, 0.2))
    assert (folder.samples().groupby("identity")["split"].nunique() == 1).all()
    assert "there is no published split" in folder.description["notes"][0]


@pytest.mark.parametrize(
    ("damage", "match"),
    [
        (lambda root: shutil.rmtree(root), "is not a folder.*--root"),
        (lambda root: shutil.rmtree(root / "img_align_celeba"), "no img_align_celeba"),
        (lambda root: (root / "list_attr_celeba.txt").unlink(), "no list_attr_celeba.txt"),
        (
            lambda root: (root / "list_eval_partition.txt").write_text(f"{IDS[0]} 0\n"),
            r"000002\.jpg has no row in list_eval_partition\.txt.*\(and 10 more\)",
        ),
        (
            lambda root: (root / "img_align_celeba.zip").write_bytes(b"<html>quota</html>"),
            "img_align_celeba.zip is not a whole archive",
        ),
    ],
)
def test_a_folder_that_is_not_as_published(root, tmp_path, damage, match):
    damage(root)
    with pytest.raises(DataError, match=match):
        prepare(CelebA(root), "celeba", tmp_path / "data", side=32)
    assert not (tmp_path / "data").exists()


def test_a_picture_of_another_size_is_refused_by_name(root, tmp_path):
    Image.new("RGB", (64, 64)).save(root / "img_align_celeba" / IDS[4])
    with pytest.raises(DataError, match=r"000005\.jpg has 64x64 pixels, not the 178x218"):
        prepare(CelebA(root), "celeba", tmp_path / "data", side=32)
    folder = prepare(CelebA(root), "celeba", tmp_path / "data", side=32, on_bad="skip")
    assert len(folder.samples()) == len(folder.images()) == 11
    assert IDS[4] not in set(folder.samples()["image_id"])


def test_pictures_that_fit_no_label(root):
    for number, name in enumerate(IDS):
        path = root / "img_align_celeba" / name
        path.rename(path.with_name(f"9{number:05d}.jpg"))
    with pytest.raises(DataError, match="none of the 12 pictures"):
        _ = CelebA(root).listing.samples


def test_a_data_folder_opens_its_source_again(root, tmp_path):
    folder = prepare(CelebA(root), "celeba", tmp_path / "data", side=32)
    assert folder.images().shape == (12, 32, 32, 3)
    assert str(tmp_path) not in (folder.path / "data.yaml").read_text()
    assert np.array_equal(originals(folder).original(2), CelebA(root).original(2))


def test_a_bad_picture_leaves_no_data_folder(root, tmp_path):
    path = root / "img_align_celeba" / IDS[6]
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(DataError, match=r"000007\.jpg cannot be decoded"):
        prepare(CelebA(root), "celeba", tmp_path / "data", side=32)
    assert [path.name for path in tmp_path.iterdir()] == ["celeba"]


@pytest.mark.real
def test_real_pictures_against_the_reference_way(shared_data):
    root = shared_data / "celeba"
    source = CelebA(root)
    assert len(source.listing.samples) == 2000
    assert source.listing.samples["split"].value_counts().to_dict() == {
        "train": 1590,
        "valid": 206,
        "test": 204,
    }
    assert source.listing.samples["identity"].nunique() == 1759
    ids = (root / "celeba64_ref500_ids.txt").read_text().split()
    assert source.listing.samples["image_id"][:500].tolist() == ids
    reference = np.load(root / "celeba64_ref500.npy").astype(int)
    difference = np.abs(source.read(0, 500, 64).images - reference)
    assert difference.max() <= 1
    assert difference.mean() <= 0.001  # measured: 0.0002


@pytest.mark.real
def test_real_zips_join_the_full_lists(shared_data):
    source = CelebA(shared_data / "celeba", labels=shared_data / "celeba" / "full")
    assert len(source.listing.samples) == 10_000
    assert source.listing.samples["Male"].mean() == pytest.approx(0.415, abs=0.01)
    assert source.listing.samples["Eyeglasses"].mean() == pytest.approx(0.068, abs=0.01)
