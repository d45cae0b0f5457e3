"""Parts of a table: every row in one part, and joined only when every image is there once."""

import pandas as pd
import pytest

from latentlab.errors import ConfigError, DataError, MissingArtifactError
from latentlab.parquet import read_metadata, read_table
from latentlab.shards import Parts, Shard, every

IDS = [f"{number:03d}.jpg" for number in range(25)]


def frames(rows, chunk=3):
    for start in range(rows.start, rows.stop, chunk):
        at = range(start, min(start + chunk, rows.stop))
        yield pd.DataFrame({"image_id": [IDS[row] for row in at], "value": [row / 7 for row in at]})


@pytest.fixture
def parts(tmp_path):
    return Parts(tmp_path / "parts", "key", IDS, step=2)


def make(parts, shards):
    for shard in shards:
        parts.write(shard, frames(parts.rows(shard)))


@pytest.mark.parametrize("total", [0, 1, 7, 64, 1000])
@pytest.mark.parametrize("of", [1, 2, 3, 8, 100])
@pytest.mark.parametrize("step", [1, 5, 64])
def test_parts_cover_every_row_once_and_begin_at_steps(total, of, step):
    rows = [shard.rows(total, step) for shard in every(of)]
    assert [row for part in rows for row in part] == list(range(total))
    assert all(part.start % step == 0 for part in rows if part)
    sizes = [len(part) for part in rows if part]
    assert not sizes or max(sizes) - min(sizes) <= 2 * step


@pytest.mark.parametrize("text", ["0/4", "5/4", "3", "a/b", "1/0", "-1/4", "1/4/2"])
def test_what_is_no_part_is_refused(text):
    with pytest.raises(ConfigError, match="i/n"):
        Shard.parse(text)


def test_the_parts_are_the_table(parts, tmp_path):
    assert Shard.parse("2/4") == Shard(2, 4)
    assert Shard(1, 8).file_name == "part-00001-of-00008.parquet"
    make(parts, reversed(every(4)))
    parts.join(tmp_path / "whole.parquet", {"run": "test"})
    found = read_table(tmp_path / "whole.parquet")
    pd.testing.assert_frame_equal(found, pd.concat(frames(range(25)), ignore_index=True))
    assert read_metadata(tmp_path / "whole.parquet") == {"run": "test"}


def test_a_missing_part_is_named_and_nothing_is_written(parts, tmp_path):
    make(parts, [Shard(1, 4), Shard(4, 4)])
    with pytest.raises(MissingArtifactError, match="lacks 2 of 4 parts: 2/4, 3/4"):
        parts.join(tmp_path / "whole.parquet")
    assert not (tmp_path / "whole.parquet").exists()


def test_parts_of_something_else_do_not_count(parts, tmp_path):
    make(parts, every(2))
    other = Parts(parts.folder, "another key", IDS, step=2)
    assert parts.there(Shard(1, 2)) and not other.there(Shard(1, 2))
    with pytest.raises(MissingArtifactError, match="2 of them made from other data"):
        other.join(tmp_path / "whole.parquet")


def test_an_image_lost_doubled_or_exchanged_is_found(parts, tmp_path):
    make(parts, every(3))
    path = parts.path(Shard(2, 3))
    good = read_table(path)
    about = read_metadata(path)
    from latentlab.parquet import write_table

    for broken in (
        good.iloc[:-1],
        pd.concat([good, good.tail(1)]),
        good.iloc[::-1],
        good.assign(image_id=good["image_id"].iloc[0]),
    ):
        write_table(path, broken, about)
        with pytest.raises(DataError, match="part-00002-of-00003"):
            parts.join(tmp_path / "whole.parquet")
    path.write_bytes(path.read_bytes()[:-40])
    assert not parts.there(Shard(2, 3))


def test_a_part_takes_its_name_when_it_is_whole(parts):
    def stopping():
        yield from list(frames(parts.rows(Shard(1, 2))))[:1]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        parts.write(Shard(1, 2), stopping())
    assert list(parts.folder.iterdir()) == []
    with pytest.raises(ValueError, match="rows"):
        parts.write(Shard(1, 2), list(frames(parts.rows(Shard(1, 2))))[:1])
    with pytest.raises(ConfigError, match="at most 13 parts"):
        parts.write(Shard(1, 99), frames(range(0)))


def test_parts_of_two_ways_to_divide(parts, tmp_path):
    make(parts, [Shard(1, 2), Shard(1, 3)])
    with pytest.raises(DataError, match="parts of 2 and of 3"):
        parts.complete()
    make(parts, [Shard(2, 2)])
    assert len(parts.complete()) == 2
