"""What a metric that fits an estimator works on: images to fit, and others to score."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from latentlab.alignment import check_factors, check_finite
from latentlab.errors import DataError
from latentlab.metrics.binned import is_discrete
from latentlab.metrics.result import ALL_CONSTANT, varying


@dataclass(frozen=True)
class Samples:
    """Codes and factors of the images to fit on and of those to score on.

    Attributes:
        codes, factors: One row an image, same index; one column a latent, one a factor.
        test_codes, test_factors: The same columns, of other images.
        reasons: Factor that is left out -> why.
    """

    codes: pd.DataFrame
    factors: pd.DataFrame
    test_codes: pd.DataFrame
    test_factors: pd.DataFrame
    reasons: dict[str, str]

    @property
    def obstacle(self) -> str | None:
        """Why nothing can be fitted, if so."""
        return None if len(self.factors.columns) else ALL_CONSTANT

    @property
    def settings(self) -> dict[str, object]:
        return {"rows": len(self.codes), "test_rows": len(self.test_codes), "reasons": self.reasons}

    def standardised(self) -> tuple[np.ndarray, np.ndarray]:
        """Codes to fit on and to score on, by the mean and deviation of the former; a constant
        latent becomes 0."""
        z, test_z = (one.to_numpy(np.float64) for one in (self.codes, self.test_codes))
        moves = np.ptp(z, axis=0) > 0
        mean, deviation = z.mean(axis=0), np.where(moves, z.std(axis=0), 1.0)
        return (z - mean) / deviation * moves, (test_z - mean) / deviation * moves

    def is_discrete(self, factor: str, bins: int) -> bool:
        return is_discrete(self.factors[factor].to_numpy(), bins)


def samples(
    codes: pd.DataFrame,
    factors: pd.DataFrame,
    test_codes: pd.DataFrame,
    test_factors: pd.DataFrame,
) -> Samples:
    """Check the four tables and leave out the factors that are constant in the first two.

    Raises:
        DataError: A value is missing or infinite, or the tables do not fit one another.
    """
    check_factors(codes, factors)
    check_factors(test_codes, test_factors)
    for what, one, other in (
        ("latents", codes, test_codes),
        ("factors", factors, test_factors),
    ):
        if list(one.columns) != list(other.columns):
            raise DataError(
                f"The {what} of the images to fit and to test are not the same columns."
            )
    kept, reasons = varying(factors)
    return Samples(codes, kept, test_codes, test_factors[list(kept.columns)], reasons)


def check_codes(codes: pd.DataFrame) -> None:
    """Refuse codes without rows or columns, or that lack a value.

    Raises:
        DataError: The message names the column and the image.
    """
    if codes.empty:
        raise DataError("Codes need at least one row and one column.")
    for name in codes.columns:
        check_finite(codes[name], codes.index, f"the codes, column {name}")
