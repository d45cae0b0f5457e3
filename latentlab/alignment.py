"""Latents and targets of the same images side by side, checked once for every analysis."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from latentlab.artifacts import LARGEST, SPLITS, Targets, latent_columns, target_numbers
from latentlab.errors import DataError

# Missing is NaN in memory, as pandas 3 reads it back, and null in the file; never the text "None".
TEXT = pd.StringDtype(na_value=np.nan)


@dataclass(frozen=True)
class Aligned:
    """Codes and targets in the row order of the latents table.

    Attributes:
        codes: Posterior means, (images, latents), float64.
        split: One of SPLITS an image, (images,).
        values: (images, targets), float64; attributes are 0 and 1, NaN where unknown.
        groups: Number of the person in the image, (images,); None where no identity is known.
    """

    codes: np.ndarray
    split: np.ndarray
    values: pd.DataFrame
    groups: np.ndarray | None

    def groups_at(self, rows: np.ndarray) -> np.ndarray | None:
        return None if self.groups is None else self.groups[rows]


def align(latents: pd.DataFrame, targets: Targets) -> Aligned:
    """Bring targets into the order of the latents; images without a label get NaN.

    Raises:
        DataError: The tables do not hold what they must; the message names the column or the image.
    """
    check_latents(latents)
    if "split" not in latents.columns:
        raise DataError(
            "The latents table has no column split. Add one that says train, valid or test."
        )
    strange = latents.loc[~latents["split"].isin(SPLITS), "split"]
    if len(strange):
        raise DataError(
            f"The latents table has the split {strange.iloc[0]!r}; known are {', '.join(SPLITS)}."
            " Rename it."
        )
    ids = pd.Index(latents["image_id"])
    known = targets.values.index
    if not known.is_unique:
        raise DataError(
            f"The targets list image_id {known[known.duplicated()][0]!r} more than once. Keep one"
            " row of each image."
        )
    if len(targets.values.columns) and not ids.isin(known).any():
        raise DataError(
            "No image of the latents table is among the targets: the latents have image_id"
            f" {ids[0]!r}, the targets {known[0]!r}. Give both the same names."
            if len(known)
            else "The targets hold no image. Give those of the latents."
        )
    values = pd.DataFrame(
        {
            name: target_numbers(targets.values[name], name, role)
            for name, role in targets.roles.items()
        },
        index=known,
    )
    identity = None if targets.identity is None else targets.identity.reindex(ids)
    return Aligned(
        codes=latents[latent_columns(latents)].to_numpy(np.float64),
        split=latents["split"].to_numpy(object),
        values=values.reindex(ids),
        groups=_groups(identity),
    )


def check_latents(latents: pd.DataFrame) -> None:
    """Refuse a latents table without codes, with repeated images or with values that are no number.

    Raises:
        DataError: The message names the column or the image.
    """
    names = latent_columns(latents)
    if not names or "image_id" not in latents.columns:
        lacking = "image_id" if names else "mu_000"
        raise DataError(
            f"The latents table has no column {lacking}. It needs image_id, split and one column"
            " mu_000, mu_001, ... per latent."
        )
    if latents.empty:
        raise DataError("The latents table has no row. Encode some images first.")
    repeated = latents["image_id"].duplicated()
    if repeated.any():
        image = latents.loc[repeated, "image_id"].iloc[0]
        raise DataError(
            f"The latents table lists image_id {image!r} more than once. Keep one row of each"
            " image."
        )
    for name in [*names, *(column for column in latents.columns if _is_logvar(column))]:
        if not pd.api.types.is_numeric_dtype(latents[name]):
            raise DataError(f"Column {name} of the latents table is not numeric. Give numbers.")
        check_finite(latents[name], latents["image_id"], f"the latents table, column {name}")


def check_finite(values: pd.Series, ids: pd.Series | pd.Index, where: str) -> None:
    """Raise a DataError that names the first image whose value is missing, infinite, or so large
    that reckoning with it would be."""
    broken = ~(np.abs(values.to_numpy(np.float64, na_value=np.nan)) <= LARGEST)
    if broken.any():
        image = np.asarray(ids)[broken][0]
        raise DataError(
            f"In {where}: {broken.sum()} of {len(values)} values are missing or infinite,"
            f" first at image_id {image!r}. Leave such images out, or encode them again."
        )


def check_factors(codes: pd.DataFrame, factors: pd.DataFrame) -> None:
    """Refuse codes and factors that are not of the same images or that lack a value.

    Raises:
        DataError: The message names the column and the image.
    """
    if not codes.index.equals(factors.index):
        raise DataError(
            f"Codes ({len(codes)} rows) and factors ({len(factors)} rows) differ in their index."
            " Give both the same images in the same order."
        )
    if codes.empty or factors.empty:
        raise DataError("Codes and factors need at least one row and one column each. Add some.")
    for what, frame in (("codes", codes), ("factors", factors)):
        for name in frame.columns:
            check_finite(frame[name], frame.index, f"the {what}, column {name}")


def table(rows: list[dict[str, object]], columns: tuple[str, ...]) -> pd.DataFrame:
    """Rows to a table whose columns keep their types when every value is missing."""
    frame = pd.DataFrame(rows, columns=list(columns))
    for name in frame.columns:
        if name in _WHOLE:
            frame[name] = frame[name].astype("Int64")
        elif name in _NUMBERS:
            frame[name] = frame[name].astype(np.float64)
        else:
            frame[name] = frame[name].astype(TEXT)
    return frame


_WHOLE = {"n", "n_train", "positives", "lost", "rank", "k"}
_NUMBERS = {"value", "low", "high", "baseline", "penalty", "p_first", "p", "q", "share", "weight"}


def _is_logvar(column: object) -> bool:
    return str(column).startswith("logvar_")


def _groups(identity: pd.Series | None) -> np.ndarray | None:
    """Persons numbered from 0; an image of an unknown person is a person of its own."""
    if identity is None or identity.isna().all():
        return None
    groups, persons = pd.factorize(identity)
    unknown = groups < 0
    groups[unknown] = len(persons) + np.arange(unknown.sum())
    return groups
