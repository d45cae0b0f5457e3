"""CelebA as published: folder, zip, both; joined to its labels; never a bad file in silence."""

import pickle
import shutil
import zipfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from latentlab.data.celeba import CelebA
from latentlab.data.prepared import prepare, reopen
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
    assert source.samples["image_id"].tolist() == IDS
    assert source.samples["Smiling"].tolist() == [n % 2 == 1 for n in range(12)]
    assert source.samples["split"].tolist() == ["train", "valid", "test"] * 4
    assert source.roles == {"Smiling": "attribute", "Male": "attribute"}
    assert "identity" not in source.samples


def test_identities_are_joined_where_they_are_known(root):
    (root / "identity_CelebA.txt").write_text(f"{IDS[3]} 77\n")
    identity = CelebA(root).samples["identity"]
    assert identity[3] == 77
    assert identity.isna().sum() == 11


def test_folder_and_zips_give_the_same_pictures(root):
    expected = CelebA(root).images(0, 12, 64)
    zipped(root, IDS[:4])
    zipped(root, IDS[6:8], "img_align_celeba_extra.zip")
    source = pickle.loads(pickle.dumps(CelebA(root)))
    assert np.array_equal(source.images(0, 12, 64), expected)
    assert np.array_equal(source.images(3, 7, 64), expected[3:7])
    assert source.original(7).shape == (218, 178, 3)


def test_a_zip_is_opened_once_and_read_by_many_threads(root, monkeypatch):
    zipped(root, IDS)
    source = CelebA(root)
    expected = source.images(0, 12, 64)
    copy = pickle.loads(pickle.dumps(source))
    opened = []
    real = zipfile.ZipFile

    def counting(path):
        opened.append(path)
        return real(path)

    monkeypatch.setattr(zipfile, "ZipFile", counting)
    with ThreadPoolExecutor(8) as pool:
        several = list(pool.map(lambda _: copy.images(0, 12, 64), range(8)))
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
    with pytest.raises(DataError, match=r"000001\.jpg cannot be read from .*celeba\.zip"):
        CelebA(root).original(0)


def test_a_limit_keeps_the_shares_of_the_splits(root):
    splits = [f"{name} {n // 4}" for n, name in enumerate(IDS)]  # in blocks, as published
    (root / "list_eval_partition.txt").write_text("\n".join(splits) + "\n")
    assert CelebA(root, limit=6).samples["split"].value_counts().tolist() == [2, 2, 2]


def test_what_has_no_label_or_no_picture_is_counted(root):
    (root / "img_align_celeba" / IDS[0]).unlink()
    shutil.copy(root / "img_align_celeba" / IDS[1], root / "img_align_celeba" / "999999.jpg")
    source = CelebA(root)
    assert len(source.samples) == 11
    assert "11 images used; 12 pictures and 12 rows of labels" in source.notes[0]


@pytest.mark.parametrize(
    ("damage", "match"),
    [
        (lambda root: shutil.rmtree(root), "is not a folder.*--root"),
        (lambda root: shutil.rmtree(root / "img_align_celeba"), "no img_align_celeba"),
        (lambda root: (root / "list_attr_celeba.txt").unlink(), "no list_attr_celeba.txt"),
        (lambda root: (root / "list_eval_partition.txt").unlink(), "no list_eval_partition.txt"),
        (
            lambda root: (root / "list_eval_partition.txt").write_text(f"{IDS[0]} 0\n"),
            "no row for 000002.jpg",
        ),
        (
            lambda root: (root / "img_align_celeba.zip").write_bytes(b"<html>quota</html>"),
            "img_align_celeba.zip is not a whole zip",
        ),
    ],
)
def test_a_folder_that_is_not_as_published(root, damage, match):
    damage(root)
    with pytest.raises(DataError, match=match):
        _ = CelebA(root).samples


def test_pictures_that_fit_no_label(root):
    for number, name in enumerate(IDS):
        path = root / "img_align_celeba" / name
        path.rename(path.with_name(f"9{number:05d}.jpg"))
    with pytest.raises(DataError, match="none of the 12 pictures"):
        _ = CelebA(root).samples


def test_a_data_folder_opens_its_source_again(root, tmp_path):
    folder = prepare(CelebA(root), "celeba", tmp_path / "data", side=32)
    assert folder.images().shape == (12, 32, 32, 3)
    assert str(tmp_path) not in (folder.path / "data.yaml").read_text()
    assert np.array_equal(reopen(folder).original(2), CelebA(root).original(2))


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
    assert len(source.samples) == 2000
    assert source.samples["split"].value_counts().to_dict() == {
        "train": 1590,
        "valid": 206,
        "test": 204,
    }
    assert source.samples["identity"].nunique() == 1759
    ids = (root / "celeba64_ref500_ids.txt").read_text().split()
    assert source.samples["image_id"][:500].tolist() == ids
    reference = np.load(root / "celeba64_ref500.npy").astype(int)
    difference = np.abs(source.images(0, 500, 64) - reference)
    assert difference.mean() <= 1  # measured: 0


@pytest.mark.real
def test_real_zips_join_the_full_lists(shared_data):
    source = CelebA(shared_data / "celeba", labels=shared_data / "celeba" / "full")
    assert len(source.samples) == 10_000
    assert source.samples["Male"].mean() == pytest.approx(0.415, abs=0.01)
    assert source.samples["Eyeglasses"].mean() == pytest.approx(0.068, abs=0.01)
