"""What a data folder is made of, whether in one process or from parts: pictures in, files out."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from latentlab import artifacts, blocks, files, integrity, parquet
from latentlab.artifacts import (
    BLOCKS,
    REFUSED,
    ROLES,
    SAMPLES,
    SAMPLES_ROW_GROUP,
    SPLITS,
)
from latentlab.data import splits
from latentlab.data.source import Listing, Refusal, Source
from latentlab.errors import DataError

CHUNK = 512  # pictures read at a time
OWN_COLUMNS = ("image_id", "split", "identity")  # of samples.parquet, beside the targets
DEFAULT_SHARES = splits.Shares()


@dataclass(frozen=True)
class Order:
    """How pictures of a source shall become a data folder.

    Attributes:
        name: The source's name in SOURCES, by which it can be opened again.
        side: Height and width of the prepared images, pixels.
        split: One of `splits.POLICIES`.
        shares, seed: For the policies that divide images themselves.
        on_bad: What a picture or label row that cannot be used leads to: an error that names the
            first and counts the others, or a line in `refused.csv`.
    """

    name: str
    side: int
    split: str = "auto"
    shares: splits.Shares = DEFAULT_SHARES
    seed: int = 0
    on_bad: Literal["fail", "skip"] = "fail"

    def made_from(self, source: Source, folder: Path) -> dict[str, Any]:
        """What the bytes of the folder depend on, beside the source's files and `on_bad`. The
        files need not be there for it."""
        return {
            "source": self.name,
            "settings": stored_settings(source, folder),
            "side": self.side,
            "split": {"policy": self.split, "seed": self.seed, **asdict(self.shares)},
        }


def stored_settings(source: Source, folder: Path) -> dict[str, Any]:
    """The source's fields as plain values, with paths relative to the folder that stores them."""

    def plain(value: Any) -> Any:
        if isinstance(value, Path):
            return artifacts.relative_to(value, folder)
        return [plain(item) for item in value] if isinstance(value, tuple) else value

    return {key: plain(value) for key, value in asdict(source).items()}  # type: ignore[call-overload]


def laid_out(source: Source, order: Order) -> tuple[Listing, np.ndarray]:
    """What the source lists, with splits, and the place of every sample in that list.

    Raises:
        DataError: it lists nothing, ids repeat, or it cannot be split so.
    """
    listing = source.listing
    _check(listing)
    split = splits.POLICIES[order.split](listing.samples, order.shares, order.seed)
    return _with_split(listing, split), np.flatnonzero(split.notna())


@dataclass(frozen=True)
class Written:
    """What came of a pass over pictures.

    Attributes:
        used: Which of them are in the arrays, bool, (pictures,).
        refused: Why the others are not.
        noticed: What was done to how many of them.
        measured: Statistics, one row a picture that is used; None if there are none.
        arrays: Name -> shape of what was written.
        digests: Name -> digests of the blocks of the values.
    """

    used: np.ndarray
    refused: tuple[Refusal, ...]
    noticed: Counter[str]
    measured: pd.DataFrame | None
    arrays: dict[str, tuple[int, ...]]
    digests: dict[str, tuple[str, ...]]


def write_pictures(
    source: Source,
    places: np.ndarray,
    path: Callable[[str], AbstractContextManager[Path]],
    side: int,
    progress: Callable[[int], None] = lambda images: None,
) -> Written:
    """Read pictures of a source and write them into arrays, in memory that does not grow.

    Args:
        places: Of the pictures in the source's listing, rising, (pictures,).
        path: Opens where the array `images`, or `masks`, goes.
        progress: Called with the number of pictures just read.
    """
    used: list[np.ndarray] = []
    refused: list[Refusal] = []
    noticed: Counter[str] = Counter()
    measured: list[pd.DataFrame] = []
    with GrowingArrays(path) as arrays:
        for run in _runs(places):
            block = source.read(run.start, run.stop, side)
            arrays.append("images", block.images)
            if block.masks is not None:
                arrays.append("masks", block.masks)
            used.append(np.ones(len(run), bool) if block.used is None else block.used)
            refused += block.refused
            noticed.update(block.noticed)
            if block.measured is not None:
                measured.append(block.measured)
            progress(len(run))
    return Written(
        np.concatenate([np.zeros(0, bool), *used]),
        tuple(refused),
        noticed,
        pd.concat(measured, ignore_index=True) if measured else None,
        arrays.shapes,
        arrays.digests,
    )


