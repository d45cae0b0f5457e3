"""CelebA's text files as published, and what is refused by name."""

import lzma

import pandas as pd
import pytest

from latentlab.data.labels import read_attributes, read_identity, read_partition
from latentlab.errors import DataError

GOOD = "2\nSmiling Male\n000001.jpg -1  1\n000002.jpg  1 -1\n"


@pytest.fixture
def attributes(tmp_path):
    def written(text):
        path = tmp_path / "list_attr_celeba.txt"
        path.write_bytes(text.encode())
        return path

    return written


@pytest.mark.parametrize(
    "text", [GOOD, GOOD.replace("\n", "\r\n"), "\ufeff" + GOOD, GOOD + "\n\n", GOOD.rstrip()]
)
def test_attributes_however_the_lines_end(attributes, text):
    table = read_attributes(attributes(text)).values
    assert table.index.tolist() == ["000001.jpg", "000002.jpg"]
    assert table["Smiling"].tolist() == [False, True]
    assert str(table["Male"].dtype) == "boolean"


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "0 lines"),
        (GOOD.replace("2\n", "3\n", 1), "says '3' images, but 2 rows"),
        (GOOD.replace("2\n", "two\n", 1), "says 'two' images"),
        (GOOD.replace("000002.jpg  1 -1", "000002.jpg  1"), "line 4 has 2 columns, where 3"),
        (
            GOOD.replace("000002.jpg  1 -1", "000002.jpg  1 0"),
            r"mixes the codings .*0 \(line 4, Male",
        ),
        (GOOD.replace("Male", "Smiling"), "two columns Smiling"),
        (GOOD.replace("Male", "split"), "attribute split"),
        ("<html>quota</html>", "is a web page"),
        (GOOD + "\0", "zero bytes"),
    ],
)
def test_files_that_are_not_as_published(attributes, text, match):
    with pytest.raises(DataError, match=match):
        read_attributes(attributes(text))


@pytest.mark.parametrize(
    ("text", "refused", "harmless"),
    [
        (GOOD.replace("2\n", "3\n", 1) + "000002.jpg 1 -1\n", ["000002.jpg"], True),
        (GOOD.replace("2\n", "3\n", 1) + "000002.jpg 1 1\n", ["000002.jpg"] * 2, False),
        (GOOD.replace("000002.jpg  1 -1", "000002.jpg  1 x"), ["000002.jpg"], False),
    ],
)
def test_rows_that_are_not_used_are_listed(attributes, text, refused, harmless):
    table = read_attributes(attributes(text))
    assert [one.name for one in table.refused] == refused
    assert [one.harmless for one in table.refused] == [harmless] * len(refused)
    assert all("list_attr_celeba.txt, line" in one.reason for one in table.refused)
    assert table.rows == len(table.values) + len(table.refused)


@pytest.mark.parametrize(
    "coding", [("-1", "1"), ("0", "1"), ("False", "TRUE"), ("0.0", "1.0"), ("no", "yes")]
)
def test_every_coding_means_the_same(tmp_path, coding):
    path = tmp_path / "list_attr_celeba.csv"
    no, yes = coding
    path.write_text(f"image_id,Smiling,Male\na.jpg,{no},{yes}\nb.jpg,,{no}\n")
    values = read_attributes(path).values
    assert values["Male"].tolist() == [True, False]
    assert values["Smiling"].tolist() == [False, pd.NA]


def test_partition_and_identity(tmp_path):
    path = tmp_path / "list_eval_partition.txt"
    path.write_text("000001.jpg 0\n000002.jpg 1\n000003.jpg 2\n")
    assert read_partition(path).values["split"].tolist() == ["train", "valid", "test"]
    assert read_identity(path).values["identity"].tolist() == [0, 1, 2]
    path.write_text("000001.jpg 3\n000002.jpg 1\n")
    table = read_partition(path)
    assert table.values["split"].to_dict() == {"000002.jpg": "valid"}
    assert "has '3'" in table.refused[0].reason
    path.write_text("000001.jpg me\n000002.jpg 1.5\n000003.jpg 4\n")
    table = read_identity(path)
    assert table.values["identity"].to_dict() == {"000003.jpg": 4}
    assert ["'me'" in table.refused[0].reason, "'1.5'" in table.refused[1].reason] == [True, True]


def test_compressed_files_are_read_and_broken_ones_named(tmp_path):
    path = tmp_path / "list_attr_celeba.txt.xz"
    path.write_bytes(lzma.compress(GOOD.encode()))
    assert len(read_attributes(path).values) == 2
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(DataError, match=r"list_attr_celeba\.txt\.xz is cut off"):
        read_attributes(path)


@pytest.mark.real
def test_the_published_files_whole(shared_data):
    full = shared_data / "celeba" / "full"
    table = read_attributes(full / "list_attr_celeba.txt.xz").values
    assert table.shape == (202_599, 40)
    assert table["Smiling"].mean() == pytest.approx(0.482, abs=0.001)
    counts = read_partition(full / "list_eval_partition.txt.xz").values["split"].value_counts()
    assert counts.to_dict() == {"train": 162_770, "valid": 19_867, "test": 19_962}
    assert read_identity(full / "identity_CelebA.txt.xz").values["identity"].nunique() == 10_177
