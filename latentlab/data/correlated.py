"""Correlated factors through a Gaussian copula: what is drawn together changes, no factor alone.

Every factor is a rising function of a latent normal: a uniform factor is its distribution function,
a binary one says whether it exceeds a threshold. Correlating the normals leaves the distribution of
every factor as it was, so a confounded table differs from an independent one by the confounding
alone.

Source: Cario & Nelson 1997, "Modeling and generating random vectors with arbitrary marginal
distributions and correlation matrix"; the bivariate normal after Sheppard (1899) and Owen (1956).
"""

import difflib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.integrate import quad
from scipy.special import ndtr, ndtri, owens_t

from latentlab.errors import ConfigError

Pair = tuple[str, str, float]  # two factors and their Pearson correlation
Rates = Mapping[str, float | None]  # share of ones of a binary factor, None for a uniform one

HALVINGS = 60  # of an interval; leaves less than a rounding error of it
LEAST_EIGENVALUE = 1e-8  # below it a correlation matrix counts as out of reach


@dataclass(frozen=True)
class Group:
    """Factors that are drawn together.

    Attributes:
        names: In the order of the rates that were given.
        mixing: Lower triangular, (names, names); its product with independent standard normals has
            the correlations that the factors need.
    """

    names: tuple[str, ...]
    mixing: np.ndarray


def groups(pairs: Sequence[Pair], rates: Rates) -> list[Group]:
    """The factors that pairs tie together; those in no pair, or only in pairs of 0, are in none.

    Pairs that are not named are uncorrelated, also where both are tied to a third factor.

    Raises:
        ConfigError: a factor is unknown, a pair is given twice or of a factor with itself, or the
            correlations cannot be reached; the message says what can be.
    """
    asked = _by_pair(pairs, rates)
    normal = {
        pair: gaussian(r, rates[pair[0]], rates[pair[1]]) for pair, r in asked.items() if r != 0
    }
    made = []
    for names in _tied(normal, rates):
        matrix = _matrix(names, normal)
        if not _reachable(matrix):
            raise ConfigError(_unreachable(names, asked, rates))
        made.append(Group(names, np.linalg.cholesky(matrix)))
    return made


def correlate(draws: np.ndarray, group: Group, rates: Rates) -> np.ndarray:
    """Independent uniform draws to correlated ones, each still uniform on [0, 1].

    A binary factor is 1 where its draw is below its rate, so its draw falls as its normal rises.
    The first factor of the group keeps its draws.

    Args:
        draws: (names of the group, images), independent, uniform on [0, 1).

    Returns:
        The same shape. A column is a function of the same column of `draws` alone.
    """
    signs = [1.0 if rates[name] is None else -1.0 for name in group.names]
    normals = [sign * ndtri(row) for sign, row in zip(signs, draws, strict=True)]
    mixed = [draws[0]]
    for place in range(1, len(group.names)):
        # Summed term by term: a matrix product rounds differently for another number of images.
        total = np.zeros(draws.shape[1])
        for weight, normal in zip(group.mixing[place], normals, strict=True):
            if weight != 0:
                total = total + weight * normal
        mixed.append(ndtr(signs[place] * total))
    return np.stack(mixed)


def pearson(rho: float, first: float | None, second: float | None) -> float:
    """Correlation of two factors whose normals have the correlation `rho`, in [-1, 1].

    Args:
        first, second: The factors' rates, None for a uniform factor.
    """
    if first is None and second is None:
        return 6.0 / math.pi * math.asin(rho / 2.0)
    if first is not None and second is not None:
        covariance = _both_above(rho, first, second) - first * second
        return covariance / math.sqrt(first * (1 - first) * second * (1 - second))
    rate = first if first is not None else second
    assert rate is not None
    # Cov(Phi(z), w > t) = P(e < z, w > t) - rate / 2 with e another normal: a bivariate normal
    # probability with one threshold at 0, which is Owen's T function.
    covariance = float(owens_t(ndtri(rate), rho / math.sqrt(2.0 - rho**2)))
    return covariance / math.sqrt(rate * (1 - rate) / 12.0)


def gaussian(r: float, first: float | None, second: float | None) -> float:
    """The normals' correlation that gives the factors the correlation `r`; inverse of `pearson`,
    which rises with `rho`. `r` must lie between `pearson(-1, ...)` and `pearson(1, ...)`."""
    if first is None and second is None:
        return 2.0 * math.sin(math.pi * r / 6.0)
    return _last(lambda rho: pearson(rho, first, second) <= r, -1.0, 1.0)


