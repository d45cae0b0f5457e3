"""Faces cut out along their masks: what is kept, what is measured, what is refused and why."""

import pickle
import shutil
import zipfile

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from latentlab.data.celeba_mask_hq import CelebAMaskHQ, read_mapping
from latentlab.data.images import BadPicture
from latentlab.data.part_masks import (
    AREAS,
    FACE_AND_HAIR,
    PARTS,
    STATISTICS,
    cut_out,
    measure,
    merged,
)
from latentlab.data.prepared import prepare, reopen
from latentlab.data.splits import Shares
from latentlab.errors import ConfigError, DataError
from latentlab.landmarks import statistics
from latentlab.settings import settings_model

SIDE = 100  # of the masks; the pictures are twice as large
# Rows and columns of each part, in a face whose skin runs on under everything but the hair.
FACE = {
    "skin": (30, 70, 30, 60),
    "nose": (45, 50, 42, 48),
    "l_eye": (40, 42, 50, 55),
    "r_eye": (40, 42, 35, 40),
    "mouth": (55, 60, 40, 50),
    "u_lip": (53, 56, 40, 50),
    "hair": (20, 80, 25, 35),
    "neck": (65, 90, 40, 50),
}
AREA = {  # counted by hand, in pixels of the 100x100
    "mouth_area": 40,  # its first row is under the lip
    "lip_area": 30,
    "eye_area": 20,
    "brow_area": 0,
    "hair_area": 600,
    "face_area": 40 * 25 - 5 * 10,  # without the columns under the hair and the neck's overlap
    "hair_below_chin_area": 10 * 10,
}


def masks_of(boxes, side=SIDE):
    masks = {}
    for part, (top, bottom, left, right) in boxes.items():
        masks[part] = np.zeros((side, side), bool)
        masks[part][top:bottom, left:right] = True
    return masks


