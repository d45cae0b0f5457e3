"""Whether a target can be probed at all, and why not."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

MIN_KNOWN = 20  # images of train with a known target
MIN_KNOWN_TEST = 10
MIN_CLASS_TEST = 5  # positives, and negatives, in test


@dataclass(frozen=True)
class Counted:
    """What decides whether a target can be probed on the images of a split where it is known.

    Attributes:
        n, positives: Images, and those with a value of 1.
        low, high: Smallest and largest value.
    """

    n: int
    positives: int
    low: float
    high: float

    @classmethod
    def of(cls, y: np.ndarray) -> "Counted":
        if not len(y):
            return cls(0, 0, np.nan, np.nan)
        return cls(len(y), int((y == 1).sum()), float(y.min()), float(y.max()))


def obstacle(binary: bool, counted: Mapping[str, Counted], min_positives: int) -> str | None:
    """Why a target cannot be probed, in a sentence; None where it can.

    Args:
        binary: Whether it is an attribute.
        counted: Of train and of test.
    """
    for split, least in (("train", MIN_KNOWN), ("test", MIN_KNOWN_TEST)):
        if counted[split].n < least:
            return _too_few(counted[split].n, "images with a known value", split, least)
    for split, least in (("train", min_positives), ("test", MIN_CLASS_TEST)):
        seen = counted[split]
        if not binary:
            if seen.low == seen.high:
                return f"the value is {seen.low:g} in every image of {split}"
            continue
        for number, kind in ((seen.positives, "positive"), (seen.n - seen.positives, "negative")):
            if number < least:
                return _too_few(number, f"{kind} images", split, least)
    return None


def _too_few(number: int, what: str, split: str, least: int) -> str:
    return f"only {number} {what} in {split}; at least {least} are needed"