def _both_above(rho: float, first: float, second: float) -> float:
    """Probability that two normals of correlation `rho` both exceed their threshold, which each
    does with its rate."""
    if rho >= 1:
        return min(first, second)
    if rho <= -1:
        return max(0.0, first + second - 1)
    h, k = float(ndtri(1 - first)), float(ndtri(1 - second))

    def density(angle: float) -> float:
        """The bivariate density over the correlation sin(angle), which has no pole there."""
        exponent = (h * h + k * k - 2 * h * k * math.sin(angle)) / (2 * math.cos(angle) ** 2)
        return math.exp(-exponent) / (2 * math.pi)

    return first * second + quad(density, 0.0, math.asin(rho), epsabs=1e-12)[0]


def _by_pair(pairs: Sequence[Pair], rates: Rates) -> dict[tuple[str, str], float]:
    """Correlation by pair, names in the order of the rates, once all of them are sound."""
    order = {name: place for place, name in enumerate(rates)}
    asked: dict[tuple[str, str], float] = {}
    for first, second, r in pairs:
        said = f"correlations: {first}, {second}, {r:g}"
        for name in (first, second):
            if name not in order:
                raise ConfigError(f"{said}: there is no factor {name}{nearest(name, list(order))}")
        if first == second:
            raise ConfigError(f"{said}: a factor cannot be paired with itself. Name two factors.")
        pair = (first, second) if order[first] < order[second] else (second, first)
        if pair in asked:
            raise ConfigError(f"{said}: this pair is given twice. Remove one of the two.")
        if not -1 < r < 1:
            raise ConfigError(f"{said}: a correlation must lie between -1 and 1, both excluded.")
        low, high = (pearson(end, rates[first], rates[second]) for end in (-1.0, 1.0))
        if not low < r < high:
            raise ConfigError(
                f"{said}: this cannot be reached, since a binary factor has two values only."
                f" Choose between {_inwards(low):.3f} and {_inwards(high):.3f}."
            )
        asked[pair] = r
    return asked


def nearest(name: str, known: Sequence[str]) -> str:
    """ ", did you mean ...?" for an unknown name, or the names that there are."""
    close = difflib.get_close_matches(name, known, n=1)
    return f", did you mean {close[0]}?" if close else f"; known are {', '.join(known)}."


def _tied(pairs: Mapping[tuple[str, str], float], rates: Rates) -> list[tuple[str, ...]]:
    """The connected parts of the graph of pairs, names in the order of the rates."""
    part = {name: {name} for pair in pairs for name in pair}
    for first, second in pairs:
        joined = part[first] | part[second]
        part |= dict.fromkeys(joined, joined)
    sets: list[set[str]] = []
    for name in rates:
        if name in part and part[name] not in sets:
            sets.append(part[name])
    return [tuple(name for name in rates if name in members) for members in sets]


def _matrix(names: tuple[str, ...], normal: Mapping[tuple[str, str], float]) -> np.ndarray:
    matrix = np.eye(len(names))
    for (first, second), rho in normal.items():
        if first in names:
            row, column = names.index(first), names.index(second)
            matrix[row, column] = matrix[column, row] = rho
    return matrix


def _reachable(matrix: np.ndarray) -> bool:
    return bool(np.linalg.eigvalsh(matrix)[0] > LEAST_EIGENVALUE)


def _unreachable(
    names: tuple[str, ...], asked: Mapping[tuple[str, str], float], rates: Rates
) -> str:
    """What to tell where each pair alone could be had, but not all of them together."""
    own = {pair: r for pair, r in asked.items() if pair[0] in names and r != 0}

    def holds(share: float) -> bool:
        normal = {
            pair: gaussian(share * r, rates[pair[0]], rates[pair[1]]) for pair, r in own.items()
        }
        return _reachable(_matrix(names, normal))

    share = _inwards(_last(holds, 0.0, 1.0))
    said = ", ".join(f"[{first}, {second}, {r:g}]" for (first, second), r in own.items())
    free = [
        f"{first} and {second}"
        for place, first in enumerate(names)
        for second in names[place + 1 :]
        if (first, second) not in own
    ]
    tied = f" while {free[0]} are uncorrelated" if free else ""
    way = f", or give {free[0]} a correlation too" if free else ""
    return f"correlations: {said} cannot all hold{tied}. Multiply them by {share:.3f} or less{way}."


def _last(holds: Callable[[float], bool], low: float, high: float) -> float:
    """The largest number up to which `holds` is true; it is taken to be true at `low`."""
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


def _inwards(value: float) -> float:
    """Three decimals, rounded towards 0, so that what is said to be within reach is."""
    return math.trunc(value * 1000) / 1000
