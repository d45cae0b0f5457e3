"""A folder of pictures and what a table, the folders and the file names say about them."""

import tarfile
import zipfile

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from latentlab.data.image_folder import ImageFolder
from latentlab.data.prepared import originals, prepare
from latentlab.errors import ConfigError, DataError

NAMES = [f"{'cats' if n % 2 else 'dogs'}/{n:04d}_{n % 3}.png" for n in range(1, 21)]


@pytest.fixture
def root(tmp_path):
    rng = np.random.default_rng(0)
    for name in NAMES:
        path = tmp_path / "pictures" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (30, 40, 3), dtype=np.uint8)).save(path)
    (tmp_path / "pictures" / "README.txt").write_text("not a picture")
    (tmp_path / "pictures" / ".hidden.png").write_text("not one either")
    return tmp_path / "pictures"


@pytest.fixture
def table(tmp_path):
    def written(rows, name="labels.csv"):
        path = tmp_path / name
        if name.endswith(".parquet"):
            pd.DataFrame(rows[1:], columns=rows[0]).to_parquet(path)
        else:
            mark = "\t" if name.endswith(".tsv") else ","
            path.write_text("\n".join(mark.join(map(str, row)) for row in rows) + "\n")
        return path

    return written


def test_pictures_of_a_folder_in_the_order_of_their_names(root, tmp_path):
    source = ImageFolder(root)
    assert source.listing.samples["image_id"].tolist() == sorted(NAMES)
    folder = prepare(source, "image_folder", tmp_path / "data", side=30)
    first = np.asarray(Image.open(root / "cats" / "0001_1.png"))
    assert np.array_equal(folder.images()[0], first[:, 5:35])  # the central square, side unchanged
    assert np.array_equal(originals(folder).original(0), first)


def test_archives_give_the_same_as_the_folder(root, tmp_path):
    expected = ImageFolder(root).read(0, 20, 28).images
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as file:
        for path in root.rglob("*"):
            file.write(path, path.relative_to(root))
    with tarfile.open(tmp_path / "all.tar", "w") as file:
        file.add(root, ".")
    for archive in ("all.zip", "all.tar"):
        source = ImageFolder(tmp_path / archive)
        assert source.listing.samples["image_id"].tolist() == sorted(NAMES)
        assert np.array_equal(source.read(0, 20, 28).images, expected)


def test_grey_is_what_pillow_makes_of_it(root):
    grey = ImageFolder(root, color="grey", crop=28).read(0, 3, 28).images
    for name, picture in zip(sorted(NAMES), grey, strict=False):
        expected = np.asarray(Image.open(root / name).convert("L"))[1:29, 6:34, None]
        assert np.array_equal(picture, expected)


@pytest.mark.parametrize(
    "form",
    [
        lambda name: name,
        lambda name: name.removesuffix(".png"),
        lambda name: name.split("/")[1],
        lambda name: name.split("/")[1].removesuffix(".png"),
        lambda name: "./" + name.replace("/", "\\"),
        lambda name: name.replace(".png", ".jpg"),
    ],
)
@pytest.mark.parametrize("ending", ["csv", "tsv", "parquet"])
def test_rows_find_their_pictures_by_path_name_or_stem(root, table, form, ending):
    rows = [(form(name), str(int(name[5:9]))) for name in NAMES]
    path = table([("picture", "number"), *rows], f"labels.{ending}")
    samples = ImageFolder(root, labels=path).listing.samples
    assert samples["number"].tolist() == [float(name[5:9]) for name in sorted(NAMES)]


def test_columns_are_what_their_values_say(root, table):
    head = ("file", "smile", "flag", "age", "mood", "identity", "split", "note")
    rows = [
        (name, n % 2, "yes" if n % 3 else "no", n + 0.5, "sad" if n % 2 else "glad", f"p{n}",
         "train" if n > 4 else "test", "")
        for n, name in enumerate(NAMES)
    ]  # fmt: skip
    listing = ImageFolder(root, labels=table([head, *rows])).listing
    assert listing.roles == {
        "smile": "attribute", "flag": "attribute", "age": "statistic",
        "mood_glad": "attribute", "mood_sad": "attribute",
    }  # fmt: skip
    samples = listing.samples.set_index("image_id").loc[NAMES]
    assert samples["mood_sad"].tolist() == [n % 2 == 1 for n in range(20)]
    assert samples["flag"].tolist() == [n % 3 != 0 for n in range(20)]
    assert samples["identity"].tolist() == [f"p{n}" for n in range(20)]
    assert samples["split"].tolist() == ["test"] * 5 + ["train"] * 15
    assert listing.notes == ("The column note is not used: it is empty.",)


