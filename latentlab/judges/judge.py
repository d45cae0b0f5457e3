"""What a judge is: an instrument that measures pictures."""

from typing import Protocol

import numpy as np
import pandas as pd


class Judge(Protocol):
    """Measures pictures that a model has decoded; a user's own needs no more than this.

    Attributes:
        name: Stands in the tables.
        circular: It looks through the encoder of the model that is examined, and so may agree with
            the model where both are wrong. What only such a judge has seen supports nothing.
    """

    @property
    def name(self) -> str: ...

    @property
    def circular(self) -> bool: ...

    def measure(self, images: np.ndarray) -> pd.DataFrame:
        """Every target that this judge knows.

        Args:
            images: uint8, (n, side, side, 1 or 3).

        Returns:
            One row a picture, in order (RangeIndex); one float column a target, named as in
            `Targets.roles`. Attributes are log-odds or any other score that rises with them,
            statistics and factors are in their own unit. NaN where it cannot be measured. The row
            of a picture depends on no other picture.
        """
        ...
