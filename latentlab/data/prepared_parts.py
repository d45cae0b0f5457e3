"""A data folder in parts that are made apart, on any machines that see the same files.

Beside the folder DATA, which takes its name only when it is whole, `DATA.parts` holds the list of
pictures, made once, and of every part its arrays and a table of its pictures. Joining writes the
same bytes that one process writes, and removes the parts.

Every part has files of its own: processes on several machines that write into one file, each its
range, can lose bytes at the edges on a network disk (NFS keeps whole pages), and where a part's
rows begin is not known before all parts before it have refused what they refuse. The price is that
all values are read and written once more.
"""

import shutil
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd

from latentlab import blocks, files, parquet
from latentlab.artifacts import SAMPLES, SAMPLES_ROW_GROUP, DataFolder
from latentlab.data.building import (
    GrowingArrays,
    Order,
    Written,
    laid_out,
    stop_if_told,
    write_block_list,
    write_pictures,
    write_rest,
)
from latentlab.data.images import AT_ONCE
from latentlab.data.prepared import check_free
from latentlab.data.source import Listing, Refusal, Source
from latentlab.errors import DataError
from latentlab.shards import Parts, Shard, every, key_of

PLACE = "latentlab.place"  # column of the list: where a picture stands in its source
USED = "latentlab.used"  # column of a part's table: whether a picture is in its arrays
COPIED = 8 << 20  # bytes of an array that are in memory while parts are joined


def parts_place(folder: Path) -> Path:
    """Where the parts of a data folder that is not there yet are."""
    return folder.with_name(f"{folder.name}.parts")


def remove_parts(folder: Path) -> None:
    """Remove what the parts of a data folder were, once it is there."""
    shutil.rmtree(parts_place(folder), ignore_errors=True)


@dataclass(frozen=True)
class _Part:
    """What a part's table says.

    Attributes:
        table: USED, and what was measured, one row a picture.
        about: What `PreparedParts.make` put beside it.
    """

    shard: Shard
    table: pd.DataFrame
    about: dict[str, Any]

    @property
    def refused(self) -> list[Refusal]:
        return [Refusal(**one) for one in self.about["refused"]]


