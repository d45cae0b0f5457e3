"""A label file that cannot be trusted is named; rows in are rows used and rows listed, always."""

import pytest
from PIL import Image

from latentlab.data.celeba import CelebA
from latentlab.data.image_folder import ImageFolder
from latentlab.data.prepared import prepare
from latentlab.data.splits import Shares
from latentlab.errors import DataError
from tests.latentlab.data import hostile

SHARES = Shares(0.25, 0.25)  # so that twelve pictures, less a few, fill every split
BAD = [case for seed in range(2) for case in hostile.bad_labels(seed)]
ODD = [case for seed in range(2) for case in hostile.odd_labels(seed)]


def named(cases):
    return [pytest.param(case, id=case.name) for case in cases]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Twelve pictures of CelebA's size under its names."""
    folder = tmp_path_factory.mktemp("pictures")
    for n, name in enumerate(hostile.IDS):
        Image.new("RGB", (178, 218), (20 * n, 90, 255 - 20 * n)).save(folder / name)
    return folder


@pytest.fixture
def source(pictures, tmp_path):
    """Writes label files, over good ones where the layout has several; gives name and source."""

    def made(case):
        root = tmp_path / "source"
        root.mkdir()
        files = dict(case.files)
        if case.layout == "celeba":
            (root / "img_align_celeba").symlink_to(pictures)
            for stem, content in (
                (hostile.ATTRIBUTES, hostile.attributes_text(hostile.attribute_rows())),
                (hostile.PARTITION, hostile.text(*hostile.partition_rows())),
            ):
                if not any(name.startswith(stem) for name in files):
                    files[f"{stem}.txt"] = content
        for name, content in files.items():
            if content is None:
                (root / name).mkdir()
            else:
                (root / name).write_bytes(content)
        if case.layout == "celeba":
            return "celeba", CelebA(root)
        return "image_folder", ImageFolder(pictures, labels=root / case.table)

    return made


def test_there_are_enough_of_them():
    assert len({case.name for case in BAD}) >= 40
    assert len({case.name for case in ODD}) >= 15


@pytest.mark.parametrize("case", named(BAD))
def test_a_bad_label_file_is_named_in_one_line_and_nothing_is_left(case, source, tmp_path):
    name, opened = source(case)
    with pytest.raises(DataError) as caught:
        prepare(opened, name, tmp_path / "data", side=28, shares=SHARES)
    message = str(caught.value)
    assert "\n" not in message
    assert message.isprintable()
    for part in case.names:
        assert part in message
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


@pytest.mark.parametrize("case", named([case for case in BAD if not case.rows]))
def test_a_file_that_is_bad_as_a_whole_is_not_skipped(case, source, tmp_path):
    name, opened = source(case)
    with pytest.raises(DataError):
        prepare(opened, name, tmp_path / "data", side=28, shares=SHARES, on_bad="skip")
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


@pytest.mark.parametrize("case", named([case for case in BAD if case.rows] + ODD))
def test_rows_in_are_rows_used_and_rows_listed(case, source, tmp_path):
    name, opened = source(case)
    on_bad = "skip" if case.rows else "fail"
    folder = prepare(opened, name, tmp_path / "data", side=28, shares=SHARES, on_bad=on_bad)
    census, refused = folder.description["census"], folder.refused()
    for counts in (census["pictures"], census["label_rows"]):
        assert counts["found"] == counts["used"] + counts["refused"] + counts["left_out"]
    assert census["pictures"]["found"] == hostile.COUNT
    assert census["pictures"]["refused"] == (refused["what"] == "picture").sum()
    assert census["label_rows"]["refused"] == len(refused) - unlabelled(refused)
    listed = refused["name"].tolist()
    for key in case.refused:
        listed.remove(key)  # at least once for each
    samples = folder.samples().set_index("image_id")
    assert len(samples) == len(folder.images()) == census["pictures"]["used"]
    for n, picture in enumerate(hostile.IDS):
        if picture not in samples.index:
            assert picture in {*case.refused, *case.unknown}
            assert picture in set(refused["name"])
        elif picture in case.unknown:
            assert samples.loc[picture, ["Smiling", "Male"]].isna().all()
        elif picture not in case.refused or not case.rows:
            said = {"Smiling": hostile.smiles(n), "Male": hostile.male(n)}
            given = [name for name in said if name in samples]
            assert given
            assert samples.loc[picture, given].tolist() == [said[name] for name in given]


def unlabelled(refused):
    """Pictures that are refused because no row was found for them."""
    return int(refused["reason"].str.startswith("has no row in list_attr_celeba").sum())
