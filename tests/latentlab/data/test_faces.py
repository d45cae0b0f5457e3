"""Generated faces: each factor moves what it names, and a face landmarker agrees."""

import pickle

import numpy as np
import pandas as pd
import pytest

from latentlab.data.faces import (
    ATTRIBUTES,
    FACTORS,
    ORIGINAL_SIDE,
    Faces,
    attributes,
    render,
    sample_factors,
)
from latentlab.errors import ConfigError, DataError
from latentlab.landmarks.detector import FaceDetector, measure

# The part of the picture, as shares of its side, outside of which a factor moves no pixel of a
# face that looks straight ahead: top, bottom, left, right.
PLACES = {
    "smile": (0.45, 0.96, 0.15, 0.85),
    "mouth_opening": (0.50, 1.00, 0.15, 0.85),
    "eye_opening": (0.33, 0.56, 0.20, 0.80),
    "brow_thickness": (0.18, 0.40, 0.20, 0.80),
    "brow_arch": (0.18, 0.40, 0.20, 0.80),
    "nose_size": (0.35, 0.68, 0.33, 0.67),
    "lipstick": (0.60, 0.90, 0.30, 0.70),
    "fringe": (0.05, 0.56, 0.05, 0.95),
    "hair_length": (0.40, 1.00, 0.00, 1.00),
    "glasses": (0.30, 0.58, 0.10, 0.90),
}


def straight_face(**changes):
    """Every factor in the middle of its range, save those given."""
    middle = {name: (factor.low + factor.high) / 2 for name, factor in FACTORS.items()}
    return {**middle, "glasses": 0.0, **changes}


def ends(name, side=64, **changes):
    """A straight face with the factor at its low and at its high end: float, (2, side, side, 3)."""
    rows = [
        straight_face(**changes, **{name: end}) for end in (FACTORS[name].low, FACTORS[name].high)
    ]
    return render(pd.DataFrame(rows), side).astype(float)


@pytest.mark.parametrize("side", [64, 160])
@pytest.mark.parametrize("name", PLACES)
def test_a_factor_of_one_part_moves_pixels_there_and_nowhere_else(name, side):
    low, high = ends(name, side)
    moved = np.abs(high - low).max(axis=-1)
    top, bottom, left, right = (round(share * side) for share in PLACES[name])
    outside = moved.copy()
    outside[top:bottom, left:right] = 0
    assert outside.max() == 0
    assert (moved > 20).mean() > 0.005


def test_skin_hair_and_background_colour_only_their_own():
    hair, cheek, corner = (12, 32), (38, 20), (2, 2)
    for name, own in {"hair_color": hair, "skin_tone": cheek, "background": corner}.items():
        low, high = ends(name, hair_length=0.0)
        for place in (hair, cheek, corner):
            brighter = (high - low)[place].mean()
            assert brighter > 20 if place == own else brighter == 0


def test_the_face_grows_wider_but_not_taller():
    low, high = ends("face_width", skin_tone=1.0, hair_color=0.0, hair_length=0.0, fringe=0.0)
    narrow, wide = ((picture[..., 0] > 120) for picture in (low, high))
    assert wide[40].sum() > narrow[40].sum() + 6
    assert abs(int(wide[:, 32].sum()) - int(narrow[:, 32].sum())) <= 1


def test_light_brightens_the_side_it_comes_from():
    left, right = ends("light")
    assert left[:, :32].mean() > left[:, 32:].mean() + 5
    assert right[:, 32:].mean() > right[:, :32].mean() + 5


@pytest.mark.parametrize("seed", range(3))
def test_mirrored_factors_give_a_mirrored_face(seed):
    """All but the locks of hair and the highlights of the eyes, which no mirror is meant for."""
    factors = sample_factors(20, seed)
    mirrored = factors.assign(**{name: -factors[name] for name in ("yaw", "roll", "light")})
    given, seen = render(factors, 64).astype(float), render(mirrored, 64)[:, :, ::-1]
    assert np.abs(given - seen).mean() < 1.5
    assert np.abs(given - seen)[:, 40:].mean() < 0.05


def test_turning_the_head_moves_the_features_sideways():
    factors = pd.DataFrame(
        [straight_face(yaw=yaw, lipstick=1.0, light=0.0) for yaw in (-12, 0, 12)]
    )
    pictures = render(factors, 128).astype(float)
    red = np.clip(pictures[..., 0] - 2.2 * pictures[..., 1], 0, None)[:, 80:115]
    centres = (red * np.arange(128)).sum(axis=(1, 2)) / red.sum(axis=(1, 2))
    assert centres[0] < centres[1] - 6
    assert centres[2] > centres[1] + 6


@pytest.mark.parametrize("small", [32, 64, 128])
def test_a_small_picture_is_a_large_one_shrunk(small):
    factors = sample_factors(24, 3)
    ratio = 256 // small
    large = render(factors, 256).reshape(24, small, ratio, small, ratio, 3).mean(axis=(2, 4))
    assert np.abs(large - render(factors, small)).mean() < 3.0