def _runs(places: np.ndarray) -> Iterator[range]:
    """Numbers that follow one another, at most CHUNK at a time."""
    for start in range(0, len(places), CHUNK):
        chunk = places[start : start + CHUNK]
        for run in np.split(chunk, np.flatnonzero(np.diff(chunk) != 1) + 1):
            yield range(int(run[0]), int(run[-1]) + 1)


class GrowingArrays:
    """`.npy` files of uint8 that are written row by row, since their length is only known at the
    end: numpy's own writer would need the whole array in memory.

    Attributes:
        shapes: Name -> shape of what was written; digests: of the blocks of its values. Both are
            there when the block of `with` has ended.
    """

    def __init__(self, path: Callable[[str], AbstractContextManager[Path]]):
        """
        Args:
            path: Opens where the array of this name goes.
        """
        self.path = path
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.digests: dict[str, tuple[str, ...]] = {}
        self._arrays: dict[str, _GrowingArray] = {}

    def __enter__(self) -> "GrowingArrays":
        self._open = ExitStack().__enter__()
        return self

    def append(self, name: str, rows: np.ndarray) -> None:
        """Rows, uint8, (rows, ...); all of one name have the same shape but for their number."""
        if name not in self._arrays:
            path = self._open.enter_context(self.path(name))
            growing = _GrowingArray(path, rows.shape[1:])
            self._arrays[name] = self._open.enter_context(growing)
        self._arrays[name].append(rows)

    def __exit__(self, *exception: Any) -> None:
        self._open.__exit__(*exception)
        for name, array in self._arrays.items():
            self.shapes[name] = (array.rows, *array.shape)
            self.digests[name] = array.content.digests()


class _GrowingArray:
    def __init__(self, path: Path, shape: tuple[int, ...]):
        self.path, self.shape, self.rows = path, shape, 0
        self.content = blocks.BlockDigests(blocks.BLOCK)  # of the values, without the header

    def __enter__(self) -> "_GrowingArray":
        self.file = self.path.open("wb")
        self.file.write(integrity.array_header((0, *self.shape)))
        return self

    def append(self, rows: np.ndarray) -> None:
        block = np.ascontiguousarray(rows, dtype=np.uint8).tobytes()
        self.content.update(block)
        self.file.write(block)
        self.rows += len(rows)

    def __exit__(self, *exception: object) -> None:
        with self.file:
            if exception[0] is None:
                self.file.seek(0)
                self.file.write(integrity.array_header((self.rows, *self.shape)))


def write_rest(
    building: Path, folder: Path, source: Source, order: Order, listing: Listing, written: Written
) -> None:
    """Everything beside the arrays, which stand in `building` already.

    Args:
        folder: What `building` will be called.
        listing: As `laid_out` gave it.
        written: Of all its pictures.

    Raises:
        DataError: a picture cannot be used and the order is to fail; or a split is empty.
    """
    stop_if_told(written.refused, order.on_bad)
    samples = _ordered(listing.samples[written.used].reset_index(drop=True), written.measured)
    _check_splits(samples)
    parquet.write_table(building / SAMPLES, samples, row_group=SAMPLES_ROW_GROUP)
    refused = (*listing.refused, *written.refused)
    artifacts.write_refused(building, [(one.name, one.what, one.reason) for one in refused])
    description = {
        **order.made_from(source, folder),
        "channels": source.channels,
        "on_bad": order.on_bad,
        "images": len(samples),
        "splits": {split: int((samples["split"] == split).sum()) for split in SPLITS},
        "columns": {
            role: [column for column, its in listing.roles.items() if its == role]
            for role in (*ROLES, "class")
        },
        "census": _census(listing, samples, written),
        "notes": list(listing.notes),
        "digests": {
            **write_block_list(building, written.digests),
            "refused": files.digest(building / REFUSED),
        },
    }
    files.write_yaml(building / "data.yaml", description, with_digest=True)


