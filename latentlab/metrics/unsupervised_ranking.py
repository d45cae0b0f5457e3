"""UDR: do models that were trained alike find the same latents? It needs no factors."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from latentlab.errors import DataError
from latentlab.metrics.result import Result
from latentlab.metrics.samples import check_codes

PENALTY = 0.1  # of the lasso, on standardised codes
MIN_KL = 0.01  # nats: a latent with less carries nothing
ALONE = "no other model has an informative latent"
EMPTY = f"no latent of this model has a mean KL above {MIN_KL} nats"


@dataclass(frozen=True)
class UDR:
    """How alike the models are, pair by pair, and each model's score.

    Attributes:
        models: Name -> Result; the score is the median of its likeness to the others.
        pairs: Likeness of the model in the row, whose latents predict, and that in the column, in
            [0, 1]; NaN on the diagonal and where a model has no informative latent.
    """

    models: dict[str, Result]
    pairs: pd.DataFrame


def unsupervised_ranking(
    codes: Mapping[str, pd.DataFrame],
    kl: Mapping[str, np.ndarray],
    *,
    association: Literal["lasso", "spearman"] = "lasso",
) -> UDR:
    """Score each model by how well its informative latents match those of the others one to one.

    Args:
        codes: Model -> posterior means of the same images, one row an image, one column a latent.
        kl: Model -> mean KL of each latent, nats, (latents,). Latents at MIN_KL or less are left
            out: they carry nothing, and would match nothing.
        association: Absolute weights of a lasso between standardised codes, or absolute rank
            correlation.

    Raises:
        DataError: The tables are not of the same images, a value is missing or infinite, there are
            fewer than two models, or KL is not known for every latent.

    Source: Duan et al. 2020, section 4, https://arxiv.org/abs/1905.12614, with the penalty and the
    median of their code: likeness is the mean over the latents of either side of (largest
    association)^2 / sum of associations.
    """
    _check(codes, kl)
    names = list(codes)
    informative = {name: np.asarray(kl[name]) > MIN_KL for name in names}
    standard = {name: _standardised(codes[name]) * informative[name] for name in names}
    associate = _lasso if association == "lasso" else _rank_correlation
    pairs = pd.DataFrame(np.nan, index=names, columns=names, dtype=np.float64)
    for one in names:
        for other in names:
            if one != other and informative[one].any() and informative[other].any():
                found = associate(standard[one], standard[other])
                likeness = _relative_strength(found[np.ix_(informative[one], informative[other])])
                pairs.loc[one, other] = likeness
    settings: dict[str, Any] = {"association": association, "rows": len(next(iter(codes.values())))}
    if association == "lasso":
        settings["penalty"] = PENALTY
    models = {}
    for name in names:
        own = pairs[name].dropna()
        about = {**settings, "informative": int(informative[name].sum()), "others": len(own)}
        if own.empty:
            reason = ALONE if informative[name].any() else EMPTY
            models[name] = Result(None, reason, about)
        else:
            models[name] = Result(float(own.median()), None, about)
    return UDR(models, pairs)


def _relative_strength(association: np.ndarray) -> float:
    """1 where each latent goes with just one of the other side, fully."""
    sides = []
    for axis in (0, 1):
        best, whole = association.max(axis=axis) ** 2, association.sum(axis=axis)
        sides.append(np.divide(best, whole, out=np.zeros_like(best), where=whole > 0).mean())
    return float(np.mean(sides))


def _lasso(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Absolute weights of the latents of one in predicting those of the other, (one, other)."""
    from sklearn.linear_model import Lasso  # on use, as in dci

    weights = Lasso(alpha=PENALTY).fit(one, other).coef_
    return np.abs(np.atleast_2d(weights)).T


def _rank_correlation(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Absolute Spearman correlations, (one, other); 0 for a constant latent."""
    ranks = [_unit(rankdata(each, axis=0)) for each in (one, other)]
    return np.abs(ranks[0].T @ ranks[1])


def _unit(values: np.ndarray) -> np.ndarray:
    """Columns of mean 0 and length 1; constant ones become 0."""
    centred = values - values.mean(axis=0)
    length = np.sqrt((centred**2).sum(axis=0))
    return centred / np.where(length > 0, length, 1.0)


def _standardised(codes: pd.DataFrame) -> np.ndarray:
    return _unit(codes.to_numpy(np.float64)) * np.sqrt(len(codes))


def _check(codes: Mapping[str, pd.DataFrame], kl: Mapping[str, np.ndarray]) -> None:
    if len(codes) < 2:
        raise DataError(f"UDR compares models: it needs at least two, and was given {len(codes)}.")
    first = next(iter(codes.values()))
    for name, table in codes.items():
        check_codes(table)
        if not table.index.equals(first.index):
            raise DataError(
                f"The codes of {name} are not of the same images as those of {next(iter(codes))}."
                " Encode the same images with every model."
            )
        if name not in kl or np.shape(kl[name]) != (len(table.columns),):
            raise DataError(
                f"{name} has {len(table.columns)} latents, and no KL for each of them was given."
            )
