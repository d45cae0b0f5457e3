"""What changes along the way beside the targets: background, identity, and whether the model still
knows its own pictures."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from latentlab.alignment import TEXT
from latentlab.interventions.directions import Direction
from latentlab.interventions.effects import NUMBER
from latentlab.interventions.paths import (
    Cloud,
    absolute_changes,
    cosine_distances,
    frames,
    pairs_apart,
    squared_errors,
)
from latentlab.interventions.plan import Decode, Plan, decoded

REENCODED = 10  # anchors whose pictures go through the model again, which takes as long as the rest
PAIRED = 256  # anchors whose pictures are compared with one another, to have a unit of change
FAR = 0.99  # of the codes lie closer to the middle than a place that counts as outside

PATH_COLUMNS = {
    "direction": TEXT, "kind": TEXT, "t": NUMBER, "scale": NUMBER, "quantile": NUMBER,
    "outside": NUMBER, "reencoding_error": NUMBER, "reencoding_ratio": NUMBER, "detected": NUMBER,
    "background_change": NUMBER, "identity_change": NUMBER, "reason": TEXT,
}  # fmt: skip

Encode = Callable[[np.ndarray], np.ndarray]  # pictures -> posterior means (n, latents)
Embed = Callable[[np.ndarray], np.ndarray]  # pictures -> (n, features), rows of NaN if not known


LOOKS = ("reencoding", "border", "identity")


class Looks:
    """What changes beside the targets: re-encoding, border and identity.

    Attributes:
        unmoved: What `see` gives for the unmoved pictures, (anchors, looks).
        border_unit, identity_unit: What they are counted in.
        reasons: Name of a column of the paths -> why it is null.
    """

    def __init__(
        self,
        anchors: np.ndarray,
        unmoved: np.ndarray,
        units: np.ndarray,
        decode: Decode,
        encode: Encode | None,
        embed: Embed | None,
    ):
        self.decode, self.encode, self.embed = decode, encode, embed
        self.reasons: dict[str, str] = {}
        paired = np.sort(spread_anchors(anchors, PAIRED))
        first, second = (paired[side] for side in pairs_apart(units[paired]))
        self.reencoded = np.zeros(len(unmoved), bool)
        if encode is None:
            self.reasons["reencoding_error"] = "no encoder was given"
        else:
            self.reencoded[spread_anchors(anchors, REENCODED)] = True

        self.frames = frames(unmoved)
        self.border_unit = np.nan
        if len(first):
            changes = [
                absolute_changes(self.frames[one][None], self.frames[second[first == one]])
                for one in np.unique(first)
            ]
            self.border_unit = float(np.concatenate(changes).mean())
        if not self.border_unit > 0:
            self.border_unit = np.nan
            self.reasons["background_change"] = "the border is the same in all unmoved pictures"
        if not len(first):
            self.reasons["background_change"] = "the anchors are all of one person"

        self.identity_unit = np.nan
        self.embedded: np.ndarray | None = None
        if embed is None:
            self.reasons["identity_change"] = "no embedding of identity was given"
        else:
            self.embedded = np.asarray(embed(unmoved), np.float64)
            self._set_identity_unit(first, second)
        self.unmoved = self._seen(unmoved, np.arange(len(unmoved)), self.embedded)

    def see(self, pictures: np.ndarray, anchor: np.ndarray) -> np.ndarray:
        """Moved pictures and the anchor that each came from, (n,) -> (n, looks) in the order of
        LOOKS, NaN where not asked for."""
        embed = self.embed
        embedded = None if embed is None else np.asarray(embed(pictures), np.float64)
        return self._seen(pictures, anchor, embedded)

    def _seen(
        self, pictures: np.ndarray, anchor: np.ndarray, embedded: np.ndarray | None
    ) -> np.ndarray:
        found = np.full((len(pictures), len(LOOKS)), np.nan)
        reencoding, border, identity = found.T
        border[:] = absolute_changes(frames(pictures), self.frames[anchor])
        some = self.reencoded[anchor]
        if some.any():
            reencoding[some] = self._reencoding(pictures[some], anchor[some])
        if embedded is not None:
            assert self.embedded is not None
            identity[:] = cosine_distances(embedded, self.embedded[anchor])
        return found

    def _set_identity_unit(self, first: np.ndarray, second: np.ndarray) -> None:
        assert self.embedded is not None
        apart = cosine_distances(self.embedded[first], self.embedded[second])
        apart = apart[np.isfinite(apart)]
        if len(apart) and np.median(apart) > 0:
            self.identity_unit = float(np.median(apart))
        else:
            self.reasons["identity_change"] = "no two unmoved pictures differ in their embedding"

    def _reencoding(self, pictures: np.ndarray, anchor: np.ndarray) -> np.ndarray:
        assert self.encode is not None
        again = decoded(self.decode, np.asarray(self.encode(pictures)), anchor)
        return squared_errors(pictures, again)


def spread_anchors(anchors: np.ndarray, count: int) -> np.ndarray:
    """Which anchors to take: evenly over their order by code, so that the order in which they were
    given changes nothing.

    Args:
        anchors: Codes, (anchors, latents).

    Returns:
        Their numbers, (at most `count`,).
    """
    spread = np.linspace(0, len(anchors) - 1, min(count, len(anchors)))
    return np.asarray(np.lexsort(anchors.T)[np.round(spread).astype(int)])


def paths_table(
    directions: Sequence[Direction],
    plan: Plan,
    cloud: Cloud,
    looks: Looks,
    seen: np.ndarray,
    detections: pd.DataFrame,
) -> pd.DataFrame:
    """One row a direction and step; one without a step for a direction that was not made.

    Args:
        seen: What looks saw, (directions, anchors, steps, looks).
    """
    errors, border, identity = (_known_mean(each) for each in np.moveaxis(seen, -1, 0))
    least = detections.groupby(["direction", "t"])["detected"].min()
    common = "; ".join(f"no {name}: {why}" for name, why in looks.reasons.items())
    rows: list[dict[str, object]] = []
    for index, one in enumerate(directions):
        if not plan.made[index]:
            rows.append({"direction": one.name, "kind": one.kind, "reason": one.reason})
            continue
        quantiles = cloud.quantiles(plan.line(index))
        for step, t in enumerate(plan.t):
            base = errors[index, plan.middle]
            why = common
            if looks.embed is not None and not np.isfinite(identity[index, step]):
                why = "; ".join(filter(None, [why, "no identity_change: no picture has a face"]))
            rows.append(
                {
                    "direction": one.name,
                    "kind": one.kind,
                    "t": t,
                    "scale": plan.scale[index],
                    "quantile": quantiles[:, step].mean(),
                    "outside": (quantiles[:, step] > FAR).mean(),
                    "reencoding_error": errors[index, step],
                    "reencoding_ratio": errors[index, step] / base if base > 0 else np.nan,
                    "detected": least[one.name, t],
                    "background_change": border[index, step] / looks.border_unit,
                    "identity_change": identity[index, step] / looks.identity_unit,
                    "reason": why or None,
                }
            )
    return pd.DataFrame(rows, columns=list(PATH_COLUMNS)).astype(PATH_COLUMNS)


def _known_mean(each: np.ndarray) -> np.ndarray:
    """(directions, anchors, steps) -> (directions, steps), NaN where no anchor is known."""
    known = np.isfinite(each)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(known, each, 0.0).sum(axis=1) / known.sum(axis=1))
