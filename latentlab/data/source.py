"""What every source gives, however its pictures are stored."""

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Refusal:
    """A picture, or a row of a label file, that did not become a sample.

    Attributes:
        name: The picture's file name, or the label row's key.
        what: Which of the two it is. A picture that is refused takes its label row along.
        reason: What is wrong with it and what to do, as a clause that follows the name.
        harmless: Nothing is wrong with it, it only found no partner (a label row without its
            picture, a repeated row): it is listed, but never a cause to stop.
        labelled: This is a picture and a row of the label file goes with it.
    """

    name: str
    what: Literal["picture", "label row"]
    reason: str
    harmless: bool = False
    labelled: bool = False


@dataclass(frozen=True)
class Listing:
    """What a source knows before any picture is decoded.

    Attributes:
        samples: One row an image, in order: `image_id` (text, unique), `split` if the source comes
            with one (train/valid/test), `identity` if known, then one column a target: nullable
            boolean for attributes, float for statistics and factors. Other columns may follow.
        roles: Target -> "attribute", "statistic" or "factor", also of those statistics that are
            only measured while the pictures are read; discrete codes of factors have the role
            "class" (whole numbers).
        refused: What was found and cannot be a sample.
        found: Pictures found, with those that are refused or beyond the limit; None if that is
            the number of samples.
        labelled: Which samples have a row in the label file, bool, (samples,); None where labels
            do not come from a file.
        label_rows: Rows of the label file.
        left_out: Samples beyond the limit, and how many of these had a label row.
        notes: Facts about the data for the person, in words.
    """

    samples: pd.DataFrame
    roles: dict[str, str]
    refused: tuple[Refusal, ...] = ()
    found: int | None = None
    labelled: np.ndarray | None = None
    label_rows: int = 0
    left_out: tuple[int, int] = (0, 0)
    notes: tuple[str, ...] = ()

    def limited(self, limit: int | None) -> "Listing":
        """At most `limit` samples, taken evenly over the list, so that every split keeps its
        share: the first ones of a published order are often all of one kind."""
        count = len(self.samples)
        if limit is None or limit >= count:
            return self
        rows = evenly(count, limit)
        labelled = None if self.labelled is None else self.labelled[rows]
        lost = 0 if labelled is None else int(self.labelled.sum() - labelled.sum())  # type: ignore[union-attr]
        return replace(
            self,
            samples=self.samples.iloc[rows].reset_index(drop=True),
            found=self.found if self.found is not None else count,
            labelled=labelled,
            left_out=(count - limit, lost),
        )


def evenly(count: int, limit: int) -> np.ndarray:
    """`limit` of the numbers 0..count-1, evenly spaced and rising."""
    return np.linspace(0, count - 1, limit).round().astype(int)


@dataclass(frozen=True)
class Block:
    """Consecutive pictures of a source as the model sees them.

    Attributes:
        images: uint8, (used, side, side, channels).
        used: Which of the pictures asked for these are, bool, (asked for,); None for all of them.
        refused: One entry a picture that is not among them.
        noticed: What was done to how many pictures, in words, such as "turned upright".
        masks: uint8, (used, side, side): 255 where the picture is kept, 0 where it was painted
            over, between them on the edge. None where nothing is.
        measured: Statistics taken from the same pictures, one row a used picture; None if none.
    """

    images: np.ndarray
    used: np.ndarray | None = None
    refused: tuple[Refusal, ...] = ()
    noticed: Counter[str] = field(default_factory=Counter)
    masks: np.ndarray | None = None
    measured: pd.DataFrame | None = None


class Source(Protocol):
    """Where pictures and what is known about them come from."""

    @property
    def listing(self) -> Listing:
        """Everything but the pixels. Computed once.

        Raises DataError where a file is missing or as a whole not what it should be."""
        ...

    @property
    def channels(self) -> int:
        """1 (grey) or 3 (RGB)."""
        ...

    def read(self, start: int, stop: int, side: int) -> Block:
        """Pictures start..stop-1 of the listing, `side` pixels high and wide. `prepare` asks for
        them in order, each once. A picture that cannot be read is refused, not raised."""
        ...

    def original(self, index: int) -> np.ndarray:
        """One picture as it came, for measuring on: uint8, (height, width, 1 or 3).

        Raises DataError that names the file if it cannot be read."""
        ...

    # A source may also have `picked(samples)`: the same source with these rows of its list alone,
    # found without listing all others. A part of a billion pictures is read by it. Without it
    # everything is listed, which is as good for some millions.