def test_a_kind_that_the_user_names_goes_before_what_the_values_say(root, table):
    rows = [(name, n % 3, n) for n, name in enumerate(NAMES)]
    path = table([("file", "race", "junk"), *rows])
    source = ImageFolder(root, labels=path, columns={"race": "category", "junk": "ignore"})
    assert list(source.listing.roles) == ["race_0", "race_1", "race_2"]
    with pytest.raises(ConfigError, match=r"source\.columns\.rase.*did you mean race"):
        _ = ImageFolder(root, labels=path, columns={"rase": "category"}).listing


def test_folder_names_and_file_names_are_labels(root):
    source = ImageFolder(root, folders=True, pattern=r"(?P<identity>\d+)_(?P<kind>\d)")
    samples = source.listing.samples
    assert samples["cats"].tolist() == [name.startswith("cats") for name in sorted(NAMES)]
    assert samples["identity"].tolist() == [name[5:9] for name in sorted(NAMES)]
    assert samples["kind"].tolist() == [float(name[10]) for name in sorted(NAMES)]
    assert source.listing.roles == {
        "cats": "attribute", "dogs": "attribute", "kind": "statistic"
    }  # fmt: skip


def test_rows_in_are_rows_used_and_rows_listed(root, tmp_path, table):
    rows = [(name, n % 2) for n, name in enumerate(NAMES[:15])]
    rows += [rows[0], (NAMES[15], 0), (NAMES[15], 1), ("cats/none.png", 1), (NAMES[16], "maybe")]
    path = table([("file", "smile"), *rows])
    source = ImageFolder(root, labels=path, columns={"smile": "attribute"})
    with pytest.raises(DataError, match=r"0016_1\.png has different labels.*\(and 2 more\)"):
        prepare(source, "image_folder", tmp_path / "data", side=28)
    (root / NAMES[2]).write_bytes(b"broken")
    folder = prepare(source, "image_folder", tmp_path / "data", side=28, on_bad="skip")
    census = folder.description["census"]
    assert census["label_rows"] == {"found": 20, "used": 14, "refused": 6, "left_out": 0}
    assert census["pictures"] == {"found": 20, "used": 19, "refused": 1, "left_out": 0}
    assert folder.refused()["name"].value_counts().to_dict() == {
        NAMES[0]: 1, NAMES[15]: 2, "cats/none.png": 1, NAMES[16]: 1, NAMES[2]: 1,
    }  # fmt: skip
    samples = folder.samples().set_index("image_id")
    assert samples["smile"].isna().sum() == 19 - 14  # pictures without labels stay
    assert census["positives"]["smile"] == {"yes": 7, "no": 7, "unknown": 5}


def test_a_limit_counts_what_it_leaves_out(root, tmp_path, table):
    path = table([("file", "smile"), *((name, n % 2) for n, name in enumerate(NAMES[:10]))])
    source = ImageFolder(root, labels=path, limit=10)
    census = prepare(source, "image_folder", tmp_path / "data", side=28).description["census"]
    assert census["pictures"] == {"found": 20, "used": 10, "refused": 0, "left_out": 10}
    rows = census["label_rows"]
    assert rows["found"] == 10 == rows["used"] + rows["left_out"]


@pytest.mark.parametrize(
    ("rows", "match"),
    [
        ([("file", "smile"), ("elsewhere.png", 1)], "no row of .*labels.csv names a picture"),
        ([("file", "smile"), *((n, 1) for n in range(1, 4))], "no row of .*labels.csv"),
        ([("file", "smile"), ("cats/0001_1.png", 1), ("cats/0001_1.jpg", 0), ("dogs/0002_2", 1),
          ("dogs/0004_1", 1)], "names one picture as"),
        ([("file", "smile"), (NAMES[0], 1), (NAMES[1], "true")], "mixes the codings"),
        ([("file", "smile"), *zip(NAMES, [-1, 0, 1] * 7, strict=False)], "-1, 0 and 1"),
        ([("file", "smile", "smile"), (NAMES[0], 1, 1)], "two columns smile"),
        ([("file", ""), (NAMES[0], 1)], "without a name"),
        ([("file", "smile"), (NAMES[0],)], "line 2 has 1 columns"),
        ([("file", "smile")], "no row of labels"),
        ([("file", "mood", "mood_sad"), (NAMES[0], "sad", 1), (NAMES[1], "glad", 1)],
         "both be called mood_sad"),
    ],
)  # fmt: skip
def test_label_tables_that_cannot_be_used(root, table, rows, match):
    with pytest.raises(DataError, match=match):
        _ = ImageFolder(root, labels=table(rows)).listing


