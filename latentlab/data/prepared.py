"""From a source to a data folder: one pass over the pictures, flat memory, whole or not at all."""

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from latentlab import artifacts, files, integrity
from latentlab.artifacts import ROLES, SPLITS, DataFolder
from latentlab.data import splits
from latentlab.data.source import Listing, Refusal, Source
from latentlab.errors import DataError
from latentlab.settings import settings_model

CHUNK = 512  # pictures read at a time
OWN_COLUMNS = ("image_id", "split", "identity")  # of samples.parquet, beside the targets
DEFAULT_SHARES = splits.Shares()


def prepare(
    source: Source,
    name: str,
    folder: Path,
    *,
    side: int,
    split: str = "auto",
    shares: splits.Shares = DEFAULT_SHARES,
    seed: int = 0,
    on_bad: Literal["fail", "skip"] = "fail",
    progress: Callable[[int], None] = lambda images: None,
) -> DataFolder:
    """Write a new data folder: images, samples, masks if there are any, census and refusals.

    Args:
        source: A dataclass whose fields are its settings.
        name: The source's name in SOURCES, by which it can be opened again.
        folder: Takes its name only when everything is in place.
        side: Height and width of the prepared images, pixels.
        split: One of `splits.POLICIES`.
        shares, seed: For the policies that divide images themselves.
        on_bad: What a picture or label row that cannot be used leads to: an error that names the
            first and counts the others, or a line in `refused.csv`.
        progress: Called with the number of pictures just read.

    Raises:
        DataError: a picture or label row cannot be used and `on_bad` is "fail"; nothing is left;
            ids repeat; a split is empty; or the folder holds something else.
    """
    if folder.exists() and any(folder.iterdir()) and not (folder / "data.yaml").is_file():
        raise DataError(f"{folder} exists and is not a data folder. Choose another --out.")
    listing = source.listing
    _check(listing)
    listing = _with_split(listing, splits.POLICIES[split](listing.samples, shares, seed))
    _stop_if_told(listing.refused, on_bad)
    samples = listing.samples
    with files.whole_folder(folder) as building:
        written = _write_pictures(source, building, len(samples), side, progress)
        _stop_if_told(written.refused, on_bad)
        samples = _ordered(samples[written.used].reset_index(drop=True), written.measured)
        _check_splits(samples)
        artifacts.write_table(building / "samples.parquet", samples)
        refused = (*listing.refused, *written.refused)
        artifacts.write_refused(building, [(one.name, one.what, one.reason) for one in refused])
        description = {
            "source": name,
            "settings": stored_settings(source, folder),
            "side": side,
            "channels": source.channels,
            "split": {"policy": split, "seed": seed, **asdict(shares)},
            "on_bad": on_bad,
            "images": len(samples),
            "splits": {split: int((samples["split"] == split).sum()) for split in SPLITS},
            "columns": {
                role: [column for column, its in listing.roles.items() if its == role]
                for role in (*ROLES, "class")
            },
            "census": _census(listing, samples, written),
            "notes": list(listing.notes),
            "digests": {
                **written.digests,
                "samples": files.digest(building / "samples.parquet"),
                "refused": files.digest(building / "refused.csv"),
            },
        }
        files.write_yaml(building / "data.yaml", description, with_digest=True)
    return DataFolder.open(folder)


@dataclass(frozen=True)
class Originals:
    """The pictures that a data folder was made from, in its order, to measure on."""

    source: Source
    image_ids: tuple[str, ...]
    places: tuple[int, ...]

    @classmethod
    def of(cls, source: Source) -> "Originals":
        """Every picture of a source."""
        ids = tuple(source.listing.samples["image_id"])
        return cls(source, ids, tuple(range(len(ids))))

    def original(self, index: int) -> np.ndarray:
        """uint8, (height, width, 1 or 3), as it came."""
        return self.source.original(self.places[index])


def originals(folder: DataFolder) -> Originals:
    """The original pictures of a data folder; its source must still be where it was."""
    source = reopen(folder)
    wanted = folder.samples()["image_id"]
    places = pd.Index(source.listing.samples["image_id"]).get_indexer(wanted)
    if (places < 0).any():
        lost = wanted[places < 0]
        raise DataError(
            f"{lost.iloc[0]} ({len(lost) - 1:,} more) of {folder.path} is no longer in its source."
            " Bring it back, or prepare again."
        )
    return Originals(source, tuple(wanted), tuple(int(place) for place in places))


def reopen(folder: DataFolder) -> Source:
    """The source a data folder was made from."""
    from latentlab.data import SOURCES  # here, since the sources are built on this module's package

    description = folder.description
    entry = SOURCES[description["source"]]
    settings = dict(settings_model(entry).model_validate(description["settings"]))
    for key, value in settings.items():
        if isinstance(value, Path):
            settings[key] = folder.path / value
    return entry(**settings)


def stored_settings(source: Source, folder: Path) -> dict[str, Any]:
    """The source's fields as plain values, with paths relative to the folder that stores them."""

    def plain(value: Any) -> Any:
        if isinstance(value, Path):
            return artifacts.relative_to(value, folder)
        return [plain(item) for item in value] if isinstance(value, tuple) else value

    return {key: plain(value) for key, value in asdict(source).items()}  # type: ignore[call-overload]


@dataclass(frozen=True)
class _Written:
    """What came of the pass over the pictures."""

    used: np.ndarray
    refused: tuple[Refusal, ...]
    noticed: Counter[str]
    measured: pd.DataFrame | None
    digests: dict[str, str]


def _write_pictures(
    source: Source, building: Path, count: int, side: int, progress: Callable[[int], None]
) -> _Written:
    used = np.ones(count, bool)
    refused: list[Refusal] = []
    noticed: Counter[str] = Counter()
    measured: list[pd.DataFrame] = []
    with ExitStack() as open_files:
        arrays: dict[str, _GrowingArray] = {}
        for start in range(0, count, CHUNK):
            stop = min(start + CHUNK, count)
            block = source.read(start, stop, side)
            for name, part in (("images", block.images), ("masks", block.masks)):
                if part is None:
                    continue
                if name not in arrays:
                    growing = _GrowingArray(building / f"{name}.npy", part.shape[1:])
                    arrays[name] = open_files.enter_context(growing)
                arrays[name].append(part)
            if block.used is not None:
                used[start:stop] = block.used
            refused += block.refused
            noticed.update(block.noticed)
            if block.measured is not None:
                measured.append(block.measured)
            progress(stop - start)
    return _Written(
        used,
        tuple(refused),
        noticed,
        pd.concat(measured, ignore_index=True) if measured else None,
        {name: array.content.hexdigest() for name, array in arrays.items()},
    )


class _GrowingArray:
    """A `.npy` file of uint8 that is written row by row, since its length is only known at the end.

    numpy's own writer would need the whole array in memory.
    """

    def __init__(self, path: Path, shape: tuple[int, ...]):
        self.path, self.shape, self.rows = path, shape, 0
        self.content = hashlib.sha256()  # of the values, without the header

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


def _census(listing: Listing, samples: pd.DataFrame, written: _Written) -> dict[str, Any]:
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


def _stop_if_told(refused: Sequence[Refusal], on_bad: str) -> None:
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
