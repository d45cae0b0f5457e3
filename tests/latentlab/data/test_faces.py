"""Generated faces: each factor moves what it names, and a face landmarker agrees."""

import hashlib
import pickle

import numpy as np
import pandas as pd
import pytest
import yaml

from latentlab import config
from latentlab.data import building
from latentlab.data.faces import (
    ATTRIBUTES,
    FACTORS,
    ORIGINAL_SIDE,
    Faces,
    attributes,
    read_factors,
    render,
    sample_factors,
)
from latentlab.data.prepared import prepare, reopen
from latentlab.errors import ConfigError, DataError
from latentlab.landmarks.detector import FaceDetector, measure
from latentlab.settings import settings_model

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


@pytest.mark.parametrize("side", [32, 64])
def test_a_face_that_is_cut_out_over_its_background_is_the_whole_picture(side):
    factors = sample_factors(20, seed=0).assign(light=0.0)  # which would shade the background too
    whole = Faces(20).read(0, 20, side)
    assert whole.masks is None
    cut = render(factors, side, cut=True).astype(float)
    kept = cut[..., 3:] / 255.0
    background = render(factors, side)[:, :1, :1].astype(float)  # no face reaches the corner
    change = np.abs(cut[..., :3] + (1.0 - kept) * background - render(factors, side))
    # Where a shadow falls on the rim it darkens what shines through, too.
    assert (change <= 2).mean() > 0.999
    assert change.max() < 8
    assert (cut[:, 0, 0] == 0).all()
    assert 0.4 < kept.mean() < 0.95


def test_the_source_gives_masks_where_the_faces_are_cut_out():
    source = Faces(10, cut=True)
    block = source.read(0, 10, 64)
    assert block.images.shape == (10, 64, 64, 3)
    assert block.masks.shape == (10, 64, 64)
    assert (block.images[block.masks == 0] == 0).all()
    np.testing.assert_array_equal(source.original(3), source.read(3, 4, ORIGINAL_SIDE).images[0])
    content = {"model": {"masked": True}, "source": {"name": "faces"}}
    assert config.build({**content, "source": {"cut": True}}).model.settings["masked"]
    with pytest.raises(ConfigError, match=r"source\.cut=true"):
        config.build(content)


