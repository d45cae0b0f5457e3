"""Pictures in, pixels out, or the file is named."""

import io

import numpy as np
import pytest
from PIL import Image

from latentlab.data import images
from latentlab.data.images import crop_and_resize, decode
from latentlab.errors import DataError


def jpeg(width=178, height=218):
    rng = np.random.default_rng(0)
    buffer = io.BytesIO()
    pixels = rng.integers(0, 255, (height, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(buffer, "JPEG")
    return buffer.getvalue()


@pytest.mark.parametrize("keep", [0, 10, 500, 2000])
def test_a_truncated_picture_is_named(keep):
    with pytest.raises(DataError, match=r"a\.jpg cannot be decoded"):
        decode(jpeg()[:keep], "a.jpg")


def test_a_web_page_named_jpg_is_named():
    with pytest.raises(DataError, match=r"a\.jpg cannot be decoded \(it is no picture\)"):
        decode(b"<html>quota exceeded</html>", "a.jpg")


@pytest.mark.filterwarnings("ignore")  # Pillow notes what it can mend
@pytest.mark.parametrize("format", ["JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP"])
@pytest.mark.parametrize("seed", range(5))
def test_damage_gives_a_picture_or_the_name(format, seed):
    rng = np.random.default_rng(seed)
    buffer = io.BytesIO()
    Image.fromarray(rng.integers(0, 255, (20, 30, 3), dtype=np.uint8)).save(buffer, format)
    for _ in range(40):
        content = bytearray(buffer.getvalue())
        for place in rng.integers(0, min(len(content), 400), 4):
            content[place] = rng.integers(0, 256)
        try:
            assert decode(bytes(content), "a.jpg").mode == "RGB"
        except DataError as error:
            assert str(error).startswith("a.jpg ")


def test_a_huge_picture_is_refused_before_it_is_decoded(monkeypatch):
    monkeypatch.setattr(images, "MOST_PIXELS", 1000)
    with pytest.raises(DataError, match=r"a\.jpg has 178x218 pixels"):
        decode(jpeg(), "a.jpg")


def test_the_crop_is_central():
    picture = np.zeros((218, 178, 3), dtype=np.uint8)
    picture[35 : 35 + 148, 15 : 15 + 148] = 200
    square = crop_and_resize(Image.fromarray(picture), 148, 64, "a.jpg")
    assert square.shape == (64, 64, 3)
    assert (square == 200).all()


def test_shrinking_averages_what_it_leaves_out():
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (148, 148, 3), dtype=np.uint8)
    square = crop_and_resize(Image.fromarray(noise), 148, 16, "a.jpg")
    assert square.std() < 0.25 * noise.std()  # without antialiasing it would stay the same


def test_a_picture_smaller_than_the_crop_is_named():
    with pytest.raises(DataError, match=r"a\.jpg has 100x218 pixels.*source\.crop"):
        crop_and_resize(decode(jpeg(width=100), "a.jpg"), 148, 64, "a.jpg")
