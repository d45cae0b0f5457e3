"""Generated faces with known factors: the source that needs no download.

Each face is drawn from independent factors (`FACTORS`); attributes under CelebA's names are
thresholds of one factor each, so what a probe or a judge should find is known exactly.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Literal

import numpy as np
import pandas as pd
from annotated_types import Ge

from latentlab.data.drawing import ROLL, YAW, draw
from latentlab.errors import ConfigError, DataError

ORIGINAL_SIDE = 256  # pixels; what landmarks are measured on
SIDES = (16, 1024)
PIXELS_AT_ONCE = 1 << 16  # keeps the planes of a batch within the processor's cache


@dataclass(frozen=True)
class Factor:
    """One thing that varies, independently of all others.

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


def sample_factors(images: int, seed: int) -> pd.DataFrame:
    """Independent factors, uniform in their ranges: float64, (images, factors).

    Every factor has a stream of its own, so row i is a function of (seed, i) alone and a longer
    table begins with the shorter one.
    """
    columns = {}
    for name, factor in FACTORS.items():
        draws = np.random.default_rng([seed, *name.encode()]).random(images)
        if factor.kind == "binary":
            columns[name] = (draws < factor.rate).astype(np.float64)
        else:
            columns[name] = factor.low + (factor.high - factor.low) * draws
    return pd.DataFrame(columns)


def attributes(factors: pd.DataFrame) -> pd.DataFrame:
    """Attributes under CelebA's names, nullable boolean, (images, attributes), same index."""
    return pd.DataFrame(
        {name: holds(factors).astype("boolean") for name, holds in ATTRIBUTES.items()},
        index=factors.index,
    )


def render(factors: pd.DataFrame, side: int) -> np.ndarray:
    """The pictures of faces with these factors: uint8 RGB, (images, side, side, 3).

    Memory beyond the result does not grow with the number of images.

    Args:
        factors: One column for every entry of FACTORS, within its range; others are ignored.
        side: Height and width, pixels, 16 to 1024.

    Raises:
        ConfigError: the side is not one that can be drawn.
        DataError: a factor is missing, unknown (NaN) or out of its range.
    """
    if not SIDES[0] <= side <= SIDES[1]:
        raise ConfigError(
            f"side={side} cannot be drawn: choose a side from {SIDES[0]} to {SIDES[1]} pixels."
        )
    values = {name: _checked(factors, name) for name in FACTORS}
    pictures = np.empty((len(factors), side, side, 3), np.uint8)
    chunk = max(1, PIXELS_AT_ONCE // side**2)
    for start in range(0, len(factors), chunk):
        part = slice(start, start + chunk)
        pictures[part] = draw({name: column[part] for name, column in values.items()}, side)
    return pictures


@dataclass(frozen=True)
class Faces:
    """Generated faces with known factors; see `docs/faces.md`.

    Attributes:
        limit: How many.
        seed: Which; another seed gives other faces and another split.
    """

    limit: Annotated[int, Ge(10)] = 6000
    seed: Annotated[int, Ge(0)] = 0

    @cached_property
    def factors(self) -> pd.DataFrame:
        """One row a face, one float64 column per entry of FACTORS."""
        return sample_factors(self.limit, self.seed)

    @cached_property
    def samples(self) -> pd.DataFrame:
        """`image_id`, `split` (80 % train, 10 % valid, 10 % test), attributes, factors."""
        held_out = self.limit // 10
        order = np.random.default_rng([self.seed, *b"split"]).permutation(self.limit)
        split = np.full(self.limit, "train", dtype=object)
        split[order[:held_out]] = "valid"
        split[order[held_out : 2 * held_out]] = "test"
        named = pd.DataFrame(
            {"image_id": [f"face_{index:06d}" for index in range(self.limit)], "split": split}
        )
        return pd.concat([named, attributes(self.factors), self.factors], axis=1)

    @property
    def roles(self) -> dict[str, str]:
        return dict.fromkeys(ATTRIBUTES, "attribute") | dict.fromkeys(FACTORS, "factor")

    @property
    def channels(self) -> int:
        return 3

    def images(self, start: int, stop: int, side: int) -> np.ndarray:
        """Faces start..stop-1: uint8, (n, side, side, 3)."""
        return render(self.factors.iloc[start:stop], side)

    def original(self, index: int) -> np.ndarray:
        """One face at 256 pixels: uint8, (256, 256, 3)."""
        return render(self.factors.iloc[[index]], ORIGINAL_SIDE)[0]


def _checked(factors: pd.DataFrame, name: str) -> np.ndarray:
    factor = FACTORS[name]
    if name not in factors:
        raise DataError(f"the factor {name} is missing: a face needs all of {', '.join(FACTORS)}.")
    values = factors[name].to_numpy(np.float64)
    wrong = ~((values >= factor.low) & (values <= factor.high))
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise DataError(
            f"the factor {name} is {values[row]:g} in row {row}:"
            f" it must lie between {factor.low:g} and {factor.high:g}."
        )
    return values
