"""Generated faces: the truth they come with is the truth they show."""

import pickle

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from latentlab.data import faces
from latentlab.data.faces import ATTRIBUTES, FACTORS, Faces

MIDDLE = {
    name: 0.0 if factor.share is not None else (factor.low + factor.high) / 2
    for name, factor in FACTORS.items()
}
# Where each factor may change the picture, as shares of its height.
ROWS = {
    "smile": (0.5, 1.0),
    "mouth_opening": (0.6, 1.0),
    "eye_opening": (0.25, 0.6),
    "fringe": (0.0, 0.5),
    "brow_thickness": (0.2, 0.45),
    "glasses": (0.25, 0.65),
    "lipstick": (0.6, 1.0),
}


def pair(name, side=64):
    """The same face with one factor at either end, (2, side, side, 3)."""
    factor = FACTORS[name]
    rows = [{**MIDDLE, name: value} for value in (factor.low, factor.high)]
    return faces.render(pd.DataFrame(rows), side).astype(int)


@pytest.mark.parametrize("name", FACTORS)
def test_every_factor_shows(name):
    low, high = pair(name)
    assert (np.abs(high - low).max(axis=-1) > 20).sum() >= 12  # pixels of 4,096


@pytest.mark.parametrize(("name", "rows"), ROWS.items())
def test_a_factor_moves_its_own_part_of_the_face_only(name, rows):
    low, high = pair(name, side=100)
    moved = np.flatnonzero(np.abs(high - low).max(axis=(1, 2)) > 3)
    assert moved.min() >= 100 * rows[0]
    assert moved.max() <= 100 * rows[1]


def test_the_same_seed_gives_the_same_faces():
    first, again, other = (faces.sample_factors(50, seed) for seed in (0, 0, 1))
    pd.testing.assert_frame_equal(first, again)
    assert not np.allclose(first, other)
    assert np.array_equal(faces.render(first, 32), faces.render(again, 32))


def test_factors_are_independent_and_fill_their_ranges():
    table = faces.sample_factors(5000, 0)
    r = table.corr().to_numpy() - np.eye(len(FACTORS))
    assert np.abs(r).max() < 0.06
    for name, factor in FACTORS.items():
        assert factor.low <= table[name].min() < table[name].max() <= factor.high
        if factor.share is not None:
            assert table[name].mean() == pytest.approx(factor.share, abs=0.03)


def test_attributes_are_neither_rare_nor_common():
    labels = faces.attributes(faces.sample_factors(5000, 0))
    assert labels.columns.tolist() == list(ATTRIBUTES)
    assert labels.mean().between(0.15, 0.6).all()


@pytest.mark.parametrize("side", [28, 64, 100])
def test_a_small_picture_is_the_large_one_seen_from_afar(side):
    table = faces.sample_factors(12, 3)
    small = faces.render(table, side).astype(int)
    large = faces.render(table, 4 * side)
    shrunk = [Image.fromarray(p).resize((side, side), Image.Resampling.BOX) for p in large]
    assert np.abs(small - np.stack([np.asarray(p) for p in shrunk])).mean() < 3


def test_a_face_does_not_depend_on_the_faces_beside_it():
    table = faces.sample_factors(130, 0)
    whole = faces.render(table, 32)
    assert np.array_equal(whole[100:101], faces.render(table[100:101], 32))
    assert whole.dtype == np.uint8


def test_the_source_is_what_every_source_is():
    source = Faces(limit=100, seed=2)
    samples = source.samples
    assert samples["split"].value_counts().to_dict() == {"train": 80, "valid": 10, "test": 10}
    assert samples["image_id"].is_unique
    assert set(source.roles) == {*ATTRIBUTES, *FACTORS}
    again = pickle.loads(pickle.dumps(source))
    assert np.array_equal(again.images(20, 30, 32), source.images(0, 100, 32)[20:30])
    assert source.original(5).shape == (256, 256, 3)


def test_mediapipe_sees_what_was_drawn(face_model):
    """Bounds of the embedded data; docs/faces.md has the figures measured on 1,000 faces."""
    from latentlab.landmarks.detector import FaceDetector, measure

    table = faces.sample_factors(150, 7)
    names = [str(number) for number in table.index]
    with FaceDetector(face_model) as detector:
        large = measure(faces.render(table, 256), names, detector)
        small = measure(faces.render(table, 64), names, detector)
    assert large["detected"].mean() >= 0.99
    assert small["detected"].mean() >= 0.97

    def r(factor, statistic):
        return abs(np.corrcoef(table[factor], large[statistic])[0, 1])

    assert r("mouth_opening", "mouth_aspect_ratio") >= 0.88  # 0.9 on 1,000 faces, less its spread
    assert r("eye_opening", "eye_aspect_ratio") >= 0.88
    assert r("smile", "mouth_smile") >= 0.8
    assert r("yaw", "head_yaw") >= 0.9
    assert np.corrcoef(table["roll"], large["head_roll"])[0, 1] >= 0.9
