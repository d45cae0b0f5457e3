"""From a run's tables to what a metric is asked: rows to score, chance, and the ceiling."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Protocol, Self

import numpy as np
import pandas as pd

from latentlab.alignment import align, table
from latentlab.artifacts import Targets, latent_columns
from latentlab.errors import ConfigError
from latentlab.naming import unknown
from latentlab.randomness import numpy_generator

MIN_ROWS = 20  # images with every factor known, of each split that is used
TEXT_AND_NUMBERS = ("metric", "value", "low", "high", "settings", "reason", "baseline", "n")
COLUMNS = (*TEXT_AND_NUMBERS, "ceiling", "surrogates")


class MetricResult(Protocol):
    @property
    def score(self) -> float | None: ...

    @property
    def reason(self) -> str | None: ...

    @property
    def settings(self) -> Mapping[str, Any]: ...


Family = Callable[..., Mapping[str, MetricResult]]


@dataclass(frozen=True)
class ImagePairs:
    """Pictures to compare, and weights of networks that look at them.

    Attributes:
        originals, others: uint8, (images, side, side, channels).
        what: What the others are, in words.
        lpips: Weights of AlexNet, and of LPIPS' heads; None without.
        inception: Weights of torch-fidelity's Inception v3; None without.
    """

    originals: np.ndarray
    others: np.ndarray
    what: str = "reconstructions"
    lpips: tuple[Path, Path] | None = None
    inception: Path | None = None


@dataclass(frozen=True)
class Sample:
    """The rows that a metric is asked about.

    Attributes:
        codes, factors: One row an image, same index; to fit on, where there is a test.
        test: Codes and factors to score on; None for a metric that fits nothing.
    """

    codes: pd.DataFrame
    factors: pd.DataFrame
    test: tuple[pd.DataFrame, pd.DataFrame] | None = None

    @property
    def tables(self) -> tuple[pd.DataFrame, ...]:
        return (self.codes, self.factors, *(self.test or ()))

    @property
    def scored(self) -> int:
        return len(self.test[0]) if self.test else len(self.codes)

    def shuffled(self, rng: np.random.Generator) -> Self:
        """With the rows of the factors in another order: what the codes know by chance."""
        test = self.test and (self.test[0], _permuted(self.test[1], rng))
        return replace(self, factors=_permuted(self.factors, rng), test=test)

    def ideal(self) -> Self:
        """With the factors themselves as codes, one latent each, standardised as latents are."""
        mean, deviation = self.factors.mean(), self.factors.std(ddof=0).replace(0, 1)

        def standard(factors: pd.DataFrame) -> pd.DataFrame:
            return (factors - mean) / deviation

        test = self.test and (standard(self.test[1]), self.test[1])
        return replace(self, codes=standard(self.factors), test=test)


@dataclass(frozen=True)
class Known:
    """Images whose factors are all known.

    Attributes:
        codes, factors: One row an image, same index from 0.
        split: One of SPLITS an image, (images,).
        names: The factors; surrogates: those of them that are attributes.
        feature: What the codes are: posterior means, or the features of discrete codes.
        left_out: Images with an unknown factor.
    """

    codes: pd.DataFrame
    factors: pd.DataFrame
    split: np.ndarray
    names: list[str]
    surrogates: list[str]
    feature: str
    left_out: int

    @property
    def settings(self) -> dict[str, Any]:
        return {
            "codes": self.feature,
            "factors": [name for name in self.names if name not in self.surrogates],
            "surrogates": self.surrogates,
            "left_out": self.left_out,
        }

    def sample(self, rows: int, rng: np.random.Generator) -> Sample | str:
        """At most so many images of all splits, or why there are too few."""
        return self._obstacle("all splits", len(self.codes)) or self._at(
            _drawn(np.arange(len(self.codes)), rows, rng)
        )

    def split_sample(self, rows: int, test_rows: int, rng: np.random.Generator) -> Sample | str:
        """At most so many images of train and of test, or why there are too few."""
        places = {split: np.flatnonzero(self.split == split) for split in ("train", "test")}
        for split, found in places.items():
            obstacle = self._obstacle(split, len(found))
            if obstacle:
                return obstacle
        train = self._at(_drawn(places["train"], rows, rng))
        test = self._at(_drawn(places["test"], test_rows, rng))
        return replace(train, test=(test.codes, test.factors))

    def _at(self, rows: np.ndarray) -> Sample:
        codes, factors = (
            each.iloc[rows].reset_index(drop=True) for each in (self.codes, self.factors)
        )
        return Sample(codes, factors)

    def _obstacle(self, where: str, images: int) -> str | None:
        if not self.names:
            return "no known factors"
        if images < MIN_ROWS:
            return (
                f"only {images} images of {where} have all factors known; at least {MIN_ROWS} are"
                " needed"
            )
        return None


def known_images(
    latents: pd.DataFrame, targets: Targets, surrogates: Sequence[str] | Literal["all"]
) -> Known:
    """Bring factors beside the codes and leave out the images with an unknown one.

    Raises:
        ConfigError: A surrogate is not an attribute of the targets.
        DataError: A table is not as it must be; the message names the column or the image.
    """
    aligned = align(latents, targets)
    attributes = [name for name, role in targets.roles.items() if role == "attribute"]
    chosen = attributes if surrogates == "all" else list(dict.fromkeys(surrogates))
    for name in chosen:
        if name not in attributes:
            raise ConfigError(
                f"metrics.surrogates: only an attribute can stand in for a factor;"
                f" {unknown(name, dict.fromkeys(attributes))}"
            )
    factors = [name for name, role in targets.roles.items() if role == "factor"]
    values = aligned.values[[*factors, *chosen]]
    known = values.notna().all(axis=1).to_numpy()
    columns = latent_columns(latents)
    feature = columns[0].partition("_")[0]
    return Known(
        codes=latents.loc[known, columns].reset_index(drop=True),
        factors=values[known].reset_index(drop=True),
        split=aligned.split[known],
        names=list(values.columns),
        surrogates=chosen,
        feature={"mu": "mean"}.get(feature, feature),
        left_out=int((~known).sum()),
    )


def asked(
    names: Sequence[str],
    family: Family,
    sample: Sample | str,
    settings: Mapping[str, Any],
    *,
    seed: int,
) -> list[dict[str, object]]:
    """One row a score: on these codes, on shuffled factors, and on the factors as codes."""
    if isinstance(sample, str):
        return [unasked(name, sample, settings) for name in names]
    shuffled = sample.shuffled(numpy_generator(seed, "metrics baseline"))
    found, chance, ceiling = (
        family(*each.tables, seed=seed) for each in (sample, shuffled, sample.ideal())
    )
    return [
        {
            **_row(name, found[name], settings, sample.scored),
            "baseline": chance[name].score,
            "ceiling": ceiling[name].score,
        }
        for name in names
    ]


def asked_of_codes(
    name: str,
    metric: Callable[..., MetricResult],
    codes: pd.DataFrame,
    settings: Mapping[str, Any],
    *,
    seed: int,
) -> dict[str, object]:
    """One row: on these codes, and on codes whose latents are shuffled one by one."""
    rng = numpy_generator(seed, "metrics independence")
    independent = codes.apply(lambda column: rng.permutation(column.to_numpy()))
    row = _row(name, metric(codes, seed=seed), settings, len(codes))
    return {**row, "baseline": metric(independent, seed=seed).score}


def asked_of_images(
    name: str, metric: Callable[..., MetricResult], images: ImagePairs
) -> dict[str, object]:
    """One row of one of IMAGE_METRICS."""
    weights: dict[str, Any] = {}
    if name == "lpips" and images.lpips is not None:
        weights = dict(zip(("backbone", "heads"), images.lpips, strict=True))
    elif name in ("fid", "kid"):
        weights = {"inception": images.inception}
    result = metric(images.originals, images.others, **weights)
    return _row(name, result, {"of": images.what}, len(images.originals))


def unasked(name: str, reason: str, settings: Mapping[str, Any] | None = None) -> dict[str, object]:
    """The row of a metric that cannot be had here."""
    settings = settings or {}
    return {
        "metric": name,
        "reason": reason,
        "settings": json.dumps(settings),
        "surrogates": bool(settings.get("surrogates")),
    }


def tabulated(rows: list[dict[str, object]]) -> pd.DataFrame:
    """The rows as a table with COLUMNS."""
    made = table(rows, TEXT_AND_NUMBERS)
    made["ceiling"] = np.array([row.get("ceiling") for row in rows], np.float64)
    made["surrogates"] = np.array([row["surrogates"] for row in rows], bool)
    return made


def picked(codes: pd.DataFrame, most: int, rng: np.random.Generator) -> pd.DataFrame:
    """At most so many of the rows, in their order."""
    return codes.iloc[_drawn(np.arange(len(codes)), most, rng)].reset_index(drop=True)


def _row(
    name: str, result: MetricResult, settings: Mapping[str, Any], rows: int
) -> dict[str, object]:
    return {
        "metric": name,
        "value": result.score,
        "reason": result.reason,
        "settings": json.dumps({**settings, **result.settings}, allow_nan=False),
        "n": rows,
        "surrogates": bool(settings.get("surrogates")),
    }


def _drawn(rows: np.ndarray, most: int, rng: np.random.Generator) -> np.ndarray:
    return rows if len(rows) <= most else np.sort(rng.choice(rows, most, replace=False))


def _permuted(table: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    return table.iloc[rng.permutation(len(table))].reset_index(drop=True)
