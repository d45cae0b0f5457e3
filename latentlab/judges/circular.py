"""A judge that encodes the picture again with the examined model and asks the probe: a circle."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from latentlab.errors import DataError
from latentlab.probes.logistic import LogisticProbe
from latentlab.probes.ridge import RidgeProbe

Encode = Callable[[np.ndarray], np.ndarray]  # uint8 (n, side, side, channels) -> (n, latents)


@dataclass(frozen=True)
class CircularJudge:
    """The probes' answers on the codes of the picture, encoded again.

    It asks the model about itself. A direction that was chosen by a probe, decoded to something
    that shows nothing of the attribute but is encoded to where it came from, satisfies this judge
    perfectly. It tells whether decoder and encoder agree, and nothing about the picture.

    Attributes:
        encode: Pictures to posterior means.
        directions: Target -> coefficients (latents,) and intercept of its probe, in latent units.
    """

    encode: Encode
    directions: Mapping[str, tuple[np.ndarray, float]]
    name: str = field(default="circular", init=False)
    circular: bool = field(default=True, init=False)

    @classmethod
    def of_probes(
        cls, encode: Encode, fits: Mapping[str, LogisticProbe | RidgeProbe]
    ) -> "CircularJudge":
        """From fitted probes, such as `probes.analysis.ProbeResults.fits`."""
        return cls(encode, {target: (fit.coef_, fit.intercept_) for target, fit in fits.items()})

    def measure(self, images: np.ndarray) -> pd.DataFrame:
        """One row a picture, one column a probed target; see `judge.Judge`.

        Attributes are log-odds, statistics and factors in their own unit.

        Raises:
            DataError: the probes are of another number of latents than the encoder's codes.
        """
        codes = np.asarray(self.encode(images), np.float64)
        columns = {}
        for target, (coef, intercept) in self.directions.items():
            if len(coef) != codes.shape[1]:
                raise DataError(
                    f"The probe of {target} reads {len(coef)} latents and the encoder gives"
                    f" {codes.shape[1]}. Probe the latents of this model again."
                )
            columns[target] = codes @ coef + intercept
        return pd.DataFrame(columns, index=pd.RangeIndex(len(images)))
