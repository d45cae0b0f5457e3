"""Which dimension of one run is which of another: matched by their codes of the same images."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment

from latentlab.alignment import TEXT
from latentlab.comparison.groups import Grouping
from latentlab.comparison.runs import ComparedRun
from latentlab.randomness import numpy_generator

# One row a pair of runs and active dimension of either; what has no partner has its reason.
MATCH_COLUMNS = {
    "run_a": TEXT, "run_b": TEXT, "group_a": TEXT, "group_b": TEXT, "latent_a": TEXT,
    "latent_b": TEXT, "r": float, "strength": float, "control": float, "beyond": "boolean",
    "n": "Int64", "reason": TEXT,
}  # fmt: skip
SHUFFLES = 20


@dataclass(frozen=True, eq=False)
class Matching:
    """The active dimensions of two runs, assigned to each other one to one.

    Attributes:
        r: Correlations of all pairs, (active of a, active of b).
        pairs: Places of partners in a and in b, (pairs, 2); as many as the run with fewer active
            dimensions has.
        control: Mean absolute correlation of the partners when the rows of b are shuffled; None
            where nothing can be matched.
        limit: 95th percentile of the shuffled partners' largest one: a match beyond it is not
            chance.
    """

    latents_a: tuple[str, ...]
    latents_b: tuple[str, ...]
    r: np.ndarray
    pairs: np.ndarray
    control: float | None
    limit: float | None
    images: int

    @property
    def strengths(self) -> np.ndarray:
        """Absolute correlations of the partners, (pairs,)."""
        return np.abs(self.r[self.pairs[:, 0], self.pairs[:, 1]])

    def partner(self, latent: str) -> tuple[str, float] | None:
        """The partner in b of a latent of a, and the sign of their correlation."""
        for i, j in self.pairs:
            if self.latents_a[i] == latent:
                return self.latents_b[j], float(np.sign(self.r[i, j]))
        return None

    def reversed(self) -> "Matching":
        """The same from b to a."""
        return Matching(
            self.latents_b, self.latents_a, self.r.T, self.pairs[:, ::-1], self.control,
            self.limit, self.images,
        )  # fmt: skip


def match(a: pd.DataFrame, b: pd.DataFrame, *, shuffles: int = SHUFFLES, seed: int = 0) -> Matching:
    """Partners with the largest sum of absolute correlations (the Hungarian algorithm).

    Args:
        a, b: Codes of the same images in the same order, (images, active dimensions); constant
            columns correlate with nothing.
        shuffles: Of the rows of b, for the control.

    Source: Kuhn 1955, https://doi.org/10.1002/nav.3800020109; for latents of two models Li et al.
    2016, https://arxiv.org/abs/1511.07543
    """
    x, y = _standardized(a.to_numpy(np.float64)), _standardized(b.to_numpy(np.float64))
    r = x.T @ y
    pairs = _assigned(r)
    rng = numpy_generator(seed, "matching control")
    shuffled = []
    for _ in range(shuffles if len(pairs) else 0):
        chance = x.T @ y[rng.permutation(len(y))]
        taken = _assigned(chance)
        shuffled.append(np.abs(chance[taken[:, 0], taken[:, 1]]))
    return Matching(
        tuple(map(str, a.columns)),
        tuple(map(str, b.columns)),
        r,
        pairs,
        float(np.mean(shuffled)) if shuffled else None,
        float(np.quantile([one.max() for one in shuffled], 0.95)) if shuffled else None,
        len(a),
    )


def match_all(runs: Sequence[ComparedRun], *, seed: int = 0) -> dict[tuple[str, str], Matching]:
    """Every two runs by name, both ways round, matched on the test images."""
    found: dict[tuple[str, str], Matching] = {}
    for a, b in combinations(runs, 2):
        made = match(a.test_codes[a.active], b.test_codes[b.active], seed=seed)
        found[a.name, b.name], found[b.name, a.name] = made, made.reversed()
    return found


def matches_table(
    matchings: Mapping[tuple[str, str], Matching],
    runs: Sequence[ComparedRun],
    grouping: Grouping,
) -> pd.DataFrame:
    """MATCH_COLUMNS, every two runs once, in the order of `runs`.

    `r`: correlation of the partners' codes, with its sign. `strength`: its size. `control`: mean
    strength of the partners when one run's images are shuffled; `beyond`: whether this match is
    stronger than the strongest of nearly all (95 %) shuffles. `n`: test images.
    """
    rows: list[dict[str, object]] = []
    for a, b in combinations(runs, 2):
        made = matchings[a.name, b.name]
        head: dict[str, object] = {
            "run_a": a.name, "run_b": b.name, "group_a": grouping.of(a.name).name,
            "group_b": grouping.of(b.name).name, "control": made.control, "n": made.images,
        }  # fmt: skip
        strengths = made.strengths
        for (i, j), strength in zip(made.pairs, strengths, strict=True):
            rows.append(
                head
                | {
                    "latent_a": made.latents_a[i], "latent_b": made.latents_b[j],
                    "r": made.r[i, j], "strength": strength,
                    "beyond": made.limit is not None and bool(strength > made.limit),
                }
            )  # fmt: skip
        for side, names, places, other in (
            ("latent_a", made.latents_a, made.pairs[:, 0], b.name),
            ("latent_b", made.latents_b, made.pairs[:, 1], a.name),
        ):
            alone = set(range(len(names))) - set(places.tolist())
            reason = f"{other} has fewer active dimensions"
            rows += [head | {side: names[place], "reason": reason} for place in sorted(alone)]
    return pd.DataFrame(rows, columns=list(MATCH_COLUMNS)).astype(MATCH_COLUMNS)


def _standardized(codes: np.ndarray) -> np.ndarray:
    """Columns of mean 0 and length 1, so that products are correlations; constant ones become 0."""
    centred = codes - codes.mean(axis=0)
    length = np.linalg.norm(centred, axis=0)
    floor = 1e-9 * np.sqrt(len(codes)) * np.maximum(np.abs(codes).max(axis=0, initial=0.0), 1e-12)
    return np.divide(centred, length, out=np.zeros_like(centred), where=length > floor)


def _assigned(r: np.ndarray) -> np.ndarray:
    rows, columns = linear_sum_assignment(-np.abs(r))
    return np.stack([rows, columns], axis=1)
