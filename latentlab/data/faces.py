"""Generated faces with known factors: the source that needs no download.

Each face is drawn from factors (`FACTORS`), independent unless asked otherwise; attributes under
CelebA's names are thresholds of one factor each, so what a probe or a judge should find is known
exactly.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import pandas as pd
from annotated_types import Ge

from latentlab.data import labels
from latentlab.data.drawing import ROLL, YAW, draw
from latentlab.data.source import Block, Listing
from latentlab.errors import ConfigError, DataError

DEFAULT_IMAGES = 6000
TABLES = (".csv", ".tsv", ".parquet", ".csv.xz", ".tsv.xz")  # endings of a table of factors
ORIGINAL_SIDE = 256  # pixels; what landmarks are measured on
SIDES = (16, 1024)
PIXELS_AT_ONCE = 1 << 16  # keeps the planes of a batch within the processor's cache


@dataclass(frozen=True)
class Factor:
    """One thing that varies, independently of all others unless correlations are asked for.

    Attributes:
        low, high: Range of a continuous factor, drawn uniformly; 0 and 1 for a binary one.
        meaning: What `low` and `high` look like, in one line.
        kind: "continuous" or "binary".
        rate: Share of ones of a binary factor.
    """

    low: float
    high: float
    meaning: str
    kind: Literal["continuous", "binary"] = "continuous"
    rate: float = 0.5


FACTORS: dict[str, Factor] = {
    "smile": Factor(0.0, 1.0, "corners of the mouth a little down to far up, with the cheeks"),
    "mouth_opening": Factor(0.0, 1.0, "closed to wide open"),
    "eye_opening": Factor(0.0, 1.0, "nearly closed to wide open"),
    "brow_thickness": Factor(0.0, 1.0, "thin to bushy brows"),
    "brow_arch": Factor(0.0, 1.0, "flat to arched brows"),
    "nose_size": Factor(0.0, 1.0, "narrow to broad nose"),
    "face_width": Factor(0.0, 1.0, "narrow to wide face"),
    "skin_tone": Factor(0.0, 1.0, "dark to pale skin"),
    "lipstick": Factor(0.0, 1.0, "lips of the skin's colour to red lips"),
    "hair_color": Factor(0.0, 1.0, "black over brown to blond"),
    "hair_length": Factor(0.0, 1.0, "above the ears to the shoulders"),
    "fringe": Factor(0.0, 1.0, "bare forehead to hair down to the brows"),
    "glasses": Factor(0.0, 1.0, "no glasses or glasses", "binary", rate=0.35),
    "yaw": Factor(-YAW, YAW, "degrees; the face turned to the left or right of the picture"),
    "roll": Factor(-ROLL, ROLL, "degrees; the head tilted, clockwise above 0"),
    "light": Factor(-1.0, 1.0, "light from the left or right of the picture"),
    "background": Factor(0.0, 1.0, "dark to less dark background"),
}

ATTRIBUTES: dict[str, Callable[[pd.DataFrame], pd.Series]] = {
    "Smiling": lambda f: f["smile"] > 0.55,
    "Mouth_Slightly_Open": lambda f: f["mouth_opening"] > 0.55,
    "Narrow_Eyes": lambda f: f["eye_opening"] < 0.30,
    "Bushy_Eyebrows": lambda f: f["brow_thickness"] > 0.65,
    "Arched_Eyebrows": lambda f: f["brow_arch"] > 0.65,
    "Big_Nose": lambda f: f["nose_size"] > 0.65,
    "Chubby": lambda f: f["face_width"] > 0.70,
    "Pale_Skin": lambda f: f["skin_tone"] > 0.70,
    "Wearing_Lipstick": lambda f: f["lipstick"] > 0.60,
    "Black_Hair": lambda f: f["hair_color"] < 0.25,
    "Brown_Hair": lambda f: f["hair_color"].between(0.30, 0.70),
    "Blond_Hair": lambda f: f["hair_color"] > 0.75,
    "Bangs": lambda f: f["fringe"] > 0.60,
    "Eyeglasses": lambda f: f["glasses"] > 0.5,
}


def sample_factors(
    images: int, seed: int, correlations: Sequence[tuple[str, str, float]] = ()
) -> pd.DataFrame:
    """Factors, uniform in their ranges or binary at their rates: float64, (images, factors).

    Every factor has a stream of its own, so row i is a function of (seed, i) alone and a longer
    table begins with the shorter one. Factors in no pair do not depend on the correlations.

    Args:
        correlations: Two factors and their Pearson correlation; all other pairs have 0.

    Raises:
        ConfigError: the correlations cannot be had; see `correlated.groups`.
    """
    draws = {name: np.random.default_rng([seed, *name.encode()]).random(images) for name in FACTORS}
    if correlations:
        from latentlab.data import correlated  # on use: scipy is slow to import

        for group in correlated.groups(correlations, _rates()):
            own = np.stack([draws[name] for name in group.names])
            draws |= zip(group.names, correlated.correlate(own, group, _rates()), strict=True)
    columns = {}
    for name, factor in FACTORS.items():
        if factor.kind == "binary":
            columns[name] = (draws[name] < factor.rate).astype(np.float64)
        else:
            columns[name] = factor.low + (factor.high - factor.low) * draws[name]
    return pd.DataFrame(columns)


def read_factors(path: Path) -> pd.DataFrame:
    """A table of factors: CSV, TSV or parquet, a row a face.

    Returns:
        Its columns: any of FACTORS as float64, `image_id` and `split` as text where it has them.

    Raises:
        DataError: it cannot be read, a column is neither a factor nor one of these two, or a value
            is missing, repeated (`image_id`) or not one that the column can have.
    """
    if not path.name.lower().endswith(TABLES):
        raise DataError(f"{path} is no table of factors: its name must end in {_either(TABLES)}.")
    rows = labels.read_rows(path, keyed=False)
    columns = {}
    for name, cells in rows.cells.items():
        if name == "image_id":
            columns[name] = _ids(rows, cells)
        elif name == "split":
            columns[name] = _splits(rows)
        elif name in FACTORS:
            columns[name] = _values(rows, str(name))
        else:
            from latentlab.data.correlated import nearest

            known = ["image_id", "split", *FACTORS]
            raise DataError(f"{path}: the column {name} is not a factor{nearest(str(name), known)}")
    return pd.DataFrame(columns)


def attributes(factors: pd.DataFrame) -> pd.DataFrame:
    """Attributes under CelebA's names, nullable boolean, (images, attributes), same index."""
    return pd.DataFrame(
        {name: holds(factors).astype("boolean") for name, holds in ATTRIBUTES.items()},
        index=factors.index,
    )