def test_lost_leading_zeros_are_told(tmp_path, table):
    for n in range(12):
        path = tmp_path / "zeros" / f"{n:06d}.png"
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", (28, 28)).save(path)
    path = table([("file", "smile"), *((n, n % 2) for n in range(1, 12))])
    with pytest.raises(DataError, match="lost leading zeros"):
        _ = ImageFolder(tmp_path / "zeros", labels=path).listing
    kept = table([("file", "smile"), *((f"{n:06d}", n % 2) for n in range(12))])
    samples = ImageFolder(tmp_path / "zeros", labels=kept).listing.samples
    assert samples["smile"].tolist() == [n % 2 == 1 for n in range(12)]


def test_one_name_in_two_folders_needs_the_path(root, table):
    (root / "cats" / "0002_2.png").write_bytes((root / "dogs" / "0002_2.png").read_bytes())
    by_name = table([("file", "n"), *((name.split("/")[1], n) for n, name in enumerate(NAMES))])
    with pytest.raises(DataError, match=r"cats/0002_2\.png as well as dogs/0002_2\.png"):
        _ = ImageFolder(root, labels=by_name).listing


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"pattern": "("}, "no regular expression"),
        ({"pattern": r"\d+"}, "names no groups"),
        ({"pattern": r"(?P<age>years)"}, "fits none of the 20 file names"),
        ({"key": "picture", "labels": "labels.csv"}, "no column picture; it has file, smile"),
    ],
)
def test_settings_that_do_not_fit(root, table, settings, match):
    path = table([("file", "smile"), (NAMES[0], 1)])
    if "labels" in settings:
        settings = {**settings, "labels": path}
    with pytest.raises((ConfigError, DataError), match=match):
        _ = ImageFolder(root, **settings).listing


def test_a_size_that_is_asked_for_is_held(root, tmp_path):
    Image.new("RGB", (31, 31)).save(root / NAMES[3])
    with pytest.raises(DataError, match=r"dogs/0004_1\.png has 31x31 pixels, not 40x30"):
        prepare(ImageFolder(root, size=(40, 30)), "image_folder", tmp_path / "data", side=28)


@pytest.mark.real
def test_ck_plus_by_folder_and_person(shared_data, tmp_path):
    source = ImageFolder(
        shared_data / "ckplus48" / "CK+48", folders=True, pattern=r"S(?P<identity>\d+)_",
        color="grey",
    )  # fmt: skip
    folder = prepare(source, "image_folder", tmp_path / "data", side=64)
    yes = {k: v["yes"] for k, v in folder.description["census"]["positives"].items()}
    assert yes == {
        "anger": 135, "contempt": 54, "disgust": 177, "fear": 75, "happy": 207, "sadness": 84,
        "surprise": 249,
    }  # fmt: skip
    assert folder.images().shape == (981, 64, 64, 1)
    assert (folder.samples().groupby("identity")["split"].nunique() == 1).all()


@pytest.mark.real
def test_utkface_by_the_pattern_of_its_names(shared_data, tmp_path):
    source = ImageFolder(
        shared_data / "utkface_sample",
        pattern=r"^(?P<age>\d+)_(?P<gender>[01])_(?P<race>[0-4])_",
        columns={"race": "category"},
    )
    samples = prepare(source, "image_folder", tmp_path / "data", side=64).samples()
    names = [
        path.name.split("_") for path in sorted((shared_data / "utkface_sample").glob("*.jpg"))
    ]
    assert samples["age"].tolist() == [float(parts[0]) for parts in names]
    assert samples["gender"].tolist() == [parts[1] == "1" for parts in names]
    assert samples["race_3"].tolist() == [parts[2] == "3" for parts in names]
