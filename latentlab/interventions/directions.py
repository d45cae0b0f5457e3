"""Directions to move along: single latents, vectors made for a target, and controls."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from latentlab.alignment import TEXT
from latentlab.errors import DataError
from latentlab.randomness import numpy_generator

KINDS = ("latent", "probe", "mean_difference", "projected", "random", "zero")
CONTROLS = ("random", "zero")
RIVALS = 3  # targets projected out where none are named
SAME = 0.8  # correlation above which two targets are taken for one thing under two names
MIN_LEFT = 0.1  # length left of a unit vector below which projecting has taken it away


@dataclass(frozen=True, eq=False)
class Direction:
    """Where to move.

    Attributes:
        name: Its key in every table.
        kind: One of KINDS.
        vector: (latents,), of length 1; all 0 for the kind zero and where there is a `reason`.
        of: The target it was made for; None for latents and controls.
        without: The targets projected out of it.
        reason: Why it could not be made; None where it was.
    """

    name: str
    kind: str
    vector: np.ndarray
    of: str | None = None
    without: tuple[str, ...] = ()
    reason: str | None = None


def latent_directions(names: Sequence[str], active: np.ndarray) -> list[Direction]:
    """One direction an active latent, along its axis.

    Args:
        names: Of all latents, in order.
        active: (latents,) boolean, the column of `dimensions.summarize_dimensions`.
    """
    axes = np.eye(len(names))
    return [
        Direction(names[index], "latent", axes[index]) for index in np.flatnonzero(active).tolist()
    ]


def probe_directions(
    probes: pd.DataFrame, names: Sequence[str], targets: Sequence[str]
) -> list[Direction]:
    """The probe vector of each target, along which the probe's answer rises fastest.

    Args:
        probes: The table `directions` of `probe_targets`.
        names: Of all latents, in order.
        targets: One without a row in `probes` gets a direction that carries the reason.
    """
    vectors = _probe_vectors(probes, names)
    return [_made("probe", target, names, vectors.get(target)) for target in targets]


def mean_difference(codes: np.ndarray, values: np.ndarray, active: np.ndarray) -> np.ndarray:
    """The unit vector of the covariance between the codes and a target, (latents,).

    For a target of two values this is the difference of the class means:
    cov(z, y) = p (1 - p) (mean of z where y = 1 - mean of z where y = 0). For a number it is the
    same thing without a cut into classes, which would throw the middle away.

    Args:
        codes: Posterior means, (images, latents).
        values: (images,), NaN where unknown.
        active: (latents,) boolean; the others get 0.

    Raises:
        DataError: Fewer than two values of the target are known, or no code goes with it.
    """
    known = np.isfinite(values)
    if not known.any() or np.ptp(values[known]) == 0:
        raise DataError("the target has no two known values")
    covariance = (values[known] - values[known].mean()) @ codes[known]
    return _unit(np.where(active, covariance, 0.0), "no active latent goes with the target")


def mean_difference_directions(
    names: Sequence[str], active: np.ndarray, codes: np.ndarray, values: pd.DataFrame
) -> list[Direction]:
    """`mean_difference` of every column of `values`, (images, targets), NaN where unknown."""
    made = []
    for target in values:
        try:
            vector = mean_difference(codes, values[target].to_numpy(np.float64), active)
            made.append(_made("mean_difference", str(target), names, vector))
        except DataError as error:
            made.append(_made("mean_difference", str(target), names, None, str(error)))
    return made


def projected_out(direction: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The part of a unit vector along which no other probe's answer changes, as a unit vector.

    A probe with weights w changes its answer by w . d per unit along d, whatever the metric of the
    latent space, so "the others stay" is w . d = 0 for all others. Among the unit vectors with that
    property this one raises the target's own answer fastest, in the plain metric, the one in which
    the probe vector itself is steepest. Whitening by the codes' covariance would keep the same
    others still and only take another way round.

    Args:
        direction: (latents,), of length 1.
        others: The probe vectors to leave alone, (others, latents), of any length above 0.

    Raises:
        DataError: Less than MIN_LEFT of the direction is left.

    Source: conditional manipulation in Shen et al. 2020, https://arxiv.org/abs/1907.10786
    """
    _, sizes, basis = np.linalg.svd(others, full_matrices=False)
    basis = basis[sizes > 1e-8 * sizes.max(initial=0.0)]  # others may repeat one another
    left = direction - basis.T @ (basis @ direction)
    if np.linalg.norm(left) < MIN_LEFT * np.linalg.norm(direction):
        raise DataError("the probe vectors of the others leave nothing of it")
    return _unit(left, "the direction is zero")