def render(factors: pd.DataFrame, side: int, *, cut: bool = False) -> np.ndarray:
    """The pictures of faces with these factors: uint8 RGB, (images, side, side, 3).

    Memory beyond the result does not grow with the number of images.

    Args:
        factors: One column for every entry of FACTORS, within its range; others are ignored.
        side: Height and width, pixels, 16 to 1024.
        cut: Black in place of the background, and what is not background as a fourth channel.

    Raises:
        ConfigError: the side is not one that can be drawn.
        DataError: a factor is missing, unknown (NaN) or out of its range.
    """
    if not SIDES[0] <= side <= SIDES[1]:
        raise ConfigError(
            f"side={side} cannot be drawn: choose a side from {SIDES[0]} to {SIDES[1]} pixels."
        )
    values = {name: _checked(factors, name) for name in FACTORS}
    pictures = np.empty((len(factors), side, side, 4 if cut else 3), np.uint8)
    chunk = max(1, PIXELS_AT_ONCE // side**2)
    for start in range(0, len(factors), chunk):
        part = slice(start, start + chunk)
        drawn = {name: column[part] for name, column in values.items()}
        pictures[part] = draw(drawn, side, cut=cut)
    return pictures


@dataclass(frozen=True)
class Faces:
    """Generated faces with known factors; see `docs/faces.md`.

    Attributes:
        limit: How many; 6000, or all rows of the table of factors, if not given. Rows of a table
            are taken evenly.
        seed: Which; another seed gives other faces and another split.
        factors: A table of factors, a row a face: CSV, TSV or parquet. Factors that it lacks are
            drawn; columns `image_id` and `split` are used where it has them.
        correlations: Lists of two factors and their correlation, such as
            [[smile, mouth_opening, 0.6]]; all other pairs are uncorrelated.
        cut: Cut the faces out: black around them, and masks of what is kept. The factor
            `background` is then not to be seen.
    """

    limit: Annotated[int, Ge(10)] | None = None
    seed: Annotated[int, Ge(0)] = 0
    factors: Path | None = None
    correlations: tuple[tuple[str, str, float], ...] = ()
    cut: bool = False

    def __post_init__(self) -> None:
        sample_factors(0, self.seed, self.correlations)  # what cannot be drawn is told at once

    @cached_property
    def listing(self) -> Listing:
        """`image_id`, `split` (80 % train, 10 % valid, 10 % test unless the table says it),
        attributes, factors."""
        given = pd.DataFrame() if self.factors is None else read_factors(self.factors)
        self._check_pairs(given)
        count = (self.limit or DEFAULT_IMAGES) if self.factors is None else len(given)
        drawn = sample_factors(count, self.seed, self.correlations)
        factors = drawn.assign(**{name: given[name] for name in FACTORS if name in given})
        own = {"image_id": given.get("image_id", [f"face_{row:06d}" for row in range(count)])}
        if "split" in given:
            own["split"] = given["split"]
        samples = pd.concat([pd.DataFrame(own), attributes(factors), factors], axis=1)
        roles = dict.fromkeys(ATTRIBUTES, "attribute") | dict.fromkeys(FACTORS, "factor")
        listing = Listing(samples, roles, notes=self._notes(given)).limited(self.limit)
        if "split" not in given:
            # After the limit, so that every split has its share whatever rows are taken.
            listing.samples.insert(1, "split", _drawn_split(len(listing.samples), self.seed))
        return listing

    def picked(self, samples: pd.DataFrame) -> "Faces":
        """Some rows of the listing; a face is drawn from its factors alone."""
        some = replace(self)
        vars(some)["listing"] = Listing(samples.reset_index(drop=True), {})
        return some

    @property
    def channels(self) -> int:
        return 3

    @property
    def gives_masks(self) -> bool:
        return self.cut

    def read(self, start: int, stop: int, side: int) -> Block:
        """Faces start..stop-1; none is ever refused."""
        drawn = render(self.listing.samples.iloc[start:stop], side, cut=self.cut)
        return Block(drawn[..., :3], masks=drawn[..., 3] if self.cut else None)

    def original(self, index: int) -> np.ndarray:
        """One face at 256 pixels: uint8, (256, 256, 3)."""
        drawn = render(self.listing.samples.iloc[[index]], ORIGINAL_SIDE, cut=self.cut)
        return drawn[0, ..., :3]

    def _check_pairs(self, given: pd.DataFrame) -> None:
        """A factor that the table gives has no known distribution to be correlated through."""
        for first, second, r in self.correlations:
            for name in (first, second):
                if name in given:
                    raise ConfigError(
                        f"correlations: {first}, {second}, {r:g}: {name} is given by"
                        f" {self.factors}, and only drawn factors can be correlated. Remove the"
                        " pair or the column, or give both factors in the table."
                    )

    def _notes(self, given: pd.DataFrame) -> tuple[str, ...]:
        if self.factors is None:
            return ()
        known = [name for name in FACTORS if name in given]
        rest = len(FACTORS) - len(known)
        said = f"{self.factors.name} gives {', '.join(known) or 'no factor'}"
        return (f"{said}; the other {rest} factors are drawn." if rest else f"{said}.",)


def _rates() -> dict[str, float | None]:
    """Share of ones by binary factor, None for a uniform one."""
    return {
        name: factor.rate if factor.kind == "binary" else None for name, factor in FACTORS.items()
    }


def _drawn_split(count: int, seed: int) -> np.ndarray:
    """train, valid (a tenth) or test (a tenth) for each image."""
    held_out = count // 10
    order = np.random.default_rng([seed, *b"split"]).permutation(count)
    split = np.full(count, "train", dtype=object)
    split[order[:held_out]] = "valid"
    split[order[held_out : 2 * held_out]] = "test"
    return split


def _ids(rows: labels.Rows, cells: pd.Series) -> pd.Series:
    ids = cells.str.strip()
    if (ids == "").any():
        raise DataError(
            f"{rows.path}: image_id is missing in {_place(rows, ids == '')}. Name the face."
        )
    if not ids.is_unique:
        again = ids.duplicated()
        name = ids[again].iloc[0]
        first, second = _place(rows, ids == name), _place(rows, again)
        raise DataError(
            f"{rows.path}: the image_id {name} of {first} is repeated in {second}. Rename one."
        )
    return pd.Series(ids.tolist())


def _splits(rows: labels.Rows) -> np.ndarray:
    split, bad = labels.splits(rows, "split")
    if bad:
        row, reason = min(bad.items())
        where = _place(rows, np.arange(len(split)) == row)
        raise DataError(f"{rows.path}: the face of {where} {reason}. Mend it.")
    return split.to_numpy(dtype=object)


def _values(rows: labels.Rows, name: str) -> np.ndarray:
    """A column of factors: float64, exactly the numbers that are written."""
    factor, cells = FACTORS[name], rows.cells[name].str.strip()
    values = np.array([_number(cell) for cell in cells])
    allowed = (values >= factor.low) & (values <= factor.high)
    must = f"lie between {factor.low:g} and {factor.high:g}"
    if factor.kind == "binary":
        allowed, must = np.isin(values, (0.0, 1.0)), "be 0 or 1"
    if not allowed.all():
        cell = cells[~allowed].iloc[0]
        what = f"is {cell}" if cell else "is missing"
        raise DataError(
            f"{rows.path}: the factor {name} {what} in {_place(rows, ~allowed)}: it must {must}."
        )
    return values


def _number(cell: str) -> float:
    try:
        return float({"true": "1", "false": "0"}.get(cell.lower(), cell))
    except ValueError:
        return float("nan")


def _place(rows: labels.Rows, holds: np.ndarray | pd.Series) -> str:
    """Where the first of these rows stands in its file."""
    unit = "row" if rows.path.name.lower().endswith(".parquet") else "line"
    return f"{unit} {rows.lines[int(np.argmax(holds))]}"


def _either(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"


def _checked(factors: pd.DataFrame, name: str) -> np.ndarray:
    factor = FACTORS[name]
    if name not in factors:
        raise DataError(
            f"the factor {name} is missing: a face needs all of {', '.join(FACTORS)}. Add it."
        )
    values = factors[name].to_numpy(np.float64)
    wrong = ~((values >= factor.low) & (values <= factor.high))
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise DataError(
            f"the factor {name} is {values[row]:g} in row {row}:"
            f" it must lie between {factor.low:g} and {factor.high:g}."
        )
    return values