def write_parts(folder, number, masks):
    place = folder / str(number // 2000)
    place.mkdir(parents=True, exist_ok=True)
    for part, mask in masks.items():
        pixels = np.repeat(mask[..., None], 3, axis=2) * np.uint8(255)
        Image.fromarray(pixels).save(place / f"{number:05d}_{part}.png")


def write_map(folder, number, masks, mode):
    """Painted one after the other, as the published script does."""
    classes = np.zeros((SIDE, SIDE), np.uint8)
    for part in PARTS:
        if part in masks:
            classes[masks[part]] = PARTS.index(part) + 1
    picture = Image.fromarray(classes)
    if mode == "P":
        picture.putpalette(np.random.default_rng(0).integers(0, 256, 768).tolist())
    folder.mkdir(exist_ok=True)
    picture.save(folder / f"{number}.png")


NUMBERS = (3, 12, 2013, 2014, 29999, 7)


@pytest.fixture
def root(tmp_path):
    """Six pictures of one face in pure colours, masks of both kinds, labels, and CelebA's."""
    root = tmp_path / "CelebAMask-HQ"
    pictures = root / "CelebA-HQ-img"
    pictures.mkdir(parents=True)
    for number in NUMBERS:
        pixels = np.full((2 * SIDE, 2 * SIDE, 3), (200, 100, 50), np.uint8)
        Image.fromarray(pixels).save(pictures / f"{number}.jpg", quality=100, subsampling=0)
        write_parts(root / "CelebAMask-HQ-mask-anno", number, masks_of(FACE))
    rows = [f"{number}.jpg  {1 if number % 2 else -1} -1" for number in NUMBERS]
    attributes = "\n".join([str(len(rows)), "Smiling Male", *rows])
    (root / "CelebAMask-HQ-attribute-anno.txt").write_text(attributes + "\n")
    mapping = [f"{number}  {number + 99}  {number + 100:06d}.jpg" for number in NUMBERS]
    text = "\n".join(["idx      orig_idx  orig_file", *mapping])
    (root / "CelebA-HQ-to-CelebA-mapping.txt").write_text(text + "\n")
    celeba = tmp_path / "celeba"
    celeba.mkdir()
    names = [f"{number + 100:06d}.jpg" for number in NUMBERS]
    splits = "\n".join(f"{name} {row % 3}" for row, name in enumerate(names))
    (celeba / "list_eval_partition.txt").write_text(splits + "\n")
    persons = "\n".join(f"{name} {row // 2 + 50}" for row, name in enumerate(names))
    (celeba / "identity_CelebA.txt").write_text(persons + "\n")
    return root


def part_file(root, number, part):
    return root / "CelebAMask-HQ-mask-anno" / str(number // 2000) / f"{number:05d}_{part}.png"


def test_statistics_are_those_counted_by_hand(root):
    block = CelebAMaskHQ(root).read(0, 6, 32)
    assert list(block.measured.columns) == list(STATISTICS)
    expected = {name: pixels / SIDE**2 for name, pixels in AREA.items()}
    for _, row in block.measured.iterrows():
        assert row.to_dict() == pytest.approx(expected)


@pytest.mark.parametrize("mode", ["P", "L"])
def test_merged_maps_and_overlapping_parts_give_the_same(root, mode):
    expected = CelebAMaskHQ(root).read(0, 6, 32)
    folder = root / "merged_19class"
    for number in NUMBERS:
        write_map(folder, number, masks_of(FACE), mode)
    for source in (CelebAMaskHQ(root, masks=folder), None):
        if source is None:  # and the folder is found by its name
            shutil.rmtree(root / "CelebAMask-HQ-mask-anno")
            source = CelebAMaskHQ(root)
        assert "merged maps" in source.listing.notes[0]
        block = source.read(0, 6, 32)
        assert np.array_equal(block.images, expected.images)
        assert np.array_equal(block.masks, expected.masks)
        pd.testing.assert_frame_equal(block.measured, expected.measured)


def test_the_kept_region_is_in_the_middle_with_its_margin(root):
    # Kept: rows 20..79, columns 25..59, so 60 high; with 6 pixels on every side, 72.
    source = CelebAMaskHQ(root, background=(0, 0, 255))
    block = source.read(0, 1, 72)
    rows, columns = np.nonzero(block.masks[0])
    assert (rows.min(), rows.max()) == (6, 65)
    assert (columns.min(), columns.max()) == (18, 52)  # (72 - 35) // 2
    # Painted at full resolution, and not resized: every pixel is the picture or the background.
    assert set(np.unique(block.masks[0])) == {0, 255}
    inside = block.images[0][block.masks[0] == 255].astype(int)
    assert np.abs(inside - (200, 100, 50)).max() <= 2
    assert (block.images[0][block.masks[0] == 0] == (0, 0, 255)).all()
    assert block.masks[0, 6 + 65 - 20 :, 18 + 40 - 25 : 18 + 50 - 25].max() == 0  # the neck


def test_edges_of_the_mask_say_how_much_is_covered(root):
    block = CelebAMaskHQ(root, parts=("hair",), margin=0.0).read(0, 1, 16)
    assert block.masks[0].mean() / 255 == pytest.approx(60 * 10 / 60**2, abs=0.005)
    assert len(np.unique(block.masks[0])) > 2
    cover = block.masks[0][..., None] / 255
    assert np.abs(block.images[0] - cover * (200, 100, 50)).max() <= 2


def test_what_lies_outside_the_picture_is_background():
    region = np.zeros((40, 40), bool)
    region[:40, :10] = True
    layers = cut_out(np.full((40, 40, 3), 9, np.uint8), region, 0.25, (1, 2, 3))
    assert layers.shape == (60, 60, 4)
    assert (layers[10:50, 25:35] == (9, 9, 9, 255)).all()
    assert (layers[..., 3] == 255).sum() == region.sum()
    assert (layers[layers[..., 3] == 0][:, :3] == (1, 2, 3)).all()


@pytest.mark.parametrize("seed", range(5))
def test_areas_of_single_parts_add_up_to_what_is_covered(seed):
    rng = np.random.default_rng(seed)
    masks = {part: rng.random((30, 20)) < 0.3 for part in PARTS}
    classes = merged(masks)
    assert ((classes > 0) == np.any(list(masks.values()), axis=0)).all()
    for part in PARTS:  # a part is hidden by those on top of it, and by nothing else
        above = [masks[other] for other in PARTS[PARTS.index(part) + 1 :]]
        seen = masks[part] & ~np.any([*above, np.zeros((30, 20), bool)], axis=0)
        assert ((classes == PARTS.index(part) + 1) == seen).all()
    measured = measure(classes)
    assert all(measured[name] >= 0 for name in AREAS)


def test_no_skin_no_chin_and_no_mouth_no_area():
    measured = measure(np.full((4, 4), PARTS.index("hair") + 1, np.uint8))
    assert np.isnan(measured.pop("hair_below_chin_area"))
    assert measured.pop("hair_area") == 1
    assert set(measured.values()) == {0}


def test_statistics_do_not_take_the_names_of_the_landmarks():
    assert not set(STATISTICS) & set(statistics.STATISTICS)


def test_the_original_is_whole_and_unpainted(root):
    source = pickle.loads(pickle.dumps(CelebAMaskHQ(root)))
    assert source.original(0).shape == (2 * SIDE, 2 * SIDE, 3)
    assert source.original(0).min() > 40


def test_a_data_folder_holds_masks_and_statistics_and_opens_its_source(root, tmp_path):
    source = CelebAMaskHQ(root, parts=("skin", "hair"), celeba=root.parent / "celeba")
    folder = prepare(source, "celeba_mask_hq", tmp_path / "data", side=28)
    assert folder.masks().shape == (6, 28, 28)
    assert folder.description["columns"]["statistic"] == list(STATISTICS)
    assert folder.samples()["hair_area"].tolist() == pytest.approx([0.06] * 6)
    again = reopen(folder)
    assert (again.parts, again.background) == (source.parts, source.background)
    assert np.array_equal(again.original(2), source.original(2))


def test_labels_join_through_numbers_and_the_mapping(root):
    listing = CelebAMaskHQ(root, celeba=root.parent / "celeba").listing
    samples = listing.samples.set_index("image_id")
    assert samples.index.tolist() == [f"{number}.jpg" for number in sorted(NUMBERS)]
    for row, number in enumerate(NUMBERS):
        sample = samples.loc[f"{number}.jpg"]
        assert sample["Smiling"] == (number % 2 == 1)
        assert not sample["Male"]
        assert sample["split"] == ("train", "valid", "test")[row % 3]
        assert sample["identity"] == row // 2 + 50
    assert listing.roles["Smiling"] == "attribute"
    assert {listing.roles[name] for name in STATISTICS} == {"statistic"}
    assert listing.refused == ()
    assert listing.label_rows == listing.labelled.sum() == 6


def test_the_mapping_is_the_same_with_and_without_its_header(root):
    path = root / "CelebA-HQ-to-CelebA-mapping.txt"
    expected = read_mapping(path)
    assert expected[2013] == "002113.jpg"
    path.write_text("\n".join(path.read_text().splitlines()[1:]) + "\n")
    pd.testing.assert_series_equal(read_mapping(path), expected)


def test_the_folder_may_lie_one_deeper_and_labels_one_higher(root):
    expected = CelebAMaskHQ(root).listing.samples
    pd.testing.assert_frame_equal(CelebAMaskHQ(root.parent).listing.samples, expected)
    for path in root.glob("*.txt"):
        shutil.move(path, root.parent / path.name)
    pd.testing.assert_frame_equal(CelebAMaskHQ(root).listing.samples, expected)
    labels = root.parent / "labels"
    labels.mkdir()
    for path in root.parent.glob("*.txt"):
        shutil.move(path, labels / path.name)
    pd.testing.assert_frame_equal(CelebAMaskHQ(root, labels=labels).listing.samples, expected)


def test_zips_give_the_same_as_folders(root):
    expected = CelebAMaskHQ(root).read(0, 6, 16)
    for name in ("CelebA-HQ-img", "CelebAMask-HQ-mask-anno"):
        with zipfile.ZipFile(root / f"{name}.zip", "w") as file:
            for path in sorted((root / name).rglob("*.*")):
                file.write(path, path.relative_to(root).as_posix())
        shutil.rmtree(root / name)
    assert np.array_equal(CelebAMaskHQ(root).read(0, 6, 16).images, expected.images)


def test_without_attributes_it_says_so_and_goes_on(root):
    (root / "CelebAMask-HQ-attribute-anno.txt").unlink()
    listing = CelebAMaskHQ(root).listing
    assert "no attributes" in listing.notes[-1]
    assert set(listing.roles.values()) == {"statistic"}
    assert CelebAMaskHQ(root).read(0, 6, 16).images.shape == (6, 16, 16, 3)


def test_a_picture_without_a_label_row_has_unknown_attributes(root):
    path = root / "CelebAMask-HQ-attribute-anno.txt"
    lines = path.read_text().splitlines()
    path.write_text("\n".join(["5", lines[1], *lines[3:]]) + "\n")  # without 3.jpg
    listing = CelebAMaskHQ(root).listing
    assert listing.samples["Smiling"].isna().tolist() == [True, *[False] * 5]
    assert listing.labelled.tolist() == [False, *[True] * 5]
    assert "1 pictures have no row" in listing.notes[-1]


def test_a_label_row_without_a_picture_is_harmless(root):
    (root / "CelebA-HQ-img" / "12.jpg").unlink()
    listing = CelebAMaskHQ(root).listing
    (refused,) = listing.refused
    assert (refused.name, refused.what, refused.harmless) == ("12.jpg", "label row", True)
    assert "masks of 1 pictures" in " ".join(listing.notes)


def test_persons_that_celeba_does_not_name_are_unknown(root):
    celeba = root.parent / "celeba"
    rows = (celeba / "identity_CelebA.txt").read_text().splitlines()
    (celeba / "identity_CelebA.txt").write_text("\n".join(rows[1:]) + "\n")
    listing = CelebAMaskHQ(root, celeba=celeba).listing
    assert listing.samples["identity"].isna().tolist() == [True, *[False] * 5]
    assert "1 of 6 pictures have no good row in identity_CelebA.txt" in " ".join(listing.notes)


def without_masks(root):
    for path in (root / "CelebAMask-HQ-mask-anno").rglob("02013_*.png"):
        path.unlink()


def nothing_kept(root):
    without_masks(root)
    write_parts(root / "CelebAMask-HQ-mask-anno", 2013, masks_of({"neck": (0, 9, 0, 9)}))


def small_mask(root):
    Image.new("RGB", (50, 50)).save(part_file(root, 2013, "hair"))


def small_masks(root):
    for path in (root / "CelebAMask-HQ-mask-anno").rglob("02013_*.png"):
        Image.new("RGB", (100, 80)).save(path)


def cut_mask(root):
    path = part_file(root, 2013, "skin")
    path.write_bytes(path.read_bytes()[:60])


def transparent_mask(root):
    Image.new("RGBA", (SIDE, SIDE), (255, 255, 255, 0)).save(part_file(root, 2013, "skin"))


def cut_picture(root):
    path = root / "CelebA-HQ-img" / "2013.jpg"
    path.write_bytes(path.read_bytes()[:-400])


def mask_twice(root):
    path = part_file(root, 2013, "hair")
    shutil.copy(path, path.with_name("2013_hair.png"))


REFUSALS = [
    (without_masks, "has no mask in CelebAMask-HQ-mask-anno"),
    (nothing_kept, "has none of the parts that are kept"),
    (small_mask, "has masks that differ in size: hair 50x50, skin 100x100"),
    (small_masks, "has 200x200 pixels, its mask 100x80"),
    (cut_mask, "has a mask that cannot be used: 1/02013_skin.png cannot be decoded"),
    (
        transparent_mask,
        "has a mask that cannot be used: 1/02013_skin.png is no plain black and white picture",
    ),
    (cut_picture, "cannot be decoded"),
    (mask_twice, "has two masks"),
]


@pytest.mark.parametrize(
    ("damage", "reason"), REFUSALS, ids=lambda value: getattr(value, "__name__", "")
)
def test_what_cannot_be_used_is_refused_by_name(root, tmp_path, damage, reason):
    damage(root)
    source = CelebAMaskHQ(root, celeba=root.parent / "celeba")
    with pytest.raises(DataError, match=r"^2013\.jpg " + reason.replace("(", r"\(")):
        prepare(source, "celeba_mask_hq", tmp_path / "data", side=28)
    folder = prepare(
        source, "celeba_mask_hq", tmp_path / "data", side=28, split="random",
        shares=Shares(valid=0.35, test=0.35), on_bad="skip",
    )  # fmt: skip
    assert folder.refused()["name"].tolist() == ["2013.jpg"]
    assert folder.samples()["image_id"].tolist() == [
        f"{number}.jpg" for number in sorted(NUMBERS) if number != 2013
    ]
    assert len(folder.masks()) == len(folder.images()) == 5
    census = folder.description["census"]
    assert census["pictures"] == {"found": 6, "used": 5, "refused": 1, "left_out": 0}
    assert census["label_rows"] == {"found": 6, "used": 5, "refused": 1, "left_out": 0}


@pytest.mark.parametrize(
    ("classes", "reason"),
    [
        (np.full((SIDE, SIDE), 19, np.uint8), "2013.png has the class 19, where 18 is the last"),
        (np.zeros((SIDE, SIDE, 3), np.uint8), "2013.png is RGB"),
        (np.zeros((SIDE, SIDE), np.uint8), "has none of the parts that are kept"),
        (np.ones((SIDE, SIDE - 10), np.uint8), "has 200x200 pixels, its mask 90x100"),
    ],
    ids=["class 19", "colours", "empty", "not square"],
)
def test_a_map_that_is_none_is_refused_by_name(root, classes, reason):
    folder = root / "masks"
    for number in NUMBERS:
        write_map(folder, number, masks_of(FACE), "P")
    Image.fromarray(classes).save(folder / "2013.png")
    block = CelebAMaskHQ(root, masks=folder).read(0, 6, 16)
    (refused,) = block.refused
    assert refused.name == "2013.jpg"
    assert reason in refused.reason
    assert block.used.tolist() == [name != 2013 for name in sorted(NUMBERS)]
    assert len(block.images) == len(block.masks) == len(block.measured) == 5


def test_a_block_may_have_nothing_left(root):
    for path in (root / "CelebA-HQ-img").iterdir():
        path.write_bytes(b"")
    block = CelebAMaskHQ(root).read(0, 6, 16)
    assert block.images.shape == (0, 16, 16, 3)
    assert block.measured.shape == (0, len(STATISTICS))
    assert [one.reason for one in block.refused] == ["is an empty file"] * 6


def test_a_limit_takes_pictures_evenly(root):
    listing = CelebAMaskHQ(root, limit=3).listing
    assert listing.samples["image_id"].tolist() == ["3.jpg", "12.jpg", "29999.jpg"]
    assert listing.left_out == (3, 3)


@pytest.mark.parametrize("setting", [{"background": (0, 0, 256)}, {"margin": -0.1}, {"parts": "x"}])
def test_settings_out_of_range_are_refused(tmp_path, setting):
    with pytest.raises(ValueError, match=next(iter(setting))):
        settings_model(CelebAMaskHQ).model_validate({"root": tmp_path, **setting})


def test_a_picture_without_a_number_is_refused_by_name(root):
    shutil.copy(root / "CelebA-HQ-img" / "3.jpg", root / "CelebA-HQ-img" / "cover.jpg")
    listing = CelebAMaskHQ(root).listing
    assert [one.name for one in listing.refused] == ["cover.jpg"]
    assert listing.found == 7


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda root: shutil.rmtree(root), "is not a folder.*--root"),
        (lambda root: shutil.rmtree(root / "CelebA-HQ-img"), "no CelebA-HQ-img folder or zip"),
        (lambda root: shutil.rmtree(root / "CelebAMask-HQ-mask-anno"), "has no masks.*--masks"),
        (
            lambda root: write_map(root / "CelebAMask-HQ-mask-anno", 3, {}, "L"),
            "masks of parts as well as merged ones",
        ),
        (
            lambda root: (root / "CelebA-HQ-to-CelebA-mapping.txt").unlink(),
            "has no CelebA-HQ-to-CelebA-mapping.txt",
        ),
        (
            lambda root: (root / "CelebA-HQ-to-CelebA-mapping.txt").write_text("0 0\n"),
            "has 2 columns, where 3 are expected",
        ),
        (
            lambda root: (root / "CelebA-HQ-to-CelebA-mapping.txt").write_text("a 1 000001.jpg\n"),
            "line 1 starts with 'a'",
        ),
        (
            lambda root: shutil.copy(
                root / "CelebA-HQ-img" / "3.jpg", root / "CelebA-HQ-img" / "03.jpg"
            ),
            "both of number 3",
        ),
        (
            lambda root: (root / "CelebAMask-HQ-attribute-anno.txt").write_text(
                "1\nSmiling\n5.jpg 1\n"
            ),
            "none of the 6 pictures",
        ),
        (lambda root: shutil.rmtree(root.parent / "celeba"), "has neither"),
    ],
)
def test_a_folder_that_is_not_as_published(root, change, match):
    change(root)
    with pytest.raises(DataError, match=match):
        _ = CelebAMaskHQ(root, celeba=root.parent / "celeba").listing


def test_unknown_parts_are_told_with_the_nearest_known(tmp_path):
    with pytest.raises(ConfigError, match=r"unknown part `l_eyes`.*`l_eye`"):
        CelebAMaskHQ(tmp_path, parts=("skin", "l_eyes"))
    with pytest.raises(ConfigError, match="keeps nothing"):
        CelebAMaskHQ(tmp_path, parts=())


def test_clothes_neck_hat_and_jewellery_are_not_kept_by_default():
    assert set(PARTS) - set(FACE_AND_HAIR) == {"hat", "ear_r", "neck_l", "neck", "cloth"}


def test_masks_that_differ_in_size_are_not_merged():
    with pytest.raises(BadPicture, match="differ in size"):
        merged({"skin": np.ones((4, 4), bool), "hair": np.ones((4, 5), bool)})


# --- the real sample ---
