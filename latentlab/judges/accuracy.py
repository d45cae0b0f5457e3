"""How well a judge reads pictures whose truth is known: originals, and the model's own."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from latentlab.alignment import TEXT
from latentlab.errors import DataError
from latentlab.judges.judge import Judge
from latentlab.probes.obstacles import MIN_CLASS_TEST, MIN_KNOWN_TEST
from latentlab.probes.scoring import SCORES, bootstrap_counts, estimate

METRIC_OF = {"attribute": "auc", "statistic": "r", "factor": "r"}
COLUMNS = (
    "judge", "target", "role", "pictures", "metric", "value", "low", "high", "n", "detected",
    "reason", "baseline", "circular", "lost",
)  # fmt: skip


def judge_accuracy(
    judge: Judge,
    targets: pd.DataFrame,
    roles: Mapping[str, str],
    pictures: Mapping[str, np.ndarray],
    *,
    seed: int,
    resamples: int = 1000,
    groups: np.ndarray | None = None,
    known: Mapping[str, pd.DataFrame] | None = None,
) -> pd.DataFrame:
    """What a judge says about pictures, against what is known of their originals.

    A judge that reads originals well and reconstructions badly cannot tell what a decoded picture
    shows; where it still reads them, the model has kept what it reads.

    Args:
        targets: One row an original, one column a target; missing where unknown.
        roles: Target -> one of `artifacts.ROLES`.
        pictures: Kind, such as `originals` and `reconstructions` -> uint8 (images, side, side,
            channels), all of the images of `targets`, in its order.
        resamples: Bootstrap resamples behind the 95 % percentile intervals; all kinds and targets
            share them, so that their differences are not chance's.
        groups: Person in each image, (images,); whole persons are then drawn.
        known: Kind -> what the judge has measured of these pictures already.

    Returns:
        One row a kind and target that the judge measures: `metric` is the AUC of attributes and
        Pearson's r of statistics and factors, `baseline` that of no information. `n` counts the
        images with a known value that the judge could measure; `detected` is their share of those
        with a known value. `value` is null where `reason` says why.

    Raises:
        DataError: the judge gave a table of another length.
    """
    counts = bootstrap_counts(len(targets), resamples, seed, groups, purpose="judge accuracy")
    rows: list[dict[str, object]] = []
    for kind, images in pictures.items():
        said = (known or {}).get(kind)
        if said is None:
            said = _measured(judge, images, len(targets))
        for target in (name for name in roles if name in said):
            found = _score(
                targets[target].to_numpy(np.float64, na_value=np.nan),
                said[target].to_numpy(np.float64),
                roles[target],
                counts,
            )
            own = {"judge": judge.name, "circular": judge.circular, "pictures": kind}
            rows.append({**own, "target": target, "role": roles[target], **found})
    return _typed(pd.DataFrame(rows, columns=list(COLUMNS)))


def _measured(judge: Judge, images: np.ndarray, expected: int) -> pd.DataFrame:
    if len(images) != expected:
        raise ValueError(f"there are {len(images)} pictures and {expected} rows of targets")
    said = judge.measure(images)
    if len(said) != expected:
        raise DataError(
            f"The judge {judge.name} gave {len(said)} rows for {expected} pictures. Its `measure`"
            " must give one row a picture, in order."
        )
    return said


def _score(truth: np.ndarray, said: np.ndarray, role: str, counts: np.ndarray) -> dict[str, object]:
    known = np.isfinite(truth)
    used = known & np.isfinite(said)
    metric = METRIC_OF[role]
    row: dict[str, object] = {
        "metric": metric,
        "n": int(used.sum()),
        "detected": float(used.sum() / known.sum()) if known.any() else None,
        "baseline": 0.5 if metric == "auc" else 0.0,
    }
    reason = _obstacle(truth[used], int(known.sum()), role)
    if reason is not None:
        return {**row, "reason": reason}
    y = truth[used] == 1 if role == "attribute" else truth[used]
    found = estimate(SCORES[metric], y, said[used], counts[:, used])
    return {**row, **vars(found)}


def _obstacle(truth: np.ndarray, known: int, role: str) -> str | None:
    """Why there is no score, in a sentence; None where there is one."""
    if known < MIN_KNOWN_TEST:
        return f"only {known} images have a known value; at least {MIN_KNOWN_TEST} are needed"
    if len(truth) < MIN_KNOWN_TEST:
        return f"the judge measured only {len(truth)} of {known} pictures"
    if role == "attribute":
        for number, what in ((truth.sum(), "positive"), ((truth == 0).sum(), "negative")):
            if number < MIN_CLASS_TEST:
                return f"only {number:.0f} {what} images; at least {MIN_CLASS_TEST} are needed"
    return None


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    """Columns that keep their types when every value is missing."""
    kinds = dict.fromkeys(COLUMNS, TEXT) | dict.fromkeys(("n", "lost"), "Int64")
    kinds |= dict.fromkeys(("value", "low", "high", "detected", "baseline"), np.float64)
    return frame.astype({**kinds, "circular": bool})
