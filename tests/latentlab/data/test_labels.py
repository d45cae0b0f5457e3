"""CelebA's text files as published, and what is refused by name."""

import lzma

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
    table = read_attributes(attributes(text))
    assert table.index.tolist() == ["000001.jpg", "000002.jpg"]
    assert table["Smiling"].tolist() == [False, True]
    assert str(table["Male"].dtype) == "boolean"


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "lines"),
        (GOOD.replace("2\n", "3\n", 1), "says '3' images, but 2 rows"),
        (GOOD.replace("2\n", "two\n", 1), "says 'two' images"),
        (GOOD.replace("000002.jpg  1 -1", "000002.jpg  1"), "line 4 has 2 columns, not 3"),
        (GOOD.replace("000002.jpg  1 -1", "000002.jpg  1 0"), "000002.jpg has '0' for Male"),
        (GOOD.replace("000002", "000001"), "000001.jpg is listed twice"),
        (GOOD.replace("Male", "Smiling"), "line 2 names Smiling twice"),
        (GOOD.replace("Male", "split"), "line 2 names split"),
    ],
)
def test_attributes_that_are_not_as_published(attributes, text, match):
    with pytest.raises(DataError, match=match):
        read_attributes(attributes(text))


def test_partition_and_identity(tmp_path):
    path = tmp_path / "list_eval_partition.txt"
    path.write_text("000001.jpg 0\n000002.jpg 1\n000003.jpg 2\n")
    assert read_partition(path).tolist() == ["train", "valid", "test"]
    assert read_identity(path).tolist() == [0, 1, 2]
    path.write_text("000001.jpg 3\n")
    with pytest.raises(DataError, match=r"000001\.jpg has '3'"):
        read_partition(path)
    path.write_text("000001.jpg me\n")
    with pytest.raises(DataError, match=r"000001\.jpg has 'me'"):
        read_identity(path)


def test_compressed_files_are_read_and_broken_ones_named(tmp_path):
    path = tmp_path / "list_attr_celeba.txt.xz"
    path.write_bytes(lzma.compress(GOOD.encode()))
    assert len(read_attributes(path)) == 2
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(DataError, match=r"list_attr_celeba\.txt\.xz cannot be read"):
        read_attributes(path)


@pytest.mark.real
def test_the_published_files_whole(shared_data):
    full = shared_data / "celeba" / "full"
    table = read_attributes(full / "list_attr_celeba.txt.xz")
    assert table.shape == (202_599, 40)
    assert table["Smiling"].mean() == pytest.approx(0.482, abs=0.001)
    counts = read_partition(full / "list_eval_partition.txt.xz").value_counts()
    assert counts.to_dict() == {"train": 162_770, "valid": 19_867, "test": 19_962}
    assert read_identity(full / "identity_CelebA.txt.xz").nunique() == 10_177
