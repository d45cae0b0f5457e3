"""What a metric gives back, and which factors it can be asked about."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

CONSTANT = "the factor is constant on these images"
ALL_CONSTANT = "every factor is constant on these images"
ONE_FACTOR = "only one factor varies on these images; at least two are needed"
ONE_LATENT = "there is only one latent; at least two are needed"
COLLAPSED = "every latent is constant on these images"


@dataclass(frozen=True)
class Result:
    """A score with what moves it.

    Attributes:
        score: None where it cannot be had.
        reason: Why it is None, else None.
        settings: Bins, rows, estimator, scores per factor or latent, as JSON can hold them.
    """

    score: float | None
    reason: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)

    def _repr_html_(self) -> str:
        from latentlab.notebook import facts_html

        plain = {k: v for k, v in self.settings.items() if not isinstance(v, Mapping | list)}
        said = {"score": self.score if self.reason is None else self.reason}
        return facts_html("", {**said, **plain})


def varying(factors: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, str]]:
    """The factors that take more than one value, and why each of the others is left out."""
    constant = [name for name in factors.columns if factors[name].nunique() < 2]
    return factors.drop(columns=constant), {str(name): CONSTANT for name in constant}


def named(names: pd.Index, values: Any) -> dict[str, float]:
    """Values by the name of their factor or latent, as JSON can hold them."""
    return {str(name): float(value) for name, value in zip(names, values, strict=True)}
