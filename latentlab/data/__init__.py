"""Image sources: one module each, one line in SOURCES.

A source is a frozen dataclass whose fields are its settings (they are checked against the field
types when a config is read) and which gives, on demand, the sample table and the pictures.
It must be picklable, so that worker processes can read pictures from it.
"""

from collections.abc import Callable

from latentlab.data.celeba import CelebA
from latentlab.data.faces import Faces
from latentlab.data.source import Source as Source

SOURCES: dict[str, Callable[..., Source]] = {
    "faces": Faces,
    "celeba": CelebA,
}
