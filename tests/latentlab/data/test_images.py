"""Pictures in, pixels out as a person would see them, or a reason that follows the name."""

import io

import numpy as np
import pytest
from PIL import Image

from latentlab.data import images
from latentlab.data.images import BadPicture, central_square, decode, grey, read_pictures, resized
from latentlab.errors import DataError
from tests.latentlab.data import hostile
from tests.latentlab.data.hostile.pieces import saved, smooth

ODD = [odd for seed in range(3) for odd in hostile.odd_images(seed)]


def test_there_are_enough_odd_pictures_of_every_format():
    assert len({odd.name for odd in ODD}) >= 40
    formats = {Image.open(io.BytesIO(odd.content)).format for odd in ODD}
    assert formats - {"MPO"} == set(images.FORMATS)  # which is a JPEG with more behind it


@pytest.mark.filterwarnings("ignore")  # Pillow notes what it can mend
@pytest.mark.parametrize("odd", ODD, ids=lambda odd: odd.name)
def test_an_odd_picture_is_read_as_a_person_would_see_it(odd):
    decoded = decode(odd.content)
    assert decoded.pixels.shape == odd.pixels.shape
    assert decoded.pixels.dtype == np.uint8
    assert np.abs(decoded.pixels.astype(int) - odd.pixels).max() <= odd.loss
    assert sorted(decoded.noticed) == sorted(odd.noticed)


def test_what_was_noticed_is_counted():
    names = [odd.name for odd in ODD[: len(ODD) // 3]]
    fetch = {odd.name: odd.content for odd in ODD}.__getitem__
    block = read_pictures(names, fetch, lambda pixels: pixels[:1, :1], 8)
    expected: dict[str, int] = {}
    for odd in ODD[: len(ODD) // 3]:
        for what in odd.noticed:
            expected[what] = expected.get(what, 0) + 1
    assert dict(block.noticed) == expected
    assert set(expected) == {hostile.TURNED, hostile.LAID, hostile.DEEP, hostile.MOVING}
    assert block.used.all()


@pytest.mark.parametrize(
    ("settings", "mode"),
    [
        ({}, "RGB"), ({"progressive": True}, "RGB"), ({"subsampling": 0}, "RGB"),
        ({"subsampling": 1}, "RGB"), ({"quality": 20}, "RGB"), ({"keep_rgb": True}, "RGB"),
        ({"restart_marker_rows": 2}, "RGB"), ({}, "L"), ({"optimize": True}, "L"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("seed", range(3))
def test_the_fast_way_gives_what_pillow_gives(settings, mode, seed):
    rng = np.random.default_rng(seed)
    size = tuple(int(side) for side in rng.integers(1, 90, 2))
    noise = Image.fromarray(rng.integers(0, 256, (*size, 3), dtype=np.uint8)).convert(mode)
    content = saved(noise, "JPEG", **settings)
    expected = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
    assert np.array_equal(decode(content).pixels, expected)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", range(4))
def test_damage_gives_pixels_or_a_reason_and_nothing_else(seed):
    rng = np.random.default_rng(seed)
    outcomes = set()
    for content in hostile.whole_pictures(rng).values():
        for _ in range(40):
            damaged = bytearray(content)
            for place in rng.integers(0, min(len(content), 500), 4):
                damaged[place] = rng.integers(0, 256)
            try:
                pixels = decode(bytes(damaged)).pixels
                assert pixels.dtype == np.uint8
                assert pixels.ndim == 3
                outcomes.add("pixels")
            except BadPicture as error:
                assert str(error)
                outcomes.add("reason")
    assert outcomes == {"pixels", "reason"}


@pytest.mark.parametrize("seed", range(5))
def test_no_single_wrong_bit_in_a_png_goes_unseen(seed):
    rng = np.random.default_rng(seed)
    for content in (saved(smooth(rng), "PNG"), hostile.deep_png(smooth(rng).astype(np.uint16))):
        for place in rng.integers(0, len(content), 60):
            bit = content[place] ^ 1 << int(rng.integers(8))
            with pytest.raises(BadPicture):
                decode(hostile.patched(content, int(place), bytes([bit])))


def test_fifty_million_pixels_are_the_most(monkeypatch):
    content = saved(np.zeros((40, 25, 3), np.uint8), "PNG")
    monkeypatch.setattr(images, "MOST_PIXELS", 1000)
    assert decode(content).pixels.shape == (40, 25, 3)
    monkeypatch.setattr(images, "MOST_PIXELS", 999)
    with pytest.raises(BadPicture, match="has 25x40 pixels, more than 999"):
        decode(content)


def test_the_square_is_central():
    picture = np.zeros((218, 178, 3), dtype=np.uint8)
    picture[35 : 35 + 148, 15 : 15 + 148] = 200
    square = central_square(picture, 148)
    assert square.shape == (148, 148, 3)
    assert (square == 200).all()
    assert central_square(picture).shape == (178, 178, 3)


def test_a_picture_smaller_than_the_crop_is_refused():
    with pytest.raises(BadPicture, match="has 100x218 pixels, too few for a crop of 148"):
        central_square(np.zeros((218, 100, 3), np.uint8), 148)


@pytest.mark.parametrize("seed", range(3))
def test_resizing_agrees_with_pillow_within_one_level(seed):
    rng = np.random.default_rng(seed)
    sizes = [(40, 40), (148, 148), (20, 31), (64, 64), (148, 148)]
    pictures = [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in sizes]
    shrunk = resized(pictures, 64)
    for picture, small in zip(pictures, shrunk, strict=True):
        expected = Image.fromarray(picture).resize((64, 64), Image.Resampling.BILINEAR)
        assert np.abs(small.astype(int) - np.asarray(expected)).max() <= 1


def test_shrinking_averages_what_it_leaves_out():
    noise = np.random.default_rng(0).integers(0, 256, (148, 148, 3), dtype=np.uint8)
    small = resized([noise], 16)[0]
    assert small.std() < 0.25 * noise.std()  # without antialiasing it would stay the same


def test_grey_is_pillows_luminance():
    rng = np.random.default_rng(0)
    colours = rng.integers(0, 256, (50, 50, 3), dtype=np.uint8)
    expected = np.asarray(Image.fromarray(colours).convert("L"))
    assert np.array_equal(grey(colours)[..., 0], expected)


def test_the_order_is_kept_and_refusals_carry_the_name():
    rng = np.random.default_rng(0)
    files = {f"{n:03d}.png": saved(np.full((9, 9, 3), n, np.uint8), "PNG") for n in range(100)}
    bad = {f"{n:03d}.png" for n in rng.permutation(100)[:30]}
    names = list(files)

    def fetch(name):
        if name in bad and int(name[:3]) % 2:
            raise BadPicture("is a pipe")
        return b"" if name in bad else files[name]

    block = read_pictures(names, fetch, central_square, 4)
    assert [one.name for one in block.refused] == sorted(bad)
    assert {one.reason for one in block.refused} == {"is a pipe", "is an empty file"}
    assert block.used.tolist() == [name not in bad for name in names]
    left = [int(name[:3]) for name in names if name not in bad]
    assert block.images[:, 0, 0, 0].tolist() == left


def test_the_original_of_a_bad_picture_is_an_error_that_names_it():
    with pytest.raises(DataError, match=r"^here/a\.jpg is an empty file\.$"):
        images.decoded_original("here/a.jpg", lambda name: b"")
