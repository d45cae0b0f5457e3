"""`sample`, `reconstruct` and `morph`: pictures of the asked size, number and duration."""

import shutil

import numpy as np
import pytest
from PIL import Image

from latentlab import files, parquet
from latentlab.artifacts import RunFolder, latent_columns
from latentlab.checkpoints import load_model, save_model
from latentlab.decoding import Places, decode
from latentlab.models import build_model


def opened(done, terminal):
    assert done.code == 0, done.err
    return Image.open(terminal.folder / done.json["picture"])


def pixels(done, terminal):
    with opened(done, terminal) as picture:
        return np.asarray(picture)


def test_samples_fill_a_sheet_and_depend_on_the_seed(finished):
    words = ("sample", "runs/small", "--count", 10, "--json")
    first, again, other, drawn = (
        pixels(finished(*words, *more), finished) for more in ((), (), ("--seed", 1), ("--draw",))
    )
    assert first.shape == (2 * 34 + 2, 8 * 34 + 2, 3)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert (first[36:, 2 * 34 + 2 :] == 255).all()  # ten pictures leave six places empty
    assert set(np.unique(drawn)) == {0, 255}  # coins, as Bernoulli says


def test_reconstructions_stand_under_their_originals(finished):
    words = ("reconstruct", "runs/small", "--count", 5, "--json")
    done = finished(*words)
    sheet = pixels(done, finished).astype(float)
    upper, lower = sheet[2:34, 2:-2], sheet[36:68, 2:-2]
    gaps = np.arange(upper.shape[1]) % 34 >= 32
    error = np.square(upper[:, ~gaps] - lower[:, ~gaps]).mean() / 255**2
    assert error == pytest.approx(done.json["mse"], rel=1e-6)
    sampled = pixels(finished(*words, "--posterior", "sample"), finished)
    assert not np.array_equal(sampled, sheet)
    one = finished("reconstruct", "runs/small", "--image", done.json["images"][2], "--json")
    assert one.json["images"] == [done.json["images"][2]]


def test_a_morph_begins_and_ends_with_its_images(finished):
    done = finished("morph", "runs/small", "--json")
    strip = pixels(done, finished)
    assert strip.shape == (36, 9 * 34 + 2, 3)
    import pandas as pd

    run = finished.folder / "runs" / "small"
    latents = pd.read_parquet(run / "latents.parquet").set_index("image_id")
    codes = latents.loc[done.json["images"]].filter(like="mu_").to_numpy()
    ends = decode(load_model(run / "model"), Places(codes))
    assert np.abs(strip[2:34, 2:34].astype(int) - ends[0]).max() <= 1
    assert np.abs(strip[2:34, -34:-2].astype(int) - ends[1]).max() <= 1
    grid = pixels(finished("morph", "runs/small", "--grid", "--json"), finished)
    assert grid.shape == (8 * 34 + 2, 8 * 34 + 2, 3)


@pytest.fixture
def twin(finished):
    """Makes a copy of the run whose latents table is changed: name, change -> run folder."""

    def make(name, change=lambda table: table):
        run = RunFolder(finished.folder / "runs" / name)
        shutil.copytree(finished.folder / "runs" / "small", run.path, dirs_exist_ok=True)
        parquet.write_table(run.latents_path, change(run.latents()))
        return run

    return make


def test_two_runs_morph_the_same_images_one_under_the_other(finished, twin):
    names = latent_columns(RunFolder(finished.folder / "runs" / "small").latents())
    twin("still", lambda table: table.assign(**dict.fromkeys(names, 0.5)))
    alone = pixels(finished("morph", "runs/small", "--json"), finished)
    done = finished("morph", "runs/small", "--beside", "runs/still", "--json")
    assert done.json["runs"] == ["runs/small", "runs/still"]
    both = pixels(done, finished)
    margin = both.shape[1] - alone.shape[1]
    assert both.shape[0] == 2 * 34 + 2 and margin > 0
    assert np.array_equal(both[:36, margin:], alone)
    still = both[36:68, margin:]
    assert np.array_equal(still[:, 2:34], still[:, -34:-2])  # all its codes are the same
    assert (both[:34, :margin] < 128).any() and (both[36:, :margin] < 128).any()  # its names


@pytest.mark.parametrize("ending", ["gif", "webp"])
def test_an_animation_shows_two_runs_side_by_side(finished, twin, ending):
    twin("still")
    words = ("--beside", "runs/still", "--seconds", 0.4, "--out", f"both.{ending}", "--json")
    with opened(finished("morph", "runs/small", *words), finished) as picture:
        assert picture.size == (8 + 2 * (256 + 8), 8 + 256 + 14 + 8)
        assert picture.n_frames > 1
        shown = np.asarray(picture.convert("RGB")).astype(int)
    left, right = shown[8:264, 8:264], shown[8:264, 272:528]
    assert np.abs(left - right).mean() < 6  # one model; the formats are not exact