@pytest.mark.parametrize("limit", [10, 37, 1000])
def test_the_source_lists_and_draws_its_faces(limit):
    source = Faces(limit, seed=4)
    listing = source.listing
    samples = listing.samples
    assert list(samples.columns) == ["image_id", "split", *ATTRIBUTES, *FACTORS]
    assert list(listing.roles) == [*ATTRIBUTES, *FACTORS]
    assert samples["image_id"].is_unique
    assert len(samples) == limit
    counts = samples["split"].value_counts()
    assert counts["valid"] == counts["test"] == limit // 10
    assert counts["train"] == limit - 2 * (limit // 10)
    assert samples.equals(Faces(limit, seed=4).listing.samples)
    assert (listing.found, listing.left_out, listing.refused) == (None, (0, 0), ())

    block = source.read(0, 10, 32)
    assert block.images.shape == (10, 32, 32, source.channels)
    assert (block.used, block.masks, block.measured) == (None, None, None)
    np.testing.assert_array_equal(source.read(3, 8, 32).images, block.images[3:8])
    np.testing.assert_array_equal(block.images, render(samples.head(10), 32))
    original = source.original(2)
    assert original.shape == (ORIGINAL_SIDE, ORIGINAL_SIDE, 3)
    np.testing.assert_array_equal(original, source.read(2, 3, ORIGINAL_SIDE).images[0])


def test_the_source_can_be_pickled_before_and_after_use():
    source = Faces(20, seed=1, correlations=(("smile", "roll", 0.5),))
    fresh = pickle.loads(pickle.dumps(source))
    used = source.read(0, 5, 28).images
    for copy in (fresh, pickle.loads(pickle.dumps(source))):
        assert copy == source
        np.testing.assert_array_equal(copy.read(0, 5, 28).images, used)


# SHA-256 of factors, splits and attributes of version 0.1.0, first 16 digits.
PUBLISHED = {
    (None, 0): ("80b43a54dc61290e", "7aedc9b044d17a3a", "081acd9da07acc9a"),
    (6000, 0): ("80b43a54dc61290e", "7aedc9b044d17a3a", "081acd9da07acc9a"),
    (37, 4): ("1f264f1e3ea40bc8", "c83a3757b28583e0", "19e2838acb02aa1f"),
    (1000, 7): ("95fbba4edcaca8f6", "46c9cdc158de65eb", "9fe3da5680edc196"),
}


@pytest.mark.parametrize(("limit", "seed"), PUBLISHED)
def test_faces_stay_the_faces_that_results_were_published_on(limit, seed):
    samples = Faces(limit, seed).listing.samples
    contents = (
        np.ascontiguousarray(samples[list(FACTORS)].to_numpy(np.float64)).tobytes(),
        " ".join(samples["split"]).encode(),
        np.ascontiguousarray(samples[list(ATTRIBUTES)].to_numpy(bool)).tobytes(),
    )
    digests = tuple(hashlib.sha256(content).hexdigest()[:16] for content in contents)
    assert digests == PUBLISHED[limit, seed]


WRITERS = {
    "csv": lambda table, path: table.to_csv(path, index=False),
    "tsv": lambda table, path: table.to_csv(path, index=False, sep="\t"),
    "parquet": lambda table, path: table.to_parquet(path, index=False),
}


def written(folder, table, ending="csv"):
    path = folder / f"table.{ending}"
    WRITERS[ending](pd.DataFrame(table), path)
    return path


@pytest.mark.parametrize("ending", WRITERS)
def test_a_table_of_factors_comes_back_bit_for_bit(tmp_path, ending):
    factors = sample_factors(200, 3)
    source = Faces(factors=written(tmp_path, factors, ending))
    samples = source.listing.samples
    pd.testing.assert_frame_equal(samples[list(FACTORS)], factors, check_exact=True)
    pd.testing.assert_frame_equal(samples[list(ATTRIBUTES)], attributes(factors))
    np.testing.assert_array_equal(source.read(0, 5, 32).images, render(factors.head(5), 32))
    assert samples["image_id"].iloc[[0, -1]].tolist() == ["face_000000", "face_000199"]
    assert samples["split"].value_counts().to_dict() == {"train": 160, "valid": 20, "test": 20}
    assert source.listing.notes == (f"table.{ending} gives {', '.join(FACTORS)}.",)


@pytest.mark.parametrize("ending", WRITERS)
def test_names_and_splits_of_a_table_are_used_and_what_it_lacks_is_drawn(tmp_path, ending):
    split = ["train", "valid", "test", "train"] * 3
    names = [f"0{row}" for row in range(12)]
    table = {"split": split, "yaw": np.linspace(-14, 14, 12), "image_id": names}
    source = Faces(seed=5, factors=written(tmp_path, table, ending))
    samples = source.listing.samples
    assert list(samples.columns) == ["image_id", "split", *ATTRIBUTES, *FACTORS]
    assert samples["image_id"].tolist() == names
    assert samples["split"].tolist() == split
    expected = sample_factors(12, 5).assign(yaw=table["yaw"])
    pd.testing.assert_frame_equal(samples[list(FACTORS)], expected, check_exact=True)
    assert source.listing.notes[0].endswith("gives yaw; the other 16 factors are drawn.")


def test_a_limit_takes_rows_of_a_table_evenly_and_leaves_them_as_they_are(tmp_path):
    path = written(tmp_path, {"smile": np.linspace(0, 1, 400)})
    whole, part = Faces(factors=path).listing, Faces(40, factors=path).listing
    rows = part.samples["image_id"].str.removeprefix("face_").astype(int)
    assert (rows.iloc[0], rows.iloc[-1]) == (0, 399)
    assert set(rows.diff().dropna()) == {10, 11}
    pd.testing.assert_frame_equal(
        part.samples.drop(columns="split"),
        whole.samples.drop(columns="split").iloc[rows].reset_index(drop=True),
    )
    assert part.samples["split"].value_counts().to_dict() == {"train": 32, "valid": 4, "test": 4}
    assert (part.found, part.left_out) == (400, (360, 0))
    assert len(Faces(1000, factors=path).listing.samples) == 400


def test_a_whole_table_is_taken_however_long(tmp_path):
    path = written(tmp_path, {"smile": np.linspace(0, 1, 6001)}, "parquet")
    assert len(Faces(factors=path).listing.samples) == 6001


def test_a_binary_factor_may_be_written_as_true_and_false(tmp_path):
    for ending in WRITERS:
        path = written(tmp_path, {"glasses": [True, False]}, ending)
        assert read_factors(path)["glasses"].tolist() == [1.0, 0.0]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("smlie\n0.5\n", "column smlie is not a factor, did you mean smile?"),
        ("zzz\n0.5\n", "column zzz is not a factor; known are image_id, split, smile"),
        ("smile,smile\n0.5,0.5\n", "two columns smile"),
        (",smile\n0,0.5\n", "index=False"),
        ("smile\n0.5\n1.5\n", "factor smile is 1.5 in line 3: it must lie between 0 and 1"),
        ("yaw\n\n-15\n", "factor yaw is -15 in line 3: it must lie between -14 and 14"),
        ("smile\nwide\n", "factor smile is wide in line 2: it must lie"),
        ("smile\nnan\n", "factor smile is nan in line 2: it must lie"),
        ("smile\ninf\n", "factor smile is inf in line 2: it must lie"),
        ("smile,yaw\n0.5,0\n,0\n", "factor smile is missing in line 3"),
        ("glasses\n1\n0.5\n", "factor glasses is 0.5 in line 3: it must be 0 or 1"),
        ("image_id,smile\na,0\nb,0\na,1\n", "image_id a of line 2 is repeated in line 4"),
        ("image_id,smile\na,0\n,0\n", "image_id is missing in line 3"),
        ("split,smile\ntrain,0\ntrian,0\n", "face of line 3 has 'trian' for its split"),
        ("smile,yaw\n0.5,0\n0.5\n", "line 3 has 1 columns"),
        ("smile\n", "no row"),
        ("", "no row"),
    ],
)
def test_what_is_wrong_with_a_table_is_told_with_its_place(tmp_path, content, says):
    path = tmp_path / "mine.csv"
    path.write_text(content)
    with pytest.raises(DataError) as told:
        _ = Faces(factors=path).listing
    assert says in str(told.value)
    assert str(path) in str(told.value)
    assert "\n" not in str(told.value)


