"""The real sample of CelebAMask-HQ: labels, both kinds of masks, areas, statistics."""

import lzma

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from latentlab.data.celeba_mask_hq import CelebAMaskHQ, read_mapping
from latentlab.data.part_masks import (
    FACE_AND_HAIR,
    PARTS,
)


def real(shared_data, kind, masks=None):
    root = shared_data / "celebamask_hq" / kind
    return CelebAMaskHQ(
        root, masks=root / masks if masks else None, celeba=shared_data / "celeba" / "full"
    )


def attribute_text(shared_data):
    """The attribute file, read by nothing of ours."""
    lines = (shared_data / "celebamask_hq" / "CelebAMask-HQ-attribute-anno.txt").read_text()
    _, names, *rows = lines.splitlines()
    table = {row.split()[0]: [int(cell) for cell in row.split()[1:]] for row in rows}
    return pd.DataFrame.from_dict(table, orient="index", columns=names.split())


@pytest.mark.real
@pytest.mark.parametrize(("kind", "count"), [("original", 15), ("reconstructed", 114)])
def test_real_labels_join(shared_data, kind, count):
    listing = real(shared_data, kind).listing
    samples = listing.samples.set_index("image_id")
    assert len(samples) == count
    text = attribute_text(shared_data)
    for name in text.columns:
        assert samples[name].sum() == (text.loc[samples.index, name] == 1).sum()
    males, glasses = {"original": (4, 0), "reconstructed": (47, 8)}[kind]
    assert (samples["Male"].sum(), samples["Eyeglasses"].sum()) == (males, glasses)
    assert all(one.harmless and one.what == "label row" for one in listing.refused)
    assert len(listing.refused) == 129 - count

    mapping = (shared_data / "celebamask_hq" / "CelebA-HQ-to-CelebA-mapping.txt").read_text()
    celeba = {row.split()[0]: row.split()[2] for row in mapping.splitlines()}
    for column, name in (("split", "list_eval_partition"), ("identity", "identity_CelebA")):
        with lzma.open(shared_data / "celeba" / "full" / f"{name}.txt.xz", "rt") as file:
            known = dict(line.split() for line in file)
        for image_id, value in samples[column].items():
            told = int(known[celeba[image_id.removesuffix(".jpg")]])
            assert value == (("train", "valid", "test")[told] if column == "split" else told)


@pytest.mark.real
def test_real_matches_lead_to_the_same_celeba_pictures(shared_data):
    folder = shared_data / "celebamask_hq"
    mapping = read_mapping(folder / "CelebA-HQ-to-CelebA-mapping.txt")
    assert len(mapping) == 30_000
    matches = pd.read_csv(folder / "reconstructed" / "matches.tsv", sep="\t")
    assert mapping[matches["hq_idx"]].tolist() == matches["celeba_file"].tolist()


@pytest.mark.real
def test_real_maps_and_parts_agree(shared_data):
    parts = real(shared_data, "reconstructed").read(0, 114, 32)
    maps = real(shared_data, "reconstructed", "merged_19class").read(0, 114, 32)
    assert parts.used.all()
    assert parts.refused == maps.refused == ()
    assert np.array_equal(parts.images, maps.images)
    assert np.array_equal(parts.masks, maps.masks)
    pd.testing.assert_frame_equal(parts.measured, maps.measured)


@pytest.mark.real
@pytest.mark.parametrize("kind", ["original", "reconstructed"])
def test_real_masks_keep_their_area_when_they_shrink(shared_data, kind):
    source = real(shared_data, kind)
    count = len(source.listing.samples)
    block = source.read(0, count, 64)
    assert block.images.shape == (count, 64, 64, 3)
    folder = source.root / "CelebAMask-HQ-mask-anno"
    for row, name in enumerate(source.listing.samples["image_id"]):
        number = int(name.removesuffix(".jpg"))
        region = np.zeros((512, 512), bool)
        for part in PARTS:  # later parts over earlier ones, as the published script paints them
            path = folder / str(number // 2000) / f"{number:05d}_{part}.png"
            if path.exists():
                region[np.asarray(Image.open(path))[..., 0] > 0] = part in FACE_AND_HAIR
        rows, columns = np.nonzero(region)
        larger = max(np.ptp(rows), np.ptp(columns)) + 1
        area = region.sum() / (larger + 2 * round(0.1 * larger)) ** 2
        assert block.masks[row].mean() / 255 == pytest.approx(area, abs=0.01)  # measured: 0.00007
    painted = block.masks == 0
    assert painted.mean() > 0.3
    assert (block.images[painted] == 0).all()
    assert block.masks[:, :4].max() == block.masks[:, :, :4].max() == 0  # the margin, 5 of 64


@pytest.mark.real
def test_real_statistics_fit_the_attributes(shared_data):
    """The attributes were given by other people, for other reasons, than the masks."""
    source = real(shared_data, "reconstructed", "merged_19class")
    samples, measured = source.listing.samples, source.read(0, 114, 32).measured
    for name, attribute, more in [
        ("hair_area", "Wearing_Hat", False),  # measured: 0.196 with, 0.328 without
        ("hair_area", "Bald", False),  # 0.023, 0.332
        ("hair_below_chin_area", "Male", False),  # 0.0001, 0.032
        ("mouth_area", "Mouth_Slightly_Open", True),  # 0.0062, 0.0004
        ("brow_area", "Bushy_Eyebrows", True),  # 0.0115, 0.0080
        ("lip_area", "Big_Lips", True),  # 0.0121, 0.0100
        ("eye_area", "Narrow_Eyes", False),  # 0.0036, 0.0047
    ]:
        yes = samples[attribute].to_numpy(bool)
        difference = measured[name][yes].mean() - measured[name][~yes].mean()
        assert (difference > 0) == more, (name, attribute)