def write_block_list(building: Path, arrays: dict[str, tuple[str, ...]]) -> dict[str, Any]:
    """Write the digests of the blocks of the samples table and of these arrays; what `data.yaml`
    says of them."""
    text = blocks.block_list(
        {
            **{f"{name}.npy": digests for name, digests in arrays.items()},
            SAMPLES: blocks.digests_of(building / SAMPLES, blocks.BLOCK),
        }
    )
    files.write_text(building / BLOCKS, text)
    return {"blocks": files.digest(building / BLOCKS), "block_bytes": blocks.BLOCK}


def _with_split(listing: Listing, split: pd.Series) -> Listing:
    """The listing with this split; what is in none is refused."""
    known = split.notna().to_numpy()
    had = np.zeros(len(known), bool) if listing.labelled is None else listing.labelled
    refused = tuple(
        Refusal(
            str(listing.samples["image_id"].iat[row]),
            "picture",
            "has no published split; say it in the labels, or choose --split random or identity",
            labelled=bool(had[row]),
        )
        for row in np.flatnonzero(~known)
    )
    return replace(
        listing,
        samples=listing.samples.assign(split=split)[known].reset_index(drop=True),
        refused=listing.refused + refused,
        found=listing.found if listing.found is not None else len(known),
        labelled=None if listing.labelled is None else had[known],
    )


def _ordered(samples: pd.DataFrame, measured: pd.DataFrame | None) -> pd.DataFrame:
    """Our own columns first, then the targets as the source has them, then what was measured."""
    if measured is not None:
        samples = pd.concat([samples, measured], axis=1)
    own = [name for name in OWN_COLUMNS if name in samples]
    return samples[own + [name for name in samples.columns if name not in own]]


def _census(listing: Listing, samples: pd.DataFrame, written: Written) -> dict[str, Any]:
    """What went in and where it went: found = used + refused + left out, for either kind."""
    candidates = len(listing.samples)
    pictures = sum(one.what == "picture" for one in listing.refused) + len(written.refused)
    census: dict[str, Any] = {
        "pictures": {
            "found": listing.found if listing.found is not None else candidates,
            "used": len(samples),
            "refused": pictures,
            "left_out": listing.left_out[0],
        }
    }
    if listing.labelled is not None:
        used = int(listing.labelled[written.used].sum())
        rows = sum(one.what == "label row" or one.labelled for one in listing.refused)
        census["label_rows"] = {
            "found": listing.label_rows,
            "used": used,
            "refused": rows + int(listing.labelled.sum()) - used,
            "left_out": listing.left_out[1],
        }
    census["noticed"] = dict(sorted(written.noticed.items()))
    census["positives"] = {
        name: {
            "yes": int((samples[name] == True).sum()),  # noqa: E712 (missing is neither)
            "no": int((samples[name] == False).sum()),  # noqa: E712
            "unknown": int(samples[name].isna().sum()),
        }
        for name, role in listing.roles.items()
        if role == "attribute"
    }
    return census


def stop_if_told(refused: Sequence[Refusal], on_bad: str) -> None:
    serious = [one for one in refused if not one.harmless]
    if on_bad == "skip" or not serious:
        return
    first, more = serious[0], len(serious) - 1
    others = f" (and {more:,} more)" if more else ""
    # A name with a line break in it must not break the line.
    name = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in first.name)
    raise DataError(
        f"{name} {first.reason}{others}. Mend or remove what is named, or leave it out with"
        " --on-bad skip; refused.csv then lists it."
    )


def _check(listing: Listing) -> None:
    samples = listing.samples
    if samples.empty:
        raise DataError("the source holds no image. Check its folder and its limit.")
    ids = samples["image_id"]
    if not ids.is_unique:
        raise DataError(
            f"image {ids[ids.duplicated()].iloc[0]} is listed twice. Remove one of the two."
        )
    own = set(OWN_COLUMNS) & set(listing.roles)
    if own:
        raise ValueError(f"roles name columns of our own: {sorted(own)}")


def _check_splits(samples: pd.DataFrame) -> None:
    missing = [split for split in SPLITS if not (samples["split"] == split).any()]
    if missing:
        raise DataError(
            f"of {len(samples):,} images none is in the {missing[0]} split, which every later stage"
            " needs. Use more images, or another --split."
        )
