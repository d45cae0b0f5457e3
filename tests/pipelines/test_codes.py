"""`codes`: which latents, which images and which colours a panel shows, and the picture itself."""

import io
import shutil

import numpy as np
import pandas as pd
import pytest
from matplotlib.patches import Circle
from PIL import Image

from latentlab import files, parquet
from latentlab.artifacts import DataFolder, RunFolder, latent_columns
from latentlab.errors import ConfigError, DataError
from pipelines import codes as command
from pipelines.places import titles
from reports.codes_panel import CLASSES, UNKNOWN, Panel, codes_figure, codes_panel


@pytest.fixture
def twin(finished):
    """Makes a copy of the run whose latents table is changed: name, change -> its path."""

    def make(name, change):
        run = RunFolder(finished.folder / "runs" / name)
        shutil.copytree(finished.folder / "runs" / "small", run.path, dirs_exist_ok=True)
        parquet.write_table(run.latents_path, change(run.latents()))
        return run.path

    return make


def panel(count=300, latents=2, scale=1.0, kind="text", seed=0, **more):
    rng = np.random.default_rng(seed)
    values = {
        "text": pd.Series(rng.choice(["no", "yes"], count)),
        "digits": pd.Series(rng.integers(0, 10, count).astype(str)),
        "numbers": pd.Series(rng.normal(size=count)),
    }[kind]
    points = scale * rng.normal(size=(count, latents)) + 3.0
    names = ("mu_000", "mu_004")[:latents]
    return Panel("run", f"{count} test images", points, names, values, **more)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 40.0])
@pytest.mark.parametrize("seed", range(2))
def test_points_and_prior_are_inside_and_both_axes_have_one_scale(scale, seed):
    shown = panel(scale=scale, seed=seed)
    (axes,) = codes_figure([shown], "Smiling", ["no", "yes"]).axes
    across, up = axes.get_xlim(), axes.get_ylim()
    assert np.ptp(across) == pytest.approx(np.ptp(up))
    assert axes.get_box_aspect() == 1
    for limits, values in ((across, shown.points[:, 0]), (up, shown.points[:, 1])):
        assert limits[0] < min(values.min(), -2) and limits[1] > max(values.max(), 2)
    circles = [patch for patch in axes.patches if isinstance(patch, Circle)]
    assert sorted(circle.radius for circle in circles) == [1, 2]
    assert all(circle.center == (0, 0) for circle in circles)


def test_a_single_latent_and_codes_without_a_prior_are_drawn_too():
    one, discrete = panel(latents=1), panel(prior=False)
    first, second = codes_figure([one, discrete], "Smiling", ["no", "yes"]).axes
    assert sorted(line.get_xdata()[0] for line in first.lines) == [-2, -1, 1, 2]
    assert not first.patches and not second.patches and not second.lines
    assert second.get_xlim()[0] > -2  # there is no circle to make room for


@pytest.mark.parametrize("count", [1, 3, 6])
@pytest.mark.parametrize(("kind", "classes"), [("digits", list("0123456789")), ("numbers", [])])
def test_the_picture_is_white_and_grows_with_the_panels(count, kind, classes):
    panels = [panel(kind=kind, seed=seed) for seed in range(count)]
    content = codes_panel(panels, "digit", classes)
    assert content == codes_panel(panels, "digit", classes)
    with Image.open(io.BytesIO(content)) as picture:
        assert picture.width > 500 * min(count, 4)
        assert (picture.height > 1000) == (count > 4)
        corners = np.asarray(picture.convert("RGB"))[[0, 0, -1, -1], [0, -1, 0, -1]]
    assert (corners == 255).all()
    figure = codes_figure(panels, "digit", classes)
    assert len(figure.legends) == (2 if classes else 1)  # the classes, and the prior
    assert len(figure.axes) == count + (not classes)  # and a bar of the colours


def test_what_is_not_known_is_grey_and_lies_below_what_is():
    shown = panel(count=40)
    shown.values.iloc[[0, 3, 39]] = None
    figure = codes_figure([shown], "Smiling", ["no", "yes"])
    colours = figure.axes[0].collections[0].get_facecolors()[:, :3]
    grey = np.array([int(UNKNOWN[at : at + 2], 16) / 255 for at in (1, 3, 5)])
    assert np.allclose(colours[:3], grey) and not np.isclose(colours[3:], grey).all(axis=1).any()
    assert "not known" in figure.legends[-1].get_texts()[-1].get_text()
    blank = Panel(shown.title, "", shown.points, shown.names, pd.Series(np.full(40, np.nan)))
    assert codes_panel([blank], "yaw").startswith(b"\x89PNG")


def test_names_are_written_among_the_points_only_where_the_classes_lie_apart():
    together = panel(count=2000, kind="digits")
    apart = Panel("", "", together.points, together.names, together.values)
    apart.points[:, 0] += 20 * together.values.astype(int)
    digits = list("0123456789")
    named = codes_figure([apart], "digit", digits).axes[0]
    assert {text.get_text() for text in named.texts} >= set(digits)
    mixed = panel(count=2000, kind="digits", scale=1e-4)
    unnamed = codes_figure([mixed], "digit", digits).axes[0]
    assert not {text.get_text() for text in unnamed.texts} & set(digits)


