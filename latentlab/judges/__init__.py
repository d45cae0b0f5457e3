"""Judges by name: instruments that measure decoded pictures. A new one is a module and a line here.

An entry makes a `judge.Judge`: an object with `name`, `circular` and `measure(images) -> table`.
Its arguments are what that instrument needs, which differs; a user's own judge needs no entry.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from latentlab.judges.circular import CircularJudge
from latentlab.judges.judge import Judge as Judge
from latentlab.judges.landmarks import LandmarksJudge
from latentlab.judges.parts import train_parts_judge

if TYPE_CHECKING:
    from latentlab.judges.pixels import PixelJudge


def train_pixel_judge(*lesson: Any, **settings: Any) -> "PixelJudge":
    """`pixels.train_pixel_judge`, with its arguments."""
    from latentlab.judges import pixels  # on use: torch, which verdicts on tables do not wait for

    return pixels.train_pixel_judge(*lesson, **settings)


JUDGES: dict[str, Callable[..., Judge]] = {
    "landmarks": LandmarksJudge,
    "pixels": train_pixel_judge,
    "parts": train_parts_judge,
    "circular": CircularJudge.of_probes,
}
