"""What every source gives, however its pictures are stored."""

from typing import Protocol

import numpy as np
import pandas as pd


class Source(Protocol):
    """Where pictures and what is known about them come from."""

    @property
    def samples(self) -> pd.DataFrame:
        """One row an image, in order: `image_id` (text, unique), `split` (train/valid/test),
        `identity` if known, then one column per target: nullable boolean for attributes,
        float for factors. Computed once."""
        ...

    @property
    def roles(self) -> dict[str, str]:
        """Target column -> "attribute", "statistic" or "factor"."""
        ...

    @property
    def channels(self) -> int:
        """1 (grey) or 3 (RGB)."""
        ...

    def images(self, start: int, stop: int, side: int) -> np.ndarray:
        """Pictures start..stop-1 as the model sees them: uint8, (n, side, side, channels).

        Raises DataError that names the file if one cannot be read."""
        ...

    def original(self, index: int) -> np.ndarray:
        """One picture as it came, for measuring on: uint8, (height, width, 3)."""
        ...