def test_two_runs_that_cannot_be_set_side_by_side_are_told(finished, twin):
    twin("others", lambda table: table.assign(image_id=table["image_id"] + "x"))
    large = twin("large")
    described = files.read_json(large.model_folder / "config.json") | {"side": 64}
    model = build_model(
        described["name"], described["settings"], channels=described["channels"], side=64, seed=0
    )
    save_model(large.model_folder, model, described, "")
    for words, part in (
        (("--beside", "runs/others"), "runs/others: image"),
        (("--beside", "runs/large"), "small makes pictures of 32 pixels a side, large of 64"),
        (("--beside", "runs/others", "--grid"), "--grid and --beside exclude each other"),
        (("--beside", "runs/nowhere"), "runs/nowhere does not exist"),
    ):
        done = finished("morph", "runs/small", *words)
        assert done.code in (2, 3) and part in done.err and "Traceback" not in done.err


@pytest.mark.parametrize("ending", ["gif", "webp"])
def test_an_animation_lasts_as_long_as_asked(finished, ending):
    done = finished("morph", "runs/small", "--out", f"morph.{ending}", "--json")
    with opened(done, finished) as picture:
        durations = []
        for frame in range(picture.n_frames):
            picture.seek(frame)
            picture.load()  # WebP knows a frame's duration once it is read
            durations.append(picture.info["duration"])
    assert sum(durations) == pytest.approx(5000, abs=20)
    assert len(durations) > 5  # frames that look alike may be merged, but it does not stand still


def moments(done, terminal):
    """Every frame of an animation as an array, and how long each stands, ms."""
    with opened(done, terminal) as picture:
        frames, durations = [], []
        for frame in range(picture.n_frames):
            picture.seek(frame)
            frames.append(np.asarray(picture.convert("RGB")).astype(int))
            durations.append(picture.info["duration"])
    return frames, durations


@pytest.mark.parametrize("ending", ["gif", "webp"])
def test_a_traversal_moves_there_and_back(finished, ending):
    words = ("--dimension", 0, "--seconds", 1, "--fps", 10, "--out", f"one.{ending}", "--json")
    done = finished("traverse", "runs/small", *words)
    frames, durations = moments(done, finished)
    assert sum(durations) == pytest.approx(1000, abs=20)
    assert len(frames) == 10  # six there and four back; the ends stand once
    assert done.json["offsets"] == pytest.approx(np.linspace(-3, 3, 6).tolist())
    for there, back in ((1, 9), (2, 8), (4, 6)):
        assert np.abs(frames[there] - frames[back]).mean() < 3
    assert np.abs(frames[0] - frames[5]).mean() > 1
    content = (finished.folder / done.json["picture"]).read_bytes()
    assert finished("traverse", "runs/small", *words).code == 0
    assert (finished.folder / done.json["picture"]).read_bytes() == content


def test_all_active_dimensions_move_side_by_side(finished):
    words = ("--seconds", 0.4, "--fps", 10, "--out", "all.webp", "--json")
    done = finished("traverse", "runs/small", *words)
    rows = len(done.json["rows"])
    assert rows > 1
    (first, *_), _ = moments(done, finished)
    assert first.shape[1] == 8 + rows * (96 + 8)


def test_a_grid_has_labels_beside_its_rows_and_above_its_columns(finished):
    words = ("--dimension", 0, "--steps", 5, "--json")
    sheet = pixels(finished("traverse", "runs/small", *words), finished)
    head = 17
    assert sheet.shape[0] == head + 36
    margin = sheet.shape[1] - (5 * 34 + 2)
    assert (sheet[head:, :margin] < 128).any()
    assert (sheet[:head, :margin] == 255).all()
    dark = (sheet[:head, margin:] < 128).any(axis=(0, 2))
    columns = np.flatnonzero(dark) // ((5 * 34 + 2) / 5)
    assert 2 in columns  # the one that did not move is labelled


@pytest.mark.parametrize("command", ["sample", "reconstruct"])
@pytest.mark.parametrize("ending", ["png", "webp", "gif"])
def test_stills_are_written_by_their_ending(finished, command, ending):
    words = (command, "runs/small", "--count", 3, "--json")
    plain = pixels(finished(*words), finished)
    done = finished(*words, "--out", f"{command}.{ending}")
    with opened(done, finished) as picture:
        assert picture.format == ending.upper()
        other = np.asarray(picture.convert("RGB")).astype(int)
    difference = np.abs(other - plain)
    assert difference.max() == 0 if ending != "gif" else difference.mean() < 4


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("morph", "runs/small", "a"), "1 image(s) are named, where 2 are needed"),
        (("morph", "runs/small", "a", "b"), "image a is not in latents.parquet"),
        (
            ("morph", "runs/small", "--out", "x.mp4"),
            "x.mp4 cannot be written. Let its name end in .png",
        ),
        (("traverse", "runs/small", "--out", "x"), "end in .png, .gif, .webp"),
        (("sample", "runs/small", "--out", "x.jpg"), "end in .png, .gif, .webp"),
        (("reconstruct", "runs/small", "--out", "x.bmp"), "end in .png, .gif, .webp"),
        (("morph", "runs/small", "--grid", "--out", "x.gif"), "end in .png."),
        (("reconstruct", "runs/small", "--image", "nobody"), "--image nobody is not in these data"),
        (("reconstruct", "runs/small", "--posterior", "mode"), "mean or sample"),
    ],
)
def test_what_cannot_be_made_is_told(finished, words, part):
    done = finished(*words)
    assert done.code == 2
    assert part in done.err
    assert "Traceback" not in done.err
