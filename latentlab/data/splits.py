"""Which images train, which choose, which test: the policies of `data.split`."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from latentlab.errors import DataError


@dataclass(frozen=True)
class Shares:
    """How images that come without a split are divided; `train` is the rest."""

    valid: float = 0.1
    test: float = 0.1


def published(samples: pd.DataFrame, shares: Shares, seed: int) -> pd.Series:
    """The split that the source comes with, missing where it says none. A valid split that it
    lacks is cut out of train."""
    if "split" not in samples:
        raise DataError(
            "this source comes without a split, so `published` cannot be had."
            " Choose --split random or --split identity."
        )
    split = samples["split"].copy()
    if not (split == "valid").any() and (split == "train").any():
        train = samples[split == "train"]
        share = Shares(valid=shares.valid, test=0.0)
        policy = identity if _known(samples) else random
        split.loc[train.index] = policy(train, share, seed)
    return split


def random(samples: pd.DataFrame, shares: Shares, seed: int) -> pd.Series:
    """Every image on its own."""
    return _divided(samples["image_id"].astype(str), samples.index, shares, seed)


def identity(samples: pd.DataFrame, shares: Shares, seed: int) -> pd.Series:
    """Whole persons, so that nobody is in two splits. An image of nobody known stands alone."""
    if not _known(samples):
        raise DataError(
            "this source does not say who is in the images, so they cannot be split by identity."
            " Choose --split random, or give identities."
        )
    known = samples["identity"].notna()
    groups = ("person " + samples["identity"].astype(str)).where(
        known, "image " + samples["image_id"].astype(str)
    )
    return _divided(groups, samples.index, shares, seed)


def automatic(samples: pd.DataFrame, shares: Shares, seed: int) -> pd.Series:
    """The published split if there is one, else by identity where known, else random."""
    if "split" in samples:
        return published(samples, shares, seed)
    return (identity if _known(samples) else random)(samples, shares, seed)


POLICIES: dict[str, Callable[[pd.DataFrame, Shares, int], pd.Series]] = {
    "auto": automatic,
    "published": published,
    "identity": identity,
    "random": random,
}


def _known(samples: pd.DataFrame) -> bool:
    return "identity" in samples and bool(samples["identity"].notna().any())


def _divided(groups: pd.Series, index: pd.Index, shares: Shares, seed: int) -> pd.Series:
    """Groups in the order of a hash of (seed, group); the first ones test, the next ones choose.

    So a group's place depends neither on the order of the images nor on which others there are,
    except at the two edges. A group goes where the middle of its images falls.
    """
    of_image, names = pd.factorize(groups)  # numbers, since there may be a group an image
    digests = (hashlib.sha256(f"{seed} {name}".encode()).digest() for name in names)
    order = np.argsort(np.fromiter(digests, "S32", len(names)))
    sizes = np.bincount(of_image)[order]
    middle = (sizes.cumsum() - sizes / 2) / sizes.sum()
    test, valid = shares.test, shares.test + shares.valid
    place = np.empty(len(names), np.int8)
    place[order] = np.select([middle < test, middle < valid], [0, 1], default=2)
    known = np.array(["test", "valid", "train"], object)
    return pd.Series(known[place[of_image]], index=index, name="split", dtype=object)
