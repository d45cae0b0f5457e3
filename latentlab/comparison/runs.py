"""What a run brings to a comparison, and whether runs may be compared at all."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from latentlab.artifacts import latent_columns
from latentlab.errors import DataError


@dataclass(frozen=True, eq=False)
class ComparedRun:
    """One finished run.

    Attributes:
        name: Its own among the compared.
        config: Every setting, nested plain values.
        data: Digest of the data folder that it was made from.
        history: One row an epoch, see `latentlab.training`.
        latents: Of all images or of test alone: `image_id`, `split`, and the codes.
        dimensions: The table of this name.
        probes: The table of this name.
        verdicts, metrics: The tables of these names; None where the run has none.
    """

    name: str
    config: dict[str, Any]
    data: str
    history: pd.DataFrame
    latents: pd.DataFrame
    dimensions: pd.DataFrame
    probes: pd.DataFrame
    verdicts: pd.DataFrame | None = None
    metrics: pd.DataFrame | None = None

    @property
    def seed(self) -> int:
        return int(self.config["seed"])

    @property
    def likelihood(self) -> str | None:
        """How the run counts its nats of reconstruction; None where its model names none."""
        found = self.config.get("model", {}).get("likelihood")
        return None if found is None else str(found)

    @property
    def kept_epoch(self) -> pd.Series:
        """The row of the history whose weights were kept: of the lowest validation loss, the first
        of several; the last row where no such loss is known."""
        loss = self.history.get("valid_loss")
        if loss is None or loss.isna().all():
            return self.history.iloc[-1]
        return self.history.iloc[int(np.nanargmin(loss.to_numpy(np.float64)))]

    @property
    def active(self) -> list[str]:
        return self.dimensions.loc[self.dimensions["active"].astype(bool), "latent"].tolist()

    @cached_property
    def test_codes(self) -> pd.DataFrame:
        """Codes of the test images: rows by `image_id`, sorted; columns the latents."""
        test = self.latents[self.latents["split"] == "test"].set_index("image_id")
        return test[latent_columns(self.latents)].astype(np.float64).sort_index()


LEAST = 2  # finished runs that can be compared


@dataclass(frozen=True)
class LeftOut:
    """A run that was asked for and is not compared, and why."""

    name: str
    reason: str


@dataclass(frozen=True, eq=False)
class Candidates:
    """Runs that can be compared, and those that cannot."""

    runs: tuple[ComparedRun, ...]
    left_out: tuple[LeftOut, ...] = field(default=())

    @property
    def reasons(self) -> list[str]:
        """Those left out for one reason together: their number if many, and the reason."""
        names: dict[str, list[str]] = {}
        for one in self.left_out:
            names.setdefault(one.reason, []).append(one.name)
        return [
            f"{', '.join(alike) if len(alike) < 4 else f'{alike[0]} and {len(alike) - 1} others'}:"
            f" {reason}"
            for reason, alike in names.items()
        ]


def check_comparable(candidates: Candidates) -> None:
    """Refuse what says nothing side by side.

    Raises:
        DataError: Fewer than two runs are left; or one was made from other data, or has other test
            images, than the first. The message names it.
    """
    runs = candidates.runs
    if len(runs) < LEAST:
        why = "".join(f" {reasoned}." for reasoned in candidates.reasons)
        finished = f"only {runs[0].name} is" if runs else "no run is"
        raise DataError(f"Two finished runs are needed, and {finished}.{why} Name another.")
    first = runs[0]
    for other in runs[1:]:
        if other.data != first.data:
            raise DataError(
                f"{other.name} was made from other data than {first.name}. Compare runs of one data"
                " folder, or run one of them again on the other's."
            )
        if not other.test_codes.index.equals(first.test_codes.index):
            raise DataError(
                f"{other.name} has {_difference(first, other)} test images than {first.name}."
                " Encode both again with `latentlab encode`."
            )


def _difference(first: ComparedRun, other: ComparedRun) -> str:
    more = len(other.test_codes) - len(first.test_codes)
    return "other" if not more else f"{abs(more)} {'more' if more > 0 else 'fewer'}"


def targets_of(runs: Sequence[ComparedRun]) -> dict[str, str]:
    """Target -> role, of all that any of the runs probed, in order of appearance."""
    roles: dict[str, str] = {}
    for run in runs:
        for target, role in zip(run.probes["target"], run.probes["role"], strict=True):
            roles.setdefault(str(target), str(role))
    return roles
