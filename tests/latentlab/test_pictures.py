"""Sheets and files of pictures: what is written is what is read back."""

import io

import numpy as np
import pytest
from PIL import Image

from latentlab.errors import ConfigError
from latentlab.pictures import (
    animation,
    frames_there,
    from_png,
    kind_of,
    labelled,
    png,
    still,
    there_and_back,
    tile,
    untile,
)


def some(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize("channels", [1, 3])
def test_untile_takes_a_sheet_apart_as_tile_made_it(channels):
    rows = some(3, 5, 8, 8, channels)
    assert np.array_equal(untile(from_png(png(tile(list(rows)))), 8), rows)


def test_a_sheet_of_other_tiles_is_refused():
    with pytest.raises(ValueError, match="has no tiles of 9 pixels"):
        untile(tile(list(some(2, 3, 8, 8, 3))), 9)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_stills_keep_every_pixel(kind, channels):
    picture = some(20, 30, channels)
    content = still(picture, kind)
    again = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
    assert np.array_equal(again, np.broadcast_to(picture, (20, 30, 3)))
    assert still(picture, kind) == content


def test_kinds_go_by_the_ending(tmp_path):
    assert kind_of(tmp_path / "a.GIF") == "GIF"
    with pytest.raises(ConfigError, match=r"a\.png cannot be written. Let its name end in \.gif\."):
        kind_of(tmp_path / "a.png", [".gif"])


@pytest.mark.parametrize("seconds", [0.1, 1.0, 5.0])
@pytest.mark.parametrize("fps", [10, 30])
def test_there_and_back_lasts_as_long_as_asked_and_has_no_jump(seconds, fps):
    count = frames_there(seconds, fps)
    loop = there_and_back(np.arange(count))
    assert len(loop) == pytest.approx(seconds * fps, abs=1)
    closed = np.append(loop, loop[0])
    assert set(np.abs(np.diff(closed))) == {1}


@pytest.mark.parametrize("kind", ["GIF", "WEBP"])
def test_an_animation_is_read_back_with_its_frames_and_times(kind):
    frames = np.stack([np.full((16, 16, 3), value, np.uint8) for value in (0, 100, 200, 50)])
    content = animation(frames, kind, fps=25, width=32)
    assert animation(frames, kind, fps=25, width=32) == content
    with Image.open(io.BytesIO(content)) as picture:
        assert (picture.n_frames, picture.size) == (4, (32, 32))
        assert picture.info["loop"] == 0  # for ever
        for number, frame in enumerate(frames):
            picture.seek(number)
            picture.load()
            assert picture.info["duration"] == 40
            assert np.abs(np.asarray(picture.convert("RGB")).astype(int) - frame[0, 0]).max() <= 3


def test_labels_stand_beside_rows_and_above_columns():
    sheet = tile(list(np.full((2, 3, 40, 40, 3), 200, np.uint8)))
    plain, headed = labelled(sheet, ["a", "b"]), labelled(sheet, ["a", "b"], ["-3", "0", "+3"])
    head = headed.shape[0] - plain.shape[0]
    assert head > 0
    assert np.array_equal(headed[head:], plain)
    assert np.array_equal(plain[:, -sheet.shape[1] :], sheet)
    for column in range(3):
        left = headed.shape[1] - sheet.shape[1] + column * 42
        assert (headed[:head, left : left + 42] < 128).any()


def test_labels_that_would_touch_are_thinned_and_the_middle_one_stays():
    sheet = tile(list(np.full((1, 9, 10, 10, 3), 200, np.uint8)))
    above = [f"{offset:+.2f}" for offset in np.linspace(-3, 3, 9)]
    headed = labelled(sheet, ["a"], above)
    line = headed[:17, headed.shape[1] - sheet.shape[1] :]
    marked = np.flatnonzero((line < 128).any(axis=(0, 2)))
    gaps = np.flatnonzero(np.diff(marked) >= 5)  # between labels; between letters there is less
    first, last = marked[gaps[0] + 1], marked[gaps[1]]  # of the second label, which is the middle
    assert len(gaps) == 2
    assert (first + last) / 2 == pytest.approx(sheet.shape[1] / 2, abs=3)