def test_no_two_classes_have_one_colour():
    assert len({*CLASSES, UNKNOWN, "#ffffff"}) == len(CLASSES) + 2
    with pytest.raises(ValueError, match="11 classes"):
        codes_figure([panel()], "letter", list("abcdefghijk"))


def test_numbers_are_classes_where_they_are_few_and_come_again():
    few, many = pd.Series([1.0, 2.0, 2.0, 1.0, np.nan]), pd.Series(np.arange(30.0))
    (column,), classes = command._as_classes("shape", [few])
    assert classes == ["1", "2"] and column.tolist()[:4] == ["1", "2", "2", "1"]
    assert column.isna().tolist() == [False] * 4 + [True]
    assert command._as_classes("yaw", [many])[1] == []
    assert command._as_classes("yaw", [many.head(3)])[1] == []  # few images, not few values
    (column,), classes = command._as_classes("Smiling", [pd.Series([True, None], dtype="boolean")])
    assert classes == ["no", "yes"] and column.tolist()[0] == "yes"
    words = pd.Series([f"w{number}" for number in range(11)])
    with pytest.raises(ConfigError, match="11 classes"):
        command._as_classes("word", [words])


def test_attributes_that_exclude_each_other_are_a_family(tmp_path):
    samples = pd.DataFrame({"image_id": list("abc"), "split": "test"})
    for name, values in {
        "kind_cat": [True, False, False],
        "kind_dog": [False, True, None],
        "Big_Nose": [True, True, False],
        "Big_Lips": [True, False, False],
    }.items():
        samples[name] = pd.array(values, dtype="boolean")
    parquet.write_table(tmp_path / "samples.parquet", samples)
    columns = {"attribute": list(samples.columns[2:]), "statistic": [], "factor": []}
    files.write_yaml(tmp_path / "data.yaml", {"columns": columns})
    found = command._colourings(DataFolder.open(tmp_path))
    assert list(found) == ["kind_cat", "kind_dog", "Big_Nose", "Big_Lips", "kind"]
    assert found["kind"].tolist()[:2] == ["cat", "dog"] and pd.isna(found["kind"]["c"])


def test_a_run_is_shown_over_its_two_widest_latents(finished):
    done = finished("codes", "runs/small", "--json")
    assert done.code == 0, done.err
    latents = RunFolder(finished.folder / "runs" / "small").latents()
    spread = latents[latent_columns(latents)].std()
    shown = done.json["runs"]["small"]
    assert set(shown["latents"]) == set(spread.nlargest(2).index)
    assert shown["n"] == (latents["split"] == "test").sum()
    assert (done.json["color_by"], done.json["classes"]) == ("Smiling", ["no", "yes"])
    with Image.open(finished.folder / done.json["picture"]) as picture:
        assert picture.format == "PNG"


def test_runs_with_other_data_and_with_one_latent_stand_beside_each_other(
    finished, twin, monkeypatch
):
    one = twin("narrow", lambda table: table.drop(columns=latent_columns(table)[1:]))
    other = finished.folder / "data" / "other"
    shutil.copytree(finished.folder / "data" / "small", other)
    described = files.read_yaml(other / "data.yaml")
    described["columns"]["attribute"].remove("Smiling")
    files.write_yaml(other / "data.yaml", described)
    config = files.read_yaml(one / "config.yaml")
    config["data"]["folder"] = "../../data/other"
    files.write_yaml(one / "config.yaml", config)

    small, out = finished.folder / "runs" / "small", finished.folder / "codes.png"
    told = {}
    monkeypatch.setattr(command.console, "result", lambda value, text: told.update(value))
    command.codes([small, one], limit=10, posterior="sample", split="train", out=out)
    assert told["color_by"] == "Mouth_Slightly_Open"  # the first that both have
    assert told["runs"]["narrow"] == {"latents": ("mu_000",), "n": 10}
    assert len(told["runs"]["small"]["latents"]) == 2
    with pytest.raises(ConfigError, match=r"of .*other: unknown name `Smiling`"):
        command.codes([small, one], color_by="Smiling", out=out)


def test_what_cannot_be_drawn_is_told(finished, twin):
    small = finished.folder / "runs" / "small"
    with pytest.raises(ConfigError, match="did you mean `Smiling`"):
        command.codes([small], color_by="Smilling")
    with pytest.raises(ConfigError, match="--split tests"):
        command.codes([small], split="tests")
    with pytest.raises(ConfigError, match="--posterior mode"):
        command.codes([small], posterior="mode")
    strangers = twin("strangers", lambda table: table.assign(image_id=table["image_id"] + "x"))
    with pytest.raises(DataError, match="no test image in common"):
        command.codes([small, strangers])
    trained = twin("trained", lambda table: table[table["split"] == "train"])
    with pytest.raises(DataError, match="no test images"):
        command.codes([trained])
    empty = twin("empty", lambda table: table.drop(columns=latent_columns(table)))
    with pytest.raises(DataError, match=r"empty.latents\.parquet.*mu_000"):
        command.codes([empty])
    done = finished("codes", "runs/small", "--color-by", "Smilling")
    assert done.code == 2 and "Traceback" not in done.err


def test_titles_tell_runs_apart(tmp_path):
    first, second = tmp_path / "a" / "run", tmp_path / "b" / "run"
    assert titles([first]) == ["run"]
    assert titles([first, second]) == [first.as_posix(), second.as_posix()]