@pytest.mark.parametrize("side", [16, 28, 64, 101, 256])
def test_pictures_have_the_side_asked_for_and_do_not_depend_on_their_company(side):
    factors = sample_factors(21, 5)
    pictures = render(factors, side)
    assert pictures.shape == (21, side, side, 3)
    assert pictures.dtype == np.uint8
    np.testing.assert_array_equal(render(factors.iloc[[13]], side)[0], pictures[13])


def test_no_faces_are_no_pictures():
    assert render(sample_factors(0, 0), 64).shape == (0, 64, 64, 3)


@pytest.mark.parametrize("seed", range(3))
def test_factors_are_independent_and_fill_their_ranges(seed):
    factors = sample_factors(5000, seed)
    correlation = factors.corr().to_numpy() - np.eye(len(FACTORS))
    assert np.abs(correlation).max() < 0.06
    for name, factor in FACTORS.items():
        assert factors[name].between(factor.low, factor.high).all()
        if factor.kind == "binary":
            assert set(factors[name]) == {0.0, 1.0}
            assert factors[name].mean() == pytest.approx(factor.rate, abs=0.03)
        else:
            assert factors[name].mean() == pytest.approx(
                (factor.low + factor.high) / 2, abs=0.03 * (factor.high - factor.low)
            )


def test_a_row_depends_on_the_seed_and_its_number_alone():
    pd.testing.assert_frame_equal(sample_factors(50, 7), sample_factors(500, 7).head(50))
    assert (sample_factors(50, 7) != sample_factors(50, 8)).drop(columns="glasses").all(axis=None)


def test_attributes_are_neither_rare_nor_common_and_follow_the_factors():
    factors = sample_factors(4000, 0)
    labels = attributes(factors)
    assert list(labels.columns) == list(ATTRIBUTES)
    assert (labels.dtypes == "boolean").all()
    assert labels.mean().between(0.15, 0.5).all()
    assert factors["smile"][labels["Smiling"]].min() > factors["smile"][~labels["Smiling"]].max()
    assert not (labels["Black_Hair"] & labels["Blond_Hair"]).any()


def test_wrong_factors_and_sides_are_refused_with_their_name():
    factors = sample_factors(3, 0)
    with pytest.raises(DataError, match="smile is missing"):
        render(factors.drop(columns="smile"), 64)
    with pytest.raises(DataError, match="yaw is 90 in row 1"):
        render(factors.assign(yaw=[0.0, 90.0, 0.0]), 64)
    with pytest.raises(DataError, match="light is nan in row 0"):
        render(factors.assign(light=np.nan), 64)
    with pytest.raises(ConfigError, match="side=8"):
        render(factors, 8)


@pytest.mark.parametrize("limit", [10, 37, 1000])
def test_the_source_lists_and_draws_its_faces(limit):
    source = Faces(limit, seed=4)
    samples = source.samples
    assert list(samples.columns) == ["image_id", "split", *ATTRIBUTES, *FACTORS]
    assert list(source.roles) == [*ATTRIBUTES, *FACTORS]
    assert samples["image_id"].is_unique
    assert len(samples) == limit
    counts = samples["split"].value_counts()
    assert counts["valid"] == counts["test"] == limit // 10
    assert counts["train"] == limit - 2 * (limit // 10)
    assert samples.equals(Faces(limit, seed=4).samples)

    pictures = source.images(0, 10, 32)
    assert pictures.shape == (10, 32, 32, source.channels)
    np.testing.assert_array_equal(source.images(3, 8, 32), pictures[3:8])
    np.testing.assert_array_equal(pictures, render(samples.head(10), 32))
    original = source.original(2)
    assert original.shape == (ORIGINAL_SIDE, ORIGINAL_SIDE, 3)
    np.testing.assert_array_equal(original, source.images(2, 3, ORIGINAL_SIDE)[0])


def test_the_source_can_be_pickled_before_and_after_use():
    source = Faces(20, seed=1)
    fresh = pickle.loads(pickle.dumps(source))
    used = source.images(0, 5, 28)
    for copy in (fresh, pickle.loads(pickle.dumps(source))):
        assert copy == source
        np.testing.assert_array_equal(copy.images(0, 5, 28), used)


@pytest.mark.parametrize(
    ("side", "found", "least"),
    [
        (256, 0.99, {"mouth_opening": 0.9, "eye_opening": 0.9, "smile": 0.9}),
        (64, 0.97, {"mouth_opening": 0.8, "eye_opening": 0.85, "smile": 0.85}),
    ],
)
def test_a_face_landmarker_finds_the_faces_and_measures_their_factors(
    face_model, side, found, least
):
    factors = sample_factors(200, 1)
    with FaceDetector(face_model) as detector:
        measured = measure(render(factors, side), list(map(str, factors.index)), detector)
    assert measured["detected"].mean() >= found
    seen_in = {
        "mouth_opening": "mouth_aspect_ratio",
        "eye_opening": "eye_aspect_ratio",
        "smile": "corner_lift",
    }
    for name, bound in least.items():
        assert measured[seen_in[name]].corr(factors[name]) >= bound, name
