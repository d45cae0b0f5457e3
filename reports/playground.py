"""The playground: what it is made of, and what a page holds of it."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from latentlab.portable.program import Program

REACH = 4.0  # standard deviations of the codes that a slider goes to either side


@dataclass(frozen=True)
class Axis:
    """Something to move along.

    Attributes:
        name: A latent, or the target that a direction was made for.
        kind: `latent`, or how the direction was made: `probe`, `mean_difference`, `projected`.
        vector: Latent units that one standard deviation of the codes along it covers, (latents,).
        selectivity: Of moving along it, in decoded pictures; None where nobody measured it.
    """

    name: str
    kind: str
    vector: np.ndarray
    selectivity: float | None = None


@dataclass(frozen=True)
class Reader:
    """A probe, to be asked about any code z: `coefficients @ z + intercept`, in log-odds for an
    attribute and in the target's own unit for a number.

    Attributes:
        spread: Standard deviation of a number in the data; None for an attribute.
    """

    target: str
    role: str
    coefficients: np.ndarray
    intercept: float
    spread: float | None = None


@dataclass(frozen=True)
class LiveDecoder:
    """All that the playground needs of a run.

    Attributes:
        program: The decoder.
        images: Ids of the images to start from.
        codes: What the program reads of each, (images, program.inputs); latents come first.
        pictures: uint8, (images, side, side, channels): these, decoded.
        mean, deviation: Of the codes of all images, (latents,).
        axes: Active latents, those with the most KL first, and then directions.
        readers: Of the targets that were probed.
        unread: Why there are no readers; empty where there are some.
    """

    program: Program
    images: tuple[str, ...]
    codes: np.ndarray
    pictures: np.ndarray
    latents: tuple[str, ...]
    mean: np.ndarray
    deviation: np.ndarray
    axes: tuple[Axis, ...]
    readers: tuple[Reader, ...]
    unread: str = ""


@dataclass(frozen=True)
class NoDecoder:
    """Why the decoder cannot run in the page, as a clause."""

    reason: str


@dataclass(frozen=True)
class Slider:
    """One axis on the page; `index` is its place among the axes of `Playground.data`."""

    index: int
    name: str
    note: str


@dataclass(frozen=True)
class Reading:
    """One probe on the page; `index` is its place among the readers of `Playground.data`."""

    index: int
    target: str
    href: str


@dataclass(frozen=True)
class Playground:
    """The block.

    Attributes:
        picture: Name in the album of the pictures to start from.
        faces: What each shows, in words.
        latents, directions: Sliders, in order; those after `shown` are folded away;
            each goes by `reach` to either side.
        readings: (title, unit of a change, probes) by role; only those that there are.
        data: What the script reads, as JSON can hold it.
    """

    kind: ClassVar[str] = "playground"
    picture: str
    faces: tuple[str, ...]
    latents: tuple[Slider, ...]
    directions: tuple[Slider, ...]
    readings: tuple[tuple[str, str, tuple[Reading, ...]], ...]
    data: dict[str, Any]
    shown: int = 8
    reach: float = REACH