@dataclass(frozen=True)
class PreparedParts:
    """The parts of a data folder.

    Attributes:
        folder: The data folder itself.
        listing: What its pictures are, in order; laid out as a data folder without images.
        parts: The tables of the pictures of each part.
    """

    folder: Path
    listing: DataFolder
    parts: Parts

    @classmethod
    def of(cls, folder: Path, made_from: dict[str, Any]) -> "PreparedParts | None":
        """With the list that is there, if it was made from these settings."""
        place = parts_place(folder)
        if not (place / "listing" / "data.yaml").is_file():
            return None
        listing = DataFolder.open(place / "listing")
        if listing.description["made_from"] != key_of(made_from):
            return None
        parts = Parts(place, key_of({"listing": listing.digest}), listing.image_ids, AT_ONCE)
        return cls(folder, listing, parts)

    def array(self, shard: Shard, name: str) -> Path:
        """`images` or `masks` of a part; it stands before the part's table does."""
        return self.parts.path(shard).with_suffix(f".{name}.npy")

    def make(
        self,
        source: Source,
        side: int,
        shard: Shard,
        progress: Callable[[int], None] = lambda images: None,
    ) -> None:
        """Prepare the pictures of one part. Those that cannot be used are listed in it.

        Raises:
            ConfigError: there are so many parts that this one is empty.
            DataError: the source cannot be read.
        """
        samples = self.listing.samples_of(self.parts.some_rows(shard))
        places = samples.pop(PLACE).to_numpy()
        if hasattr(source, "picked"):
            source, places = source.picked(samples), np.arange(len(samples))
        written = write_pictures(
            source, places, lambda name: files.whole_file(self.array(shard, name)), side, progress
        )
        table = pd.DataFrame({"image_id": samples["image_id"].to_numpy(), USED: written.used})
        if written.measured is not None:
            measured = written.measured.set_index(table.index[written.used])
            table = table.join(measured)
        about = {
            "refused": [asdict(one) for one in written.refused],
            "noticed": dict(written.noticed),
            "measured": None if written.measured is None else list(written.measured.columns),
            "arrays": written.arrays,
            "digests": written.digests,
            "block": blocks.BLOCK,
        }
        self.parts.write(shard, [table], about)

    def stop_if_told(self, shards: list[Shard], on_bad: str) -> None:
        """Refuse parts with pictures that cannot be used, where that is to fail. Such parts are
        removed, to be made again when the pictures are mended.

        Raises:
            DataError: that names the first picture and counts the others.
        """
        refused: list[Refusal] = []
        for shard in shards:
            found = self._part(shard).refused
            refused += found
            if on_bad == "fail" and any(not one.harmless for one in found):
                self.parts.path(shard).unlink()
        stop_if_told(refused, on_bad)

    def gather(
        self, shards: list[Shard], building: Path, progress: Callable[[int], None]
    ) -> Written:
        """The arrays of these parts one after the other as those of `building`, and what came of
        all of them.

        Raises:
            DataError: a part is damaged; its table is removed, so that it counts as missing.
        """
        parts = [self._part(shard) for shard in shards]
        with GrowingArrays(lambda name: nullcontext(building / f"{name}.npy")) as arrays:
            for part in parts:
                for name in part.about["arrays"]:
                    self._copy(part, name, arrays)
                progress(len(part.table))
        noticed: Counter[str] = Counter()
        for part in parts:
            noticed.update(part.about["noticed"])
        measured = [
            part.table.loc[part.table[USED], part.about["measured"]]
            for part in parts
            if part.about["measured"] is not None
        ]
        return Written(
            np.concatenate([part.table[USED].to_numpy(bool) for part in parts]),
            tuple(refusal for part in parts for refusal in part.refused),
            noticed,
            pd.concat(measured, ignore_index=True) if measured else None,
            arrays.shapes,
            arrays.digests,
        )

    def _part(self, shard: Shard) -> _Part:
        frames = [frame.drop(columns="image_id") for frame in self.parts.frames(shard)]
        table = pd.concat(frames, ignore_index=True)
        return _Part(shard, table, parquet.read_metadata(self.parts.path(shard)))

    def _copy(self, part: _Part, name: str, arrays: GrowingArrays) -> None:
        path = self.array(part.shard, name)
        found = blocks.BlockDigests(part.about["block"])
        try:
            values = np.load(path, mmap_mode="r", allow_pickle=False)
            if values.dtype != np.uint8 or list(values.shape) != part.about["arrays"][name]:
                raise ValueError("another shape")
            step = max(1, COPIED // max(1, int(np.prod(values.shape[1:]))))
            for start in range(0, max(1, len(values)), step):  # also of a part without any
                rows = np.ascontiguousarray(values[start : start + step])
                found.update(rows.tobytes())
                arrays.append(name, rows)
            if list(found.digests()) != part.about["digests"][name]:
                raise ValueError("SHA-256")
        except (FileNotFoundError, ValueError, EOFError) as error:
            self.parts.path(part.shard).unlink()
            raise DataError(
                f"{path} is damaged: it is not what was written ({error}). Make part"
                f" {part.shard} again with --shard."
            ) from error


def planned(source: Source, folder: Path, order: Order) -> PreparedParts:
    """The parts of a data folder, by a list of its pictures that is made now, unless just that
    list is there. Parts of another list no longer count.

    Raises:
        DataError: the folder is something else's; or as `building.laid_out`; or a label row cannot
            be used and the order is to fail.
    """
    return _planned(source, folder, order)[0]


def _planned(source: Source, folder: Path, order: Order) -> tuple[PreparedParts, Listing]:
    check_free(folder)
    listing, places = laid_out(source, order)
    stop_if_told(listing.refused, order.on_bad)
    made_from, place = order.made_from(source, folder), parts_place(folder)
    files.make_folder(place)
    with TemporaryDirectory(dir=place) as temporary:
        made = Path(temporary)
        table = listing.samples.assign(**{PLACE: places})
        parquet.write_table(made / SAMPLES, table, row_group=SAMPLES_ROW_GROUP)
        description = {
            "made_from": key_of(made_from),
            "images": len(places),
            "digests": write_block_list(made, {}),
        }
        files.write_yaml(made / "data.yaml", description, with_digest=True)
        there = place / "listing" / "data.yaml"
        if not there.is_file() or there.read_bytes() != (made / "data.yaml").read_bytes():
            with files.whole_folder(place / "listing") as building:
                shutil.copytree(made, building, dirs_exist_ok=True)
    found = PreparedParts.of(folder, made_from)
    assert found is not None  # just made
    return found, listing


def join(
    source: Source,
    folder: Path,
    order: Order,
    progress: Callable[[int], None] = lambda images: None,
) -> DataFolder:
    """Make the data folder from its parts, and remove them.

    Args:
        progress: Called with the number of pictures just joined.

    Raises:
        MissingArtifactError: parts are missing, or were made from other pictures or settings.
        DataError: as `prepared.prepare`; or a part is damaged.
    """
    parts, listing = _planned(source, folder, order)
    shards = every(len(parts.parts.complete()))
    parts.stop_if_told(shards, order.on_bad)
    with files.whole_folder(folder) as building:
        written = parts.gather(shards, building, progress)
        write_rest(building, folder, source, order, listing, written)
    remove_parts(folder)
    return DataFolder.open(folder)