def test_rows_of_a_parquet_table_are_counted_from_one(tmp_path):
    path = written(tmp_path, {"image_id": ["a", "b"], "smile": [0.5, None]}, "parquet")
    with pytest.raises(DataError, match="factor smile is missing in row 2"):
        read_factors(path)


def test_a_table_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(DataError, match=r"absent\.csv does not exist"):
        read_factors(tmp_path / "absent.csv")
    for name in ("table.csv", "table.parquet"):
        path = tmp_path / name
        path.write_bytes(b"PAR1\xff\xfe\x00")
        with pytest.raises(DataError, match=name):
            read_factors(path)
    with pytest.raises(DataError, match=r"must end in \.csv, .* or \.tsv\.xz"):
        read_factors(tmp_path / "table.xlsx")


def test_settings_survive_the_config_and_the_data_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written(tmp_path, sample_factors(30, 0)[["yaw", "roll"]])
    overrides = (
        "source.factors=table.csv",
        "source.correlations=[[smile, mouth_opening, 0.6], [light, glasses, -2e-1]]",
    )
    settings = config.build_data({}, overrides, where="prepare")
    source = Faces(**settings.source.settings)
    assert source.correlations == (("smile", "mouth_opening", 0.6), ("light", "glasses", -0.2))

    folder = tmp_path / "data" / "mine"
    stored = building.stored_settings(source, folder)
    read = yaml.safe_load(yaml.safe_dump(stored))
    assert read == stored
    assert settings_model(Faces).model_validate(read).correlations == source.correlations
    again = config.build_data(yaml.safe_load(yaml.safe_dump(settings.plain())), (), where="again")
    assert Faces(**again.source.settings) == source

    made = prepare(source, "faces", folder, side=28)
    assert made.description["settings"] == stored
    reopened = reopen(made)
    assert reopened.listing.samples.equals(source.listing.samples)


def test_factors_of_a_table_cannot_be_correlated_but_the_drawn_ones_can(tmp_path):
    path = written(tmp_path, {"smile": np.linspace(0, 1, 50)})
    with pytest.raises(ConfigError, match=r"smile is given by .*table\.csv"):
        _ = Faces(factors=path, correlations=(("roll", "smile", 0.5),)).listing
    pairs = (("roll", "light", 0.5),)
    listed = Faces(factors=path, correlations=pairs, seed=2).listing.samples
    expected = sample_factors(50, 2, pairs).drop(columns="smile")
    pd.testing.assert_frame_equal(listed[list(expected.columns)], expected, check_exact=True)


def test_correlations_that_cannot_be_drawn_are_told_before_anything_is_done():
    with pytest.raises(ConfigError, match="did you mean smile"):
        Faces(correlations=(("smlie", "roll", 0.5),))


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
