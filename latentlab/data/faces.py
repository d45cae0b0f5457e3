"""Generated faces: pictures whose factors are known, so that every answer can be held to the truth.

The factors are drawn independently; boolean attributes under CelebA's names are thresholds on
them. Drawing itself is in `latentlab.data.drawing`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

import numpy as np
import pandas as pd
from annotated_types import Ge

from latentlab.data.drawing import draw

ORIGINAL_SIDE = 256  # pixels; what the face landmarker is shown
CHUNK = 64  # faces drawn at a time: the arrays stay within the processor's cache


@dataclass(frozen=True)
class Factor:
    """One independent cause of the picture, uniform between two values, or 0/1.

    Attributes:
        low, high: Ends of the range.
        meaning: What the two ends look like.
        share: Of a 0/1 factor, the share of ones; None for a continuous factor.
    """

    low: float
    high: float
    meaning: str
    share: float | None = None


FACTORS: dict[str, Factor] = {
    "smile": Factor(-1.0, 1.0, "corners of the mouth down, or up with the cheeks lifted"),
    "mouth_opening": Factor(0.0, 1.0, "lips together, or wide apart"),
    "eye_opening": Factor(0.0, 1.0, "lids nearly closed, or wide open"),
    "yaw": Factor(-1.0, 1.0, "head turned 16 degrees to the left of the picture, or to the right"),
    "roll": Factor(-1.0, 1.0, "head tilted 6 degrees against the clock, or with it"),
    "skin_tone": Factor(0.0, 1.0, "dark, or pale"),
    "hair_color": Factor(0.0, 1.0, "black, by way of brown, to blond"),
    "fringe": Factor(0.0, 1.0, "forehead bare, or covered with hair to the brows"),
    "brow_thickness": Factor(0.0, 1.0, "thin, or bushy"),
    "glasses": Factor(0.0, 1.0, "none, or a dark frame", share=0.35),
    "lipstick": Factor(0.0, 1.0, "lips of the skin's colour, or bright red"),
    "face_width": Factor(0.0, 1.0, "slim, or chubby"),
    "light": Factor(-1.0, 1.0, "light from the left of the picture, or from the right"),
    "background": Factor(0.0, 1.0, "dark, or less dark"),
}

# Thresholds on the factors, so that every attribute is neither rare nor common.
ATTRIBUTES: dict[str, Callable[[pd.DataFrame], pd.Series]] = {
    "Smiling": lambda f: f["smile"] > 0.1,
    "Mouth_Slightly_Open": lambda f: f["mouth_opening"] > 0.5,
    "Narrow_Eyes": lambda f: f["eye_opening"] < 0.35,
    "Eyeglasses": lambda f: f["glasses"] > 0.5,
    "Bangs": lambda f: f["fringe"] > 0.6,
    "Black_Hair": lambda f: f["hair_color"] < 0.3,
    "Brown_Hair": lambda f: f["hair_color"].between(0.3, 0.7, inclusive="left"),
    "Blond_Hair": lambda f: f["hair_color"] >= 0.7,
    "Pale_Skin": lambda f: f["skin_tone"] > 0.7,
    "Wearing_Lipstick": lambda f: f["lipstick"] > 0.55,
    "Bushy_Eyebrows": lambda f: f["brow_thickness"] > 0.65,
    "Chubby": lambda f: f["face_width"] > 0.65,
}


def sample_factors(images: int, seed: int) -> pd.DataFrame:
    """Independent factors, one row an image, one column a factor; the same for the same seed."""
    rng = np.random.default_rng([seed, images])
    columns = {}
    for name, factor in FACTORS.items():
        uniform = rng.random(images)
        if factor.share is None:
            columns[name] = factor.low + (factor.high - factor.low) * uniform
        else:
            columns[name] = (uniform < factor.share).astype(float)
    return pd.DataFrame(columns)


def attributes(factors: pd.DataFrame) -> pd.DataFrame:
    """Boolean attributes under CelebA's names, derived from the factors alone."""
    return pd.DataFrame({name: rule(factors) for name, rule in ATTRIBUTES.items()}).astype("boolean")


def render(factors: pd.DataFrame, side: int) -> np.ndarray:
    """Draw one face a row.

    Args:
        factors: Columns as in FACTORS; values outside a factor's range are drawn as they are.
        side: Height and width, pixels.

    Returns:
        uint8, (rows, side, side, 3). The picture at one side is the picture at another, seen
        from nearer or farther.
    """
    pictures = np.empty((len(factors), side, side, 3), dtype=np.uint8)
    values = {name: factors[name].to_numpy(dtype=np.float32) for name in FACTORS}
    for start in range(0, len(factors), CHUNK):
        rows = slice(start, start + CHUNK)
        pictures[rows] = draw({name: column[rows] for name, column in values.items()}, side)
    return pictures


@dataclass(frozen=True)
class Faces:
    """The embedded source: `limit` generated faces, 80 % train, 10 % valid, 10 % test."""

    limit: Annotated[int, Ge(10)] = 6000
    seed: Annotated[int, Ge(0)] = 0

    channels = 3

    @cached_property
    def samples(self) -> pd.DataFrame:
        factors = sample_factors(self.limit, self.seed)
        held_back = max(1, self.limit // 10)
        split = np.repeat(
            ["train", "valid", "test"], [self.limit - 2 * held_back, held_back, held_back]
        )
        table = pd.DataFrame(
            {
                "image_id": [f"face_{number:06d}" for number in range(self.limit)],
                "split": np.random.default_rng([self.seed, 1]).permutation(split),
            }
        )
        return pd.concat([table, attributes(factors), factors], axis=1)

    @property
    def roles(self) -> dict[str, str]:
        return dict.fromkeys(ATTRIBUTES, "attribute") | dict.fromkeys(FACTORS, "factor")

    def images(self, start: int, stop: int, side: int) -> np.ndarray:
        return render(self.samples.iloc[start:stop], side)

    def original(self, index: int) -> np.ndarray:
        return render(self.samples.iloc[index : index + 1], ORIGINAL_SIDE)[0]