def projected_directions(
    probes: pd.DataFrame, names: Sequence[str], without: Mapping[str, Sequence[str]]
) -> list[Direction]:
    """The probe vector of each target with the probe vectors of others projected out.

    Args:
        without: Target -> the targets to leave alone; those without a probe vector are left out.
    """
    vectors = _probe_vectors(probes, names)
    made = []
    for target, named in without.items():
        others = tuple(other for other in named if other in vectors and other != target)
        vector, reason = None, None
        if target in vectors and not others:
            reason = "there is no other probe vector to project out"
        elif target in vectors:
            try:
                vector = projected_out(vectors[target], np.stack([vectors[one] for one in others]))
            except DataError as error:
                reason = f"{error} ({', '.join(others)})"
        made.append(_made("projected", target, names, vector, reason, others))
    return made


def rivals(
    correlations: pd.DataFrame, target: str, *, count: int = RIVALS, ceiling: float = SAME
) -> list[str]:
    """The targets that go most with this one in the real data and are still something else.

    Args:
        correlations: Target by target; NaN where unknown.
        ceiling: Targets that correlate above this are this one under another name: with them
            projected out, nothing of it would be left.
    """
    size = correlations[target].drop(target).abs().dropna()
    return list(map(str, size[size <= ceiling].sort_values(ascending=False).index[:count]))


def random_directions(count: int, active: np.ndarray, seed: int) -> list[Direction]:
    """Unit vectors drawn evenly from all directions of the active latents.

    They show what moving by itself does: each changes a little of everything the code holds.
    """
    vectors = np.zeros((count, len(active)))
    rng = numpy_generator(seed, "random directions")
    vectors[:, active] = rng.standard_normal((count, int(np.sum(active))))
    return [
        Direction(f"random:{index:02d}", "random", _unit(vector, "no latent is active"))
        for index, vector in enumerate(vectors)
    ]


def zero_direction(latents: int) -> Direction:
    """Moves nowhere: every slope along it is 0 if decoding and measuring repeat themselves."""
    return Direction("zero", "zero", np.zeros(latents))


def all_directions(
    names: Sequence[str],
    active: np.ndarray,
    codes: np.ndarray,
    values: pd.DataFrame,
    probes: pd.DataFrame,
    *,
    without: Mapping[str, Sequence[str]] | None = None,
    random: int = 10,
    seed: int,
) -> list[Direction]:
    """Every active latent, three directions a target, and the controls.

    Args:
        names, active: The latents and which of them are active, (latents,).
        codes, values: Of the images that directions are fitted on (train): (images, latents) and
            (images, targets), NaN where unknown.
        probes: The table `directions` of `probe_targets`.
        without: Target -> the targets to project out of its probe vector; its `rivals` where not
            given.
    """
    targets = list(map(str, values.columns))
    if without is None:
        correlations = values.corr()
        without = {target: rivals(correlations, target) for target in targets}
    return [
        *latent_directions(names, active),
        *probe_directions(probes, names, targets),
        *mean_difference_directions(names, active, codes, values),
        *projected_directions(probes, names, without),
        *(random_directions(random, active, seed) if np.any(active) else []),
        zero_direction(len(names)),
    ]


def direction_table(directions: Sequence[Direction], names: Sequence[str]) -> pd.DataFrame:
    """What each direction is, one row a direction and latent that it moves.

    Returns:
        `direction, kind, of, without` (names joined by commas), `latent, weight, reason`. A
        direction that moves no latent has one row without a latent.
    """
    rows = []
    for one in directions:
        moved: list[tuple[str | None, float]] = [
            (names[index], float(one.vector[index]))
            for index in np.flatnonzero(one.vector).tolist()
        ]
        for latent, weight in moved or [(None, float("nan"))]:
            without = ", ".join(one.without) or None
            rows.append((one.name, one.kind, one.of, without, latent, weight, one.reason))
    columns = ["direction", "kind", "of", "without", "latent", "weight", "reason"]
    table = pd.DataFrame(rows, columns=columns)
    return table.astype({name: np.float64 if name == "weight" else TEXT for name in columns})


def _probe_vectors(probes: pd.DataFrame, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Target -> its unit vector in the order of `names`, (latents,)."""
    vectors = {}
    for target, rows in probes.groupby("target", sort=False):
        found = rows.set_index("latent")["weight"].reindex(list(names)).to_numpy(np.float64)
        if not np.isfinite(found).all():
            raise DataError(
                f"The table directions does not have every latent for {target}."
                " Make it again with `latentlab probe RUN`."
            )
        vectors[str(target)] = _unit(found, f"the probe vector of {target} is zero")
    return vectors


def _made(
    kind: str,
    target: str,
    names: Sequence[str],
    vector: np.ndarray | None,
    reason: str | None = None,
    without: tuple[str, ...] = (),
) -> Direction:
    """A direction for a target, or the reason why there is none."""
    name = f"{kind}:{target}"
    if vector is None:
        why = reason or "it has no probe vector: it was not probed, or no latent is active"
        return Direction(name, kind, np.zeros(len(names)), target, without, f"no direction: {why}")
    return Direction(name, kind, vector, target, without)


def _unit(vector: np.ndarray, otherwise: str) -> np.ndarray:
    length = np.linalg.norm(vector)
    if not np.isfinite(length) or length == 0:
        raise DataError(otherwise)
    return np.asarray(vector / length)
